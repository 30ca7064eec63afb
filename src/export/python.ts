/** Pieces of Python text. A model's name comes from a file: nothing of it may become code. */
import { basename, extname } from "node:path";
import { mustBe, OptionError } from "../errors.js";

/** What a module must not be called, since nothing could import it. */
const KEYWORDS = new Set(
  `False None True and as assert async await break class continue def del elif else except finally for from global if import in is
  lambda nonlocal not or pass raise return try while with yield`.split(/\s+/),
);

export const tuple = (values: readonly number[]): string =>
  values.length === 1 ? `(${values[0]},)` : `(${values.join(", ")})`;

/** Layers' names are letters, digits, _, . and -: JSON's quotes are Python's. */
export const text = (value: string): string => JSON.stringify(value);

export const flag = (value: boolean): string => (value ? "True" : "False");

/** For comments and docstrings. */
export const harmless = (name: string): string => name.replace(/[^\w .-]/g, "_") || "model";

export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !KEYWORDS.has(name);
}

/** The name under which a file is imported. @throws OptionError when Python could not import it */
export function moduleName(where: string, path: string): string {
  const name = basename(path, extname(path));
  if (extname(path) === ".py" && isIdentifier(name)) return name;
  const rule = "be a .py file that Python can import: letters, digits and _";
  throw new OptionError(mustBe(where, "path", rule, path));
}

/** The file beside a module that holds its weights. */
export const besideModule = (path: string, suffix: string): string => path.slice(0, -".py".length) + suffix;
