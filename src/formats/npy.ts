/**
 * NumPy's npy: one array.
 *   "\x93NUMPY", major, minor;  length of the header, 2 bytes (version 1) or 4, little-endian;
 *   the header, a Python dictionary of descr, fortran_order and shape, which ends with a newline;  the values.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { withFile, writeFileAtomic } from "#files";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import { type Shape, sameShape, sizeOf } from "../shape.js";
import { parseNpyHeader } from "./npyHeader.js";

/** NumPy's names of what is read here; b1 are truth values, one byte each. */
export const NPY_ARRAYS = {
  f4: Float32Array,
  f8: Float64Array,
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
  b1: Uint8Array,
} as const;
export type NpyType = keyof typeof NPY_ARRAYS;
export type NpyData = InstanceType<(typeof NPY_ARRAYS)[NpyType]>;

export interface NpyArray {
  readonly type: NpyType;
  readonly shape: Shape;
  /** Row-major, whatever the order in the file. */
  readonly data: NpyData;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_HEADER_BYTES = 1 << 16;
/** NumPy aligns the values to this. */
const ALIGNMENT = 64;
const LITTLE_ENDIAN_MACHINE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** @throws FileError that names the file */
export function readNpy(path: string): Promise<NpyArray> {
  return withFile(path, async (source) => decodeNpy(path, await source.read(0, source.size)));
}

/** Replaces the file atomically. @throws FileError */
export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeFileAtomic(path, encodeNpy(path, array));
}

/**
 * `readNpy` from memory, of which `bytes` are taken over: the values are moved and turned around in place, so that a large
 * array is there once. @param name for messages @throws FileError
 */
export function decodeNpy(name: string, bytes: Uint8Array): NpyArray {
  const refuse = (what: string, code: ErrorCode) =>
    new FileError(`${name} is damaged or no npy file: ${what}.`, { code });
  if (bytes.length < 10) throw refuse(`it has ${bytes.length} bytes`, "NPY_TOO_SHORT");
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw refuse("it does not begin with \\x93NUMPY", "NPY_MAGIC");
  }
  const [major, minor] = [bytes[6], bytes[7]];
  if (major < 1 || major > 3 || minor !== 0) {
    throw refuse(`version ${major}.${minor} is none of 1.0, 2.0 and 3.0`, "NPY_VERSION");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw refuse(`it has ${bytes.length} bytes`, "NPY_TOO_SHORT");
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerBytes > MAX_HEADER_BYTES) {
    throw refuse(`its header would have ${headerBytes} bytes`, "NPY_HEADER_TOO_LARGE");
  }
  const end = start + headerBytes;
  if (end > bytes.length) {
    throw refuse(
      `its header would have ${headerBytes} bytes, the file has ${bytes.length}`,
      "NPY_HEADER_CUT",
    );
  }
  const { type, bigEndian, columnMajor, shape, valueBytes } = parseNpyHeader(
    bytes.subarray(start, end),
    major === 3 ? "utf-8" : "latin1",
    refuse,
  );
  const there = bytes.length - end;
  if (there !== valueBytes) {
    const what = `shape ${show(shape)} of ${type} needs ${valueBytes} bytes, the file has ${there}`;
    throw refuse(what, there < valueBytes ? "NPY_CUT" : "NPY_TAIL");
  }
  const rows = columnMajor && shape.length > 1;
  const data = typed(type, bytes, end, bigEndian);
  if (type === "b1") {
    const wrong = (data as Uint8Array).findIndex((value) => value > 1);
    if (wrong >= 0) throw refuse(`truth value ${wrong} is ${data[wrong]}`, "NPY_BOOL");
  }
  return { type, shape, data: rows ? toRowMajor(type, shape, data) : data };
}

/** The values from `start` on as this machine has them, in the same memory. */
function typed(type: NpyType, bytes: Uint8Array, start: number, bigEndian: boolean): NpyData {
  const array = NPY_ARRAYS[type];
  const width = array.BYTES_PER_ELEMENT;
  const length = bytes.length - start;
  // A typed array starts at a multiple of its width within the buffer, which begins at most that much further.
  const shift = (width - (bytes.byteOffset % width)) % width;
  const begin = (bytes.byteOffset + start) % width === 0 ? start : Math.min(shift, start);
  if (begin !== start) bytes.copyWithin(begin, start);
  const values = bytes.subarray(begin, begin + length);
  if (width > 1 && bigEndian === LITTLE_ENDIAN_MACHINE) swap(values, width);
  return new array(values.buffer as ArrayBuffer, values.byteOffset, length / width);
}

/** Turns the bytes of each value around. */
function swap(values: Uint8Array, width: number): void {
  for (let at = 0; at < values.length; at += width) {
    for (let a = at, b = at + width - 1; a < b; a++, b--) [values[a], values[b]] = [values[b], values[a]];
  }
}

/** From first index fastest to last index fastest. */
function toRowMajor(type: NpyType, shape: Shape, columnMajor: NpyData): NpyData {
  const data = new NPY_ARRAYS[type](columnMajor.length);
  const strides: number[] = [];
  shape.reduce((stride, size) => {
    strides.push(stride);
    return stride * size;
  }, 1);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    data[to] = columnMajor[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return data;
}

/** The file's bytes: version 1.0, little-endian, row-major, as `numpy.save` writes. @throws FileError naming `path` */
export function encodeNpy(path: string, { type, shape, data }: NpyArray): Uint8Array {
  if (!Object.hasOwn(NPY_ARRAYS, type)) {
    const known = Object.keys(NPY_ARRAYS).join(", ");
    throw new FileError(`${path}: an array's type must be one of ${known}; got ${show(type)}.`);
  }
  const array = NPY_ARRAYS[type];
  if (!(data instanceof array) || sizeOf(shape) !== data.length) {
    throw new FileError(`${path}: an array of ${type}, shape ${show(shape)}, has ${data.length} values.`);
  }
  const width = array.BYTES_PER_ELEMENT;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const descr = `${width === 1 ? "|" : "<"}${type}`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set(MAGIC);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(start - 11)}\n`), 10);
  const values = bytes.subarray(start);
  values.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (!LITTLE_ENDIAN_MACHINE) swap(values, width);
  return bytes;
}

/** Whether both hold the same bits, under the same type and shape. */
export function sameArray(a: NpyArray, b: NpyArray): boolean {
  const raw = ({ data }: NpyArray) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [left, right] = [raw(a), raw(b)];
  return (
    a.type === b.type &&
    sameShape(a.shape, b.shape) &&
    left.every((byte, position) => byte === right[position])
  );
}
