/**
 * Error classes and their wording: "<where>: <argument> must <rule>; got <value> (<context>)."
 * Every error that a user can cause is one of these; the command line prints the message and exits with `exitCode`.
 */
import type { ErrorCode } from "./errorCodes.js";

export interface CodedErrorOptions extends ErrorOptions {
  readonly code?: ErrorCode;
}

export class CbapdError extends Error {
  /** 2 for misuse (wrong option, shapes that do not fit), 1 for a failure at run time. */
  readonly exitCode: number = 1;
  /** Why a file was refused: a key of docs/errors.md. Undefined where no file is to blame. */
  readonly code: ErrorCode | undefined;
  constructor(message: string, options?: CodedErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = options?.code;
  }
}

/** A wrong argument, an unknown option or an unknown name. */
export class OptionError extends CbapdError {
  override readonly exitCode = 2;
}

/** Shapes that do not fit together. */
export class ShapeError extends CbapdError {
  override readonly exitCode = 2;
}

/** Data that is missing, damaged, or out of range. */
export class DataError extends CbapdError {}

/** A file that cannot be read, written or understood. */
export class FileError extends CbapdError {}

/** A folder that another process works in. */
export class LockError extends FileError {}

/** A worker that died, threw, or did not answer in time. */
export class WorkerError extends CbapdError {}

/** A message is one line, however long the value is that it complains of. */
const SHOWN_CHARACTERS = 200;
const SHOWN_ELEMENTS = 20;
const SHOWN_CANDIDATES = 30;

/** Shows a value as it would be typed, cut where it is long: strings quoted, arrays in brackets. */
export function show(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (ArrayBuffer.isView(value) || Array.isArray(value)) {
    const elements = value as ArrayLike<unknown>;
    const shown = Array.from({ length: Math.min(elements.length, SHOWN_ELEMENTS) }, (_, i) =>
      show(elements[i]),
    );
    if (elements.length > SHOWN_ELEMENTS) shown.push(`… (${elements.length} in all)`);
    return shorten(`[${shown.join(", ")}]`);
  }
  if (typeof value === "object" && value !== null) return shorten(printable(JSON.stringify(value)));
  return String(value);
}

function quoted(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return printable(JSON.stringify(text));
  return `${printable(JSON.stringify(text.slice(0, SHOWN_CHARACTERS)))}… (${text.length} characters)`;
}

function shorten(text: string): string {
  return text.length <= 2 * SHOWN_CHARACTERS ? text : `${text.slice(0, 2 * SHOWN_CHARACTERS)}…`;
}

/** Characters that would act on a terminal instead of being seen, and that JSON leaves as they are. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}

/** `<where>: <argument> must <rule>; got <value> (<context>).` */
export function mustBe(
  where: string,
  argument: string,
  rule: string,
  value: unknown,
  context?: string,
): string {
  return `${where}: ${argument} must ${rule}; got ${show(value)}${context ? ` (${context})` : ""}.`;
}

/** The candidate nearest to `name` by edit distance, or undefined when nothing is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of candidates) {
    // No fewer edits than characters too many: spares most of the work where thousands of long names are known.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

/** `unknown layer option "filter". Did you mean "filters"?`, or the list of all names when none is near. */
export function unknownName(what: string, name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  const known = candidates.slice(0, SHOWN_CANDIDATES).join(", ");
  const more = candidates.length > SHOWN_CANDIDATES ? `, … (${candidates.length} in all)` : "";
  const hint = near ? `Did you mean ${show(near)}?` : `Known: ${known}${more}.`;
  return `unknown ${what} ${show(name)}. ${hint}`;
}

/** Throws OptionError when `options` has a key that is not in `known`. */
export function rejectUnknownKeys(where: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new OptionError(`${where}: ${unknownName("option", key, known)}`);
  }
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j] + 1, row[j - 1] + 1, substitute));
    }
    previous = row;
  }
  return previous[b.length];
}
