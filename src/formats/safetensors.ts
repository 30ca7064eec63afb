/**
 * safetensors: named tensors in one file, and nothing that could be executed.
 *   8 bytes: length of the header, little-endian;  the header, JSON;  the tensors' bytes, without gaps.
 * Source: https://github.com/huggingface/safetensors, "Format".
 */
import { open, stat } from "node:fs/promises";
import { z } from "zod";
import { FileError, show } from "../errors.js";
import { type Shape, sizeOf } from "../shape.js";
import { writeFileAtomic } from "./atomicFile.js";
import type { Files } from "./files.js";

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
type DataType = keyof typeof ARRAYS;

export interface TypedTensor {
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array;
}

const DATA_TYPES = Object.keys(ARRAYS) as DataType[];

/** The format's own bound: no header is longer. */
const MAX_HEADER_BYTES = 100_000_000;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/** Replaces the file atomically. @throws FileError */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TypedTensor>,
  metadata: Readonly<Record<string, string>> = {},
  files?: Files,
): Promise<void> {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  const chunks: Uint8Array[] = [];
  for (const [name, { shape, data }] of tensors) {
    if (sizeOf(shape) !== data.length) {
      throw new FileError(`${path}: tensor ${show(name)} of shape ${show(shape)} has ${data.length} values.`);
    }
    const dtype = DATA_TYPES.find((type) => data instanceof ARRAYS[type]);
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (Buffer.byteLength(text) % 8)) % 8); // the tensors start at a multiple of 8
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  await writeFileAtomic(path, [length, bytes, ...chunks], files);
}

/** Reads float32 tensors. @throws FileError that names the file, and the tensor where one is wrong */
export async function readSafetensors(path: string): Promise<SafeTensors> {
  const { tensors, metadata } = await readTensors(path, ["F32"]);
  return { tensors: tensors as Map<string, SafeTensor>, metadata };
}

/** Reads tensors of all types known here. @throws FileError, as `readSafetensors` */
export function readTypedSafetensors(path: string): Promise<SafeTensors<TypedTensor>> {
  return readTensors(path, DATA_TYPES);
}

async function readTensors(path: string, types: readonly DataType[]): Promise<SafeTensors<TypedTensor>> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "it does not exist" : cause.message;
    throw new FileError(`${path} cannot be read: ${why}.`, { cause });
  });
  try {
    const { size } = await stat(path);
    const damaged = (what: string) => new FileError(`${path} is damaged or no safetensors file: ${what}.`);
    const read = async (position: number, length: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, position);
      if (bytesRead !== length) throw damaged(`it ends at byte ${position + bytesRead}`);
      return buffer;
    };
    if (size < 8) throw damaged(`it has ${size} bytes`);
    const headerBytes = Number((await read(0, 8)).readBigUInt64LE());
    if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > size) {
      throw damaged(`its header would have ${headerBytes} bytes, the file has ${size}`);
    }
    const header = parseHeader(await read(8, headerBytes), damaged);
    const start = 8 + headerBytes;
    const metadata = z.record(z.string(), z.string()).safeParse(header.__metadata__ ?? {});
    if (!metadata.success) throw damaged("its metadata are not all text");
    delete header.__metadata__;
    const entries = checkEntries(header, size - start, types, damaged);
    const tensors = new Map<string, TypedTensor>();
    for (const { name, dataType, shape, begin, end } of entries) {
      const bytes = await read(start + begin, end - begin);
      tensors.set(name, { shape, data: new ARRAYS[dataType](Uint8Array.from(bytes).buffer) });
    }
    return { tensors, metadata: metadata.data };
  } finally {
    await file.close();
  }
}

function parseHeader(bytes: Buffer, damaged: (what: string) => FileError): Record<string, unknown> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const header: unknown = JSON.parse(text);
    if (typeof header === "object" && header !== null && !Array.isArray(header)) {
      return header as Record<string, unknown>;
    }
  } catch {
    // reported below
  }
  throw damaged("its header is no JSON object");
}

interface Entry {
  readonly name: string;
  readonly dataType: DataType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

/** Offsets must cover the data exactly: no gap, no overlap, nothing left over. */
function checkEntries(
  header: Record<string, unknown>,
  dataBytes: number,
  types: readonly DataType[],
  damaged: (what: string) => FileError,
): Entry[] {
  const entries = Object.entries(header).map(([name, value]): Entry => {
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw damaged(`tensor ${show(name)}: ${parsed.error.issues[0].message}`);
    const { dtype, shape, data_offsets } = parsed.data;
    const [begin, end] = data_offsets;
    const dataType = types.find((type) => type === dtype);
    if (!dataType) {
      const read = types.map((type) => show(type)).join(", ");
      throw damaged(`tensor ${show(name)} has type ${show(dtype)}; only ${read} is read here`);
    }
    if (end - begin !== sizeOf(shape) * ARRAYS[dataType].BYTES_PER_ELEMENT) {
      throw damaged(`tensor ${show(name)} of shape ${show(shape)} has ${end - begin} bytes`);
    }
    return { name, dataType, shape, begin, end };
  });
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered)
      throw damaged(`tensor ${show(name)} starts at ${begin}, the one before ends at ${covered}`);
    covered = end;
  }
  if (covered !== dataBytes) throw damaged(`its tensors take ${covered} bytes, the file has ${dataBytes}`);
  return entries;
}
