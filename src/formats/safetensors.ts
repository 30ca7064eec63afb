/**
 * safetensors: named tensors in one file, and nothing that could be executed.
 *   8 bytes: length of the header, little-endian;  the header, JSON;  the tensors' bytes, without gaps.
 * Source: https://github.com/huggingface/safetensors, "Format".
 */
import { withFile, writeFileAtomic } from "#files";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import { type Shape, sizeOf } from "../shape.js";
import type { ByteSource } from "./byteSource.js";
import type { Files } from "./files.js";
import { nameFault } from "./names.js";
import {
  type DataType,
  type Entry,
  MAX_HEADER_BYTES,
  MAX_TENSORS,
  parseHeader,
} from "./safetensorsHeader.js";

export interface SafeTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface SafeTensors<T = SafeTensor> {
  readonly tensors: Map<string, T>;
  readonly metadata: Record<string, string>;
}

/** The format's types that are read here, and the arrays that hold them. */
const ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array, I64: BigInt64Array } as const;
const DATA_TYPES = Object.keys(ARRAYS) as DataType[];

export interface TypedTensor {
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array;
}

/** Replaces the file atomically. @throws FileError, also for what `readSafetensors` would refuse: then nothing is written */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TypedTensor>,
  metadata: Readonly<Record<string, string>> = {},
  files?: Files,
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(path, tensors, metadata), files);
}

/** The file's bytes in pieces, of which the tensors' share their memory. @throws FileError naming `path` */
export function encodeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TypedTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const refuse = (what: string, code: ErrorCode) =>
    new FileError(`${path} would be no readable safetensors file: ${what}.`, { code });
  if (tensors.size > MAX_TENSORS) {
    throw refuse(
      `it would have ${tensors.size} tensors, more than ${MAX_TENSORS}`,
      "SAFETENSORS_TOO_MANY_TENSORS",
    );
  }
  let offset = 0;
  const header: [string, unknown][] = [["__metadata__", metadata]];
  const chunks: Uint8Array[] = [];
  for (const [name, { shape, data }] of tensors) {
    if (sizeOf(shape) !== data.length) {
      throw new FileError(`${path}: tensor ${show(name)} of shape ${show(shape)} has ${data.length} values.`);
    }
    const fault = nameFault(name);
    if (fault) throw refuse(`${show(name)} is no name for a tensor`, `SAFETENSORS_NAME_${fault}`);
    const dtype = DATA_TYPES.find((type) => data instanceof ARRAYS[type]);
    header.push([name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  // Object.fromEntries would put names such as "1" first; the order is part of the file.
  let text = `{${header.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(",")}}`;
  const encoder = new TextEncoder();
  text += " ".repeat((8 - (encoder.encode(text).length % 8)) % 8); // the tensors start at a multiple of 8
  const bytes = encoder.encode(text);
  if (bytes.length > MAX_HEADER_BYTES) {
    throw refuse(
      `its header would have ${bytes.length} bytes, more than ${MAX_HEADER_BYTES}`,
      "SAFETENSORS_HEADER_TOO_LARGE",
    );
  }
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return [length, bytes, ...chunks];
}

/** Reads float32 tensors. @throws FileError that names the file, and the tensor where one is wrong */
export function readSafetensors(path: string): Promise<SafeTensors> {
  return withFile(path, parseSafetensors);
}

/** Reads tensors of all types known here. @throws FileError, as `readSafetensors` */
export function readTypedSafetensors(path: string): Promise<SafeTensors<TypedTensor>> {
  return withFile(path, parseTypedSafetensors);
}

/** `readSafetensors` from wherever the bytes are. @throws FileError */
export async function parseSafetensors(source: ByteSource): Promise<SafeTensors> {
  const { tensors, metadata } = await readTensors(source, ["F32"]);
  return { tensors: tensors as Map<string, SafeTensor>, metadata };
}

/** `readTypedSafetensors` from wherever the bytes are. @throws FileError */
export function parseTypedSafetensors(source: ByteSource): Promise<SafeTensors<TypedTensor>> {
  return readTensors(source, DATA_TYPES);
}

/** Nothing is allocated that the file does not hold: the header's bounds come first, then one array for each tensor. */
async function readTensors(
  source: ByteSource,
  types: readonly DataType[],
): Promise<SafeTensors<TypedTensor>> {
  const { name, size } = source;
  const damaged = (what: string, code: ErrorCode) =>
    new FileError(`${name} is damaged or no safetensors file: ${what}.`, { code });
  if (size < 8) throw damaged(`it has ${size} bytes`, "SAFETENSORS_TOO_SHORT");
  const declared = await source.read(0, 8);
  const headerBytes = Number(new DataView(declared.buffer).getBigUint64(0, true));
  const itsHeader = `its header would have ${headerBytes} bytes`;
  if (headerBytes === 0) throw damaged("its header has 0 bytes", "SAFETENSORS_HEADER_EMPTY");
  if (headerBytes > MAX_HEADER_BYTES) {
    throw damaged(`${itsHeader}, more than ${MAX_HEADER_BYTES}`, "SAFETENSORS_HEADER_TOO_LARGE");
  }
  const start = 8 + headerBytes;
  if (start > size) throw damaged(`${itsHeader}, the file has ${size}`, "SAFETENSORS_HEADER_CUT");
  const header = await source.read(8, headerBytes);
  const { entries, metadata } = parseHeader(header, size - start, types, damaged);
  const tensors = new Map<string, TypedTensor>();
  for (const entry of entries) tensors.set(entry.name, await readTensor(source, start, entry));
  return { tensors, metadata };
}

async function readTensor(source: ByteSource, start: number, entry: Entry): Promise<TypedTensor> {
  const { dataType, shape, begin, end } = entry;
  const { buffer } = await source.read(start + begin, end - begin);
  return { shape, data: new ARRAYS[dataType](buffer) };
}
