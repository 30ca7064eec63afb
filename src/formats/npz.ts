/** NumPy's npz: named arrays, as a zip of npy files. */
import { crc32, deflateRawSync } from "node:zlib";
import { withFile, writeFileAtomic } from "#files";
import { FileError, show } from "../errors.js";
import type { ByteSource } from "./byteSource.js";
import { nameFault } from "./names.js";
import { decodeNpy, encodeNpy, type NpyArray } from "./npy.js";
import {
  CENTRAL_BYTES,
  CENTRAL_SIGNATURE,
  DEFLATED,
  ELSEWHERE,
  END_BYTES,
  END_SIGNATURE,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  MAX_ENTRIES,
  readZip,
  STORED,
  UTF8,
} from "./zip.js";

export interface NpzReadOptions {
  /** The most bytes that all arrays together may have, unpacked; default: 16 MiB more than the file. */
  readonly maximumBytes?: number;
}

export interface NpzWriteOptions {
  /** Deflated; else stored, as `numpy.savez` does. */
  readonly compressed?: boolean; // false
}

const SUFFIX = ".npy";

/** Names without `.npy`, in the file's order. @throws FileError that names the file, and the entry where one is wrong */
export function readNpz(path: string, options: NpzReadOptions = {}): Promise<Map<string, NpyArray>> {
  return withFile(path, (source) => parseNpz(source, options));
}

/** `readNpz` from wherever the bytes are. @throws FileError */
export async function parseNpz(
  source: ByteSource,
  { maximumBytes }: NpzReadOptions = {},
): Promise<Map<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  for (const { name, read } of await readZip(source, { what: "npz file", suffix: SUFFIX, maximumBytes })) {
    arrays.set(name, decodeNpy(`${source.name}: ${show(name)}`, await read()));
  }
  return arrays;
}

/** Replaces the file atomically. @throws FileError */
export async function writeNpz(
  path: string,
  arrays: ReadonlyMap<string, NpyArray>,
  options: NpzWriteOptions = {},
): Promise<void> {
  await writeFileAtomic(path, encodeNpz(path, arrays, options));
}

/** The file's bytes in pieces; the same arrays give the same bytes. @throws FileError for what `readNpz` would refuse */
export function encodeNpz(
  path: string,
  arrays: ReadonlyMap<string, NpyArray>,
  { compressed = false }: NpzWriteOptions = {},
): Uint8Array[] {
  if (arrays.size > MAX_ENTRIES) {
    throw new FileError(`${path} would have ${arrays.size} entries, more than ${MAX_ENTRIES}.`, {
      code: "NPZ_TOO_MANY_ENTRIES",
    });
  }
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, array] of arrays) {
    if (nameFault(name)) {
      throw new FileError(`${path}: ${show(name)} is no name for an array.`, { code: "NPZ_NAME" });
    }
    const bytes = encodeNpy(`${path}: ${show(name)}`, array);
    const packed = compressed ? deflateRawSync(bytes) : bytes;
    const file = Buffer.from(`${name}${SUFFIX}`);
    const fields = entryFields(bytes, packed, file, compressed ? DEFLATED : STORED);
    const local = Buffer.alloc(LOCAL_BYTES);
    local.writeUInt32LE(LOCAL_SIGNATURE);
    fields.copy(local, 4);
    const central = Buffer.alloc(CENTRAL_BYTES);
    central.writeUInt32LE(CENTRAL_SIGNATURE);
    central.writeUInt16LE(20, 4);
    fields.copy(central, 6);
    central.writeUInt32LE(at % 2 ** 32, 42);
    pieces.push(local, file, packed);
    directory.push(central, file);
    at += LOCAL_BYTES + file.length + packed.length;
  }
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  if (at + directoryBytes >= ELSEWHERE) {
    throw new FileError(`${path} would have more than 4 GiB, which needs zip64.`, { code: "NPZ_ZIP64" });
  }
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_SIGNATURE);
  end.writeUInt16LE(arrays.size, 8);
  end.writeUInt16LE(arrays.size, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(at, 16);
  return [...pieces, ...directory, end];
}

/** What both headers have in common, from the version on. The time is the oldest that the format knows. */
function entryFields(bytes: Uint8Array, packed: Uint8Array, file: Buffer, method: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(UTF8, 2);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt16LE(0x21, 8); // 1 January 1980
  fields.writeUInt32LE(crc32(bytes), 10);
  fields.writeUInt32LE(packed.length % 2 ** 32, 14);
  fields.writeUInt32LE(bytes.length % 2 ** 32, 18);
  fields.writeUInt16LE(file.length, 22);
  return fields;
}
