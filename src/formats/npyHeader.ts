/** The header of an npy file: a Python dictionary, of which only what NumPy itself writes is understood. */
import type { ErrorCode } from "../errorCodes.js";
import { type FileError, show } from "../errors.js";
import type { Shape } from "../shape.js";
import type { NpyType } from "./npy.js";

export interface NpyHeader {
  readonly type: NpyType;
  readonly bigEndian: boolean;
  /** First index fastest. */
  readonly columnMajor: boolean;
  readonly shape: Shape;
  readonly valueBytes: number;
}

type Refuse = (what: string, code: ErrorCode) => FileError;

const MAX_RANK = 32;
const WIDTHS: Readonly<Record<NpyType, number>> = {
  f4: 4,
  f8: 8,
  i1: 1,
  i2: 2,
  i4: 4,
  i8: 8,
  u1: 1,
  u2: 2,
  u4: 4,
  u8: 8,
  b1: 1,
};
const KEYS = ["descr", "fortran_order", "shape"] as const;
type Key = (typeof KEYS)[number];

/** `'key': value,` where a value is text, a tuple of digits, a list of fields, or a word. No two parts can match the same character. */
const PAIR =
  /[ \n]*(?:'([^'\\]*)'|"([^"\\]*)")[ ]*:[ ]*('[^'\\]*'|"[^"\\]*"|\([^()]*\)|\[[^\]]*\]|[A-Za-z0-9_.+-]+)[ ]*(,|(?=[ ]*\}))/y;

/** @throws what `refuse` makes */
export function parseNpyHeader(bytes: Uint8Array, encoding: "latin1" | "utf-8", refuse: Refuse): NpyHeader {
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse("its header is no UTF-8", "NPY_HEADER_TEXT");
  }
  if (!text.endsWith("\n")) throw refuse("its header does not end with a newline", "NPY_HEADER_TEXT");
  const entries = pairs(text, refuse);
  const { type, bigEndian } = checkType(entries.descr, refuse);
  const order = entries.fortran_order;
  if (order !== "True" && order !== "False") {
    throw refuse(`fortran_order is ${show(order)}`, "NPY_ORDER");
  }
  const { shape, size } = checkShape(entries.shape, refuse);
  const valueBytes = size * WIDTHS[type];
  if (!Number.isSafeInteger(valueBytes)) {
    throw refuse(`shape ${show(shape)} has more than 2^53 bytes`, "NPY_SHAPE_OVERFLOW");
  }
  return { type, bigEndian, columnMajor: order === "True", shape, valueBytes };
}

function pairs(text: string, refuse: Refuse): Record<Key, string> {
  const found = new Map<string, string>();
  const syntax = (at: number) =>
    refuse(`its header cannot be understood at character ${at}`, "NPY_HEADER_SYNTAX");
  if (text[0] !== "{") throw syntax(0);
  let at = 1;
  for (;;) {
    PAIR.lastIndex = at;
    const match = PAIR.exec(text);
    if (!match) break;
    const key = match[1] ?? match[2];
    if (!KEYS.some((known) => known === key)) throw syntax(at);
    if (found.has(key)) throw refuse(`its header has ${show(key)} twice`, "NPY_HEADER_KEY");
    found.set(key, match[3]);
    at = PAIR.lastIndex;
  }
  if (text.slice(at).trim() !== "}") throw syntax(at);
  const missing = KEYS.find((key) => !found.has(key));
  if (missing) throw refuse(`its header lacks ${missing}`, "NPY_HEADER_KEY");
  return Object.fromEntries(found) as Record<Key, string>;
}

function checkType(descr: string, refuse: Refuse): { type: NpyType; bigEndian: boolean } {
  if (descr.startsWith("[") || descr.startsWith("(")) {
    throw refuse("it holds records; only plain numbers are read", "NPY_STRUCTURED");
  }
  const text = /^(['"])(.*)\1$/.exec(descr)?.[2];
  if (text === undefined) throw refuse(`its dtype is ${show(descr)}`, "NPY_DTYPE");
  if (/^[<>|=]?O/.test(text)) {
    const why = "such a pickle is a program, and it is not run. Save it with a dtype of numbers";
    throw refuse(`it holds Python objects (dtype ${show(text)}); ${why}`, "NPY_PICKLE");
  }
  const [, order, name] = /^([<>|])([a-z]\d)$/.exec(text) ?? [];
  const width = name && Object.hasOwn(WIDTHS, name) ? WIDTHS[name as NpyType] : 0;
  if (width === 0 || (order === "|" && width > 1)) {
    throw refuse(`dtype ${show(text)} is none of ${Object.keys(WIDTHS).join(", ")}`, "NPY_DTYPE");
  }
  return { type: name as NpyType, bigEndian: order === ">" };
}

function checkShape(text: string, refuse: Refuse): { shape: Shape; size: number } {
  if (!/^\((?:\d{1,20}(?:, ?\d{1,20})*,?)?\)$/.test(text) || /^\(\d+\)$/.test(text)) {
    throw refuse(`its shape is ${show(text)}`, "NPY_SHAPE");
  }
  const shape = (text.match(/\d+/g) ?? []).map(Number);
  if (shape.length > MAX_RANK) throw refuse(`it has ${shape.length} dimensions`, "NPY_SHAPE_RANK");
  let product = 1;
  for (const size of shape) {
    product *= Math.max(size, 1);
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(product)) {
      throw refuse(`shape ${text.slice(0, 100)} has more than 2^53 elements`, "NPY_SHAPE_OVERFLOW");
    }
  }
  return { shape, size: shape.includes(0) ? 0 : product };
}
