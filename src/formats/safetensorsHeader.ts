/** The header of a safetensors file, believed in nothing: every name, type, shape and offset is checked before a tensor is read. */
import type { ErrorCode } from "../errorCodes.js";
import type { FileError } from "../errors.js";
import { show } from "../errors.js";
import type { Shape } from "../shape.js";
import { type JsonFault, parseStrictJson } from "./json.js";
import { MAXIMUM_NAME_LENGTH, type NameFault, nameFault } from "./names.js";

/** The format itself allows 100 MB; a network of 10,000 tensors needs less than this. */
export const MAX_HEADER_BYTES = 1 << 20;
export const MAX_TENSORS = 10_000;
const MAX_RANK = 32;
/** header, entry, shape */
const MAX_DEPTH = 3;
const METADATA = "__metadata__";
const FIELDS = ["dtype", "shape", "data_offsets"];
const BRACE = 0x7b;

/** Bytes an element, for the types that are read here. */
const ELEMENT_BYTES = { F32: 4, F64: 8, I32: 4, I64: 8 } as const;
export type DataType = keyof typeof ELEMENT_BYTES;
const OTHER_TYPES = [
  ...["BOOL", "U8", "I8", "I16", "U16", "F16", "BF16", "U32", "U64", "C64"],
  ...["F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2", "F8_E8M0"],
];

export interface Entry {
  readonly name: string;
  readonly dataType: DataType;
  readonly shape: Shape;
  /** Bytes from the end of the header on. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: Record<string, string>;
}

type Damaged = (what: string, code: ErrorCode) => FileError;

const NAME_RULES: Readonly<Record<NameFault, string>> = {
  EMPTY: "is empty",
  TOO_LONG: `has more than ${MAXIMUM_NAME_LENGTH} characters`,
  CONTROL: "has control or invisible characters",
  MALFORMED: "has half a surrogate pair",
  PROTOTYPE: "means something else to JavaScript",
  PATH: "is like a path",
  URL: "is like a URL",
};

/**
 * @param dataBytes  how many bytes follow the header   @param types  those that the caller takes
 * @throws what `damaged` makes
 */
export function parseHeader(
  bytes: Uint8Array,
  dataBytes: number,
  types: readonly DataType[],
  damaged: Damaged,
): Header {
  if (bytes[0] !== BRACE) {
    throw damaged("its header is no JSON object", "SAFETENSORS_HEADER_START");
  }
  const header = parseStrictJson(decode(bytes, damaged), MAX_DEPTH, jsonError(damaged)) as object;
  const names = Object.keys(header).length;
  if (names > MAX_TENSORS + 1) {
    throw damaged(`it has ${names} tensors, more than ${MAX_TENSORS}`, "SAFETENSORS_TOO_MANY_TENSORS");
  }
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) metadata = checkMetadata(value, damaged);
    else entries.push(checkEntry(name, value, dataBytes, types, damaged));
  }
  if (entries.length > MAX_TENSORS) {
    throw damaged(
      `it has ${entries.length} tensors, more than ${MAX_TENSORS}`,
      "SAFETENSORS_TOO_MANY_TENSORS",
    );
  }
  checkCoverage(entries, dataBytes, damaged);
  return { entries, metadata };
}

function decode(bytes: Uint8Array, damaged: Damaged): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged("its header is no UTF-8", "SAFETENSORS_HEADER_NOT_UTF8");
  }
}

function jsonError(damaged: Damaged) {
  return (fault: JsonFault, what: string, depth: number): FileError => {
    switch (fault) {
      case "depth":
        return damaged(`its header is no list of tensors: ${what}`, "SAFETENSORS_HEADER_TOO_DEEP");
      case "many":
        return damaged(`its header is no list of tensors: ${what}`, "SAFETENSORS_TOO_MANY_TENSORS");
      case "duplicate":
        return depth === 1
          ? damaged(`the name ${show(what)} is in its header twice`, "SAFETENSORS_DUPLICATE_NAME")
          : damaged(`an entry of its header has ${show(what)} twice`, "SAFETENSORS_DUPLICATE_FIELD");
      case "dangerous":
        return damaged(`the name ${show(what)} ${NAME_RULES.PROTOTYPE}`, "SAFETENSORS_NAME_PROTOTYPE");
      case "syntax":
        return damaged(`its header is no JSON object: ${what}`, "SAFETENSORS_HEADER_NOT_JSON");
    }
  };
}

function checkMetadata(value: unknown, damaged: Damaged): Record<string, string> {
  if (!isObject(value)) throw damaged("its metadata are no object", "SAFETENSORS_METADATA_NOT_OBJECT");
  for (const [key, text] of Object.entries(value)) {
    const fault = nameFault(key);
    if (fault) {
      throw damaged(`the metadata's key ${show(key)} ${NAME_RULES[fault]}`, "SAFETENSORS_METADATA_NAME");
    }
    if (typeof text !== "string") {
      throw damaged(`its metadata are not all text: ${show(key)}`, "SAFETENSORS_METADATA_NOT_TEXT");
    }
  }
  return value as Record<string, string>;
}

function checkEntry(
  name: string,
  value: unknown,
  dataBytes: number,
  types: readonly DataType[],
  damaged: Damaged,
): Entry {
  const fault = nameFault(name);
  if (fault) throw damaged(`the name ${show(name)} ${NAME_RULES[fault]}`, `SAFETENSORS_NAME_${fault}`);
  const wrong = (what: string, code: ErrorCode) => damaged(`tensor ${show(name)} ${what}`, code);
  if (!isObject(value)) throw wrong("has no entry of its own", "SAFETENSORS_ENTRY_NOT_OBJECT");
  const unknown = Object.keys(value).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    throw wrong(`has an unknown field ${show(unknown)}`, "SAFETENSORS_ENTRY_UNKNOWN_FIELD");
  }
  const dataType = checkType(value.dtype, types, wrong);
  const { shape, size } = checkShape(value.shape, wrong);
  const bytes = size * ELEMENT_BYTES[dataType];
  if (!Number.isSafeInteger(bytes)) {
    throw wrong(`of shape ${show(shape)} has more than 2^53 bytes`, "SAFETENSORS_SHAPE_OVERFLOW");
  }
  const [begin, end] = checkOffsets(value.data_offsets, dataBytes, wrong);
  if (end - begin !== bytes) {
    throw wrong(`of shape ${show(shape)} has ${end - begin} bytes instead of ${bytes}`, "SAFETENSORS_SIZE");
  }
  return { name, dataType, shape, begin, end };
}

function checkType(dtype: unknown, types: readonly DataType[], wrong: Damaged): DataType {
  if (dtype === undefined) throw wrong("has no dtype", "SAFETENSORS_DTYPE_MISSING");
  if (typeof dtype !== "string") throw wrong("has a dtype that is no text", "SAFETENSORS_DTYPE_NOT_TEXT");
  const found = types.find((type) => type === dtype);
  if (found) return found;
  const read = types.map((type) => show(type)).join(", ");
  const exists = OTHER_TYPES.includes(dtype) || Object.hasOwn(ELEMENT_BYTES, dtype);
  throw wrong(
    `has type ${show(dtype)}; only ${read} is read here`,
    exists ? "SAFETENSORS_DTYPE_UNSUPPORTED" : "SAFETENSORS_DTYPE_UNKNOWN",
  );
}

function checkShape(shape: unknown, wrong: Damaged): { shape: Shape; size: number } {
  if (shape === undefined) throw wrong("has no shape", "SAFETENSORS_SHAPE_MISSING");
  if (!Array.isArray(shape)) throw wrong("has a shape that is no list", "SAFETENSORS_SHAPE_NOT_LIST");
  if (shape.length > MAX_RANK) {
    throw wrong(`has ${shape.length} dimensions, more than ${MAX_RANK}`, "SAFETENSORS_SHAPE_RANK");
  }
  // A product with a 0 in it is 0; without it, it must not overflow either.
  let product = 1;
  for (const dimension of shape) {
    if (!Number.isInteger(dimension)) {
      throw wrong(`has the dimension ${show(dimension)}`, "SAFETENSORS_SHAPE_NOT_INTEGER");
    }
    if (dimension < 0 || Object.is(dimension, -0)) {
      throw wrong(`has the dimension ${show(dimension)}`, "SAFETENSORS_SHAPE_NEGATIVE");
    }
    product *= Math.max(dimension, 1);
    if (!Number.isSafeInteger(product)) {
      throw wrong(`of shape ${show(shape)} has more than 2^53 elements`, "SAFETENSORS_SHAPE_OVERFLOW");
    }
  }
  return { shape, size: shape.includes(0) ? 0 : product };
}

function checkOffsets(offsets: unknown, dataBytes: number, wrong: Damaged): readonly [number, number] {
  if (offsets === undefined) throw wrong("has no data_offsets", "SAFETENSORS_OFFSETS_MISSING");
  if (!Array.isArray(offsets) || offsets.length !== 2) {
    throw wrong("has data_offsets that are no pair", "SAFETENSORS_OFFSETS_NOT_PAIR");
  }
  for (const offset of offsets) {
    if (!Number.isSafeInteger(offset)) {
      throw wrong(`has the offset ${show(offset)}`, "SAFETENSORS_OFFSETS_NOT_INTEGER");
    }
    if (offset < 0 || Object.is(offset, -0)) {
      throw wrong(`has the offset ${show(offset)}`, "SAFETENSORS_OFFSETS_NEGATIVE");
    }
  }
  const [begin, end] = offsets;
  if (end < begin) throw wrong(`ends at ${end}, before it begins`, "SAFETENSORS_OFFSETS_REVERSED");
  if (end > dataBytes) {
    throw wrong(`ends at ${end}, the data at ${dataBytes}`, "SAFETENSORS_OFFSETS_BEYOND");
  }
  return [begin, end];
}

/** Offsets must cover the data exactly: no gap, no overlap, nothing left over. */
function checkCoverage(entries: readonly Entry[], dataBytes: number, damaged: Damaged): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      throw damaged(
        `tensor ${show(name)} starts at ${begin}, the one before ends at ${covered}`,
        begin < covered ? "SAFETENSORS_OVERLAP" : "SAFETENSORS_HOLE",
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw damaged(`its tensors take ${covered} bytes, the file has ${dataBytes}`, "SAFETENSORS_TAIL");
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
