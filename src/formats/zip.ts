/**
 * Zip archives, read: what npz files and Keras' .keras files are. The directory is believed only where it agrees with itself and
 * with what is found. Names become keys, never paths.
 * Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
 */
import { crc32, inflateRawSync } from "node:zlib";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import type { ByteSource } from "./byteSource.js";
import { nameFault } from "./names.js";

export const END_BYTES = 22;
export const CENTRAL_BYTES = 46;
export const LOCAL_BYTES = 30;
export const END_SIGNATURE = 0x06054b50;
export const CENTRAL_SIGNATURE = 0x02014b50;
export const LOCAL_SIGNATURE = 0x04034b50;
export const STORED = 0;
export const DEFLATED = 8;
const ENCRYPTED = 0x2041; // encrypted, strongly encrypted, masked directory
const SIZES_BEHIND = 0x8;
export const UTF8 = 0x800;
/** In place of a size: it stands in a zip64 field. */
export const ELSEWHERE = 0xffffffff;
const ZIP64_FIELD = 1;
export const MAX_ENTRIES = 10_000;
/** Each entry: its record and a name. */
const MAX_DIRECTORY_BYTES = MAX_ENTRIES * (CENTRAL_BYTES + 1024);
/** What a file of zeros may unpack to beyond its own size, without `maximumBytes`. */
const UNPACKED_EXTRA_BYTES = 1 << 24;
/** What deflate can at best: 258 bytes from 2 bits. More is a lie. */
const BEST_RATIO = 1032;

type Refuse = (what: string, code: ErrorCode) => FileError;

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly at: number;
}

export interface ZipOptions {
  /** For messages: "npz file". */
  readonly what: string;
  /** All names must end in it, and are given without it. */
  readonly suffix: string;
  /** The most bytes that all entries together may have, unpacked; default: 16 MiB more than the file. */
  readonly maximumBytes?: number;
}

export interface ZipEntry {
  readonly name: string;
  /** Unpacks it, and checks it against its checksum. @throws FileError */
  read(): Promise<Uint8Array>;
}

/** The entries in the file's order; nothing has been unpacked yet. @throws FileError with one of the NPZ_ codes */
export async function readZip(
  source: ByteSource,
  { what, suffix, maximumBytes = source.size + UNPACKED_EXTRA_BYTES }: ZipOptions,
): Promise<ZipEntry[]> {
  const refuse: Refuse = (fault, code) =>
    new FileError(`${source.name} is damaged or no ${what}: ${fault}.`, { code });
  const entries = await readDirectory(source, suffix, refuse);
  const unpacked = entries.reduce((sum, { size }) => sum + size, 0);
  if (unpacked > maximumBytes) {
    throw refuse(
      `it would unpack to ${unpacked} bytes, more than ${maximumBytes}; maximumBytes allows more`,
      "NPZ_BOMB",
    );
  }
  let free = 0; // where the next entry may begin at the earliest
  const order = [...entries].sort((a, b) => a.at - b.at);
  const starts = new Map<Entry, number>();
  for (const entry of order) {
    if (entry.at < free) throw refuse(`entry ${show(entry.name)} overlaps another`, "NPZ_OVERLAP");
    const start = await dataStart(source, entry, suffix, refuse);
    free = start + entry.packed;
    starts.set(entry, start);
  }
  return entries.map((entry) => ({
    name: entry.name,
    read: () => unpack(source, entry, starts.get(entry)!, refuse),
  }));
}

async function readDirectory(source: ByteSource, suffix: string, refuse: Refuse): Promise<Entry[]> {
  const { size } = source;
  if (size < END_BYTES) throw refuse(`it has ${size} bytes`, "NPZ_TOO_SHORT");
  const end = viewOf(await source.read(size - END_BYTES, END_BYTES));
  if (end.getUint32(0, true) !== END_SIGNATURE || end.getUint16(20, true) !== 0) {
    throw refuse("its last 22 bytes are no end of a directory", "NPZ_END");
  }
  const [disk, directoryDisk] = [end.getUint16(4, true), end.getUint16(6, true)];
  const [onDisk, count] = [end.getUint16(8, true), end.getUint16(10, true)];
  const [bytes, at] = [end.getUint32(12, true), end.getUint32(16, true)];
  if (count === 0xffff || bytes === ELSEWHERE || at === ELSEWHERE) {
    throw refuse("it has a zip64 directory", "NPZ_ZIP64");
  }
  if (disk !== 0 || directoryDisk !== 0 || onDisk !== count) {
    throw refuse("it is one part of several", "NPZ_DISKS");
  }
  if (count > MAX_ENTRIES) {
    throw refuse(`it has ${count} entries, more than ${MAX_ENTRIES}`, "NPZ_TOO_MANY_ENTRIES");
  }
  if (at + bytes !== size - END_BYTES || bytes > MAX_DIRECTORY_BYTES) {
    throw refuse(`its directory would lie at ${at} and have ${bytes} bytes`, "NPZ_DIRECTORY");
  }
  const directory = await source.read(at, bytes);
  const entries: Entry[] = [];
  const names = new Set<string>();
  let position = 0;
  for (let i = 0; i < count; i++) {
    const { entry, length } = readCentral(
      directory.subarray(position),
      { index: i, end: at, suffix },
      refuse,
    );
    if (names.has(entry.name)) {
      throw refuse(`entry ${show(entry.name)} is there twice`, "NPZ_DUPLICATE_NAME");
    }
    names.add(entry.name);
    entries.push(entry);
    position += length;
  }
  if (position !== bytes) throw refuse("its directory is longer than its entries", "NPZ_DIRECTORY");
  return entries;
}

/** @param end where the directory begins: no entry reaches beyond it */
function readCentral(
  bytes: Uint8Array,
  { index, end, suffix }: { readonly index: number; readonly end: number; readonly suffix: string },
  refuse: Refuse,
): { entry: Entry; length: number } {
  const view = viewOf(bytes);
  if (bytes.length < CENTRAL_BYTES || view.getUint32(0, true) !== CENTRAL_SIGNATURE) {
    throw refuse(`entry ${index} of its directory is damaged`, "NPZ_DIRECTORY");
  }
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => view.getUint16(offset, true));
  const length = CENTRAL_BYTES + nameBytes + extraBytes + commentBytes;
  if (length > bytes.length) throw refuse(`entry ${index} of its directory is cut short`, "NPZ_DIRECTORY");
  const flags = view.getUint16(8, true);
  const file = nameOf(bytes.subarray(CENTRAL_BYTES, CENTRAL_BYTES + nameBytes), flags);
  const name = file?.endsWith(suffix) ? file.slice(0, file.length - suffix.length) : undefined;
  if (name === undefined || nameFault(name)) {
    throw refuse(`${show(file ?? `entry ${index}`)} is no name for an entry`, "NPZ_NAME");
  }
  const method = view.getUint16(10, true);
  const [crc, packed, size] = [16, 20, 24].map((offset) => view.getUint32(offset, true));
  const at = view.getUint32(42, true);
  if (packed === ELSEWHERE || size === ELSEWHERE || at === ELSEWHERE) {
    throw refuse(`entry ${show(name)} is of the zip64 kind`, "NPZ_ZIP64");
  }
  if (view.getUint16(34, true) !== 0) throw refuse(`entry ${show(name)} is in another part`, "NPZ_DISKS");
  if (flags & ENCRYPTED) throw refuse(`entry ${show(name)} is encrypted`, "NPZ_ENCRYPTED");
  if (method !== STORED && method !== DEFLATED) {
    throw refuse(`entry ${show(name)} is packed with method ${method}`, "NPZ_METHOD");
  }
  if (method === STORED && packed !== size) {
    throw refuse(`entry ${show(name)} is stored with ${packed} bytes of ${size}`, "NPZ_STORED_SIZE");
  }
  if (size > packed * BEST_RATIO) {
    throw refuse(`entry ${show(name)} would unpack ${packed} bytes to ${size}`, "NPZ_BOMB");
  }
  if (at + LOCAL_BYTES + packed > end) {
    throw refuse(`entry ${show(name)} reaches into the directory`, "NPZ_ENTRY");
  }
  return { entry: { name, flags, method, crc, packed, size, at }, length };
}

/** ASCII without the flag, which means an alphabet of DOS. */
function nameOf(bytes: Uint8Array, flags: number): string | undefined {
  if (!(flags & UTF8) && bytes.some((byte) => byte > 0x7f)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Where an entry's packed bytes begin: behind its own header, which must say the same as the directory. */
async function dataStart(source: ByteSource, entry: Entry, suffix: string, refuse: Refuse): Promise<number> {
  const contradiction = (what: string) =>
    refuse(`entry ${show(entry.name)} contradicts the directory: ${what}`, "NPZ_ENTRY");
  const view = viewOf(await source.read(entry.at, LOCAL_BYTES));
  if (view.getUint32(0, true) !== LOCAL_SIGNATURE) throw contradiction("it has no header");
  const [nameBytes, extraBytes] = [26, 28].map((offset) => view.getUint16(offset, true));
  const start = entry.at + LOCAL_BYTES + nameBytes + extraBytes;
  if (start + entry.packed > source.size) throw contradiction("it is cut short");
  const rest = await source.read(entry.at + LOCAL_BYTES, nameBytes + extraBytes);
  const flags = view.getUint16(6, true);
  if (nameOf(rest.subarray(0, nameBytes), flags) !== `${entry.name}${suffix}`)
    throw contradiction("its name");
  if (flags !== entry.flags || view.getUint16(8, true) !== entry.method) throw contradiction("its method");
  let [crc, packed, size]: (number | bigint)[] = [14, 18, 22].map((offset) => view.getUint32(offset, true));
  if (flags & SIZES_BEHIND && crc === 0 && packed === 0 && size === 0) return start;
  if (packed === ELSEWHERE && size === ELSEWHERE) {
    // numpy.savez always writes them so.
    const field = zip64Field(rest.subarray(nameBytes));
    if (!field) throw contradiction("its sizes");
    [size, packed] = [field.getBigUint64(0, true), field.getBigUint64(8, true)];
  }
  if (crc !== entry.crc) throw contradiction("its checksum");
  if (BigInt(packed) !== BigInt(entry.packed) || BigInt(size) !== BigInt(entry.size)) {
    throw contradiction("its sizes");
  }
  return start;
}

function zip64Field(extra: Uint8Array): DataView | undefined {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === ZIP64_FIELD) {
      return length >= 16 && at + 20 <= extra.length ? viewOf(extra.subarray(at + 4, at + 20)) : undefined;
    }
    at += 4 + length;
  }
  return undefined;
}

async function unpack(source: ByteSource, entry: Entry, start: number, refuse: Refuse): Promise<Uint8Array> {
  const { name, method, packed, size, crc } = entry;
  const stored = await source.read(start, packed);
  const bytes = method === STORED ? stored : inflate(stored, entry, refuse);
  if (bytes.length !== size) {
    throw refuse(`entry ${show(name)} unpacks to ${bytes.length} bytes of ${size}`, "NPZ_INFLATED_SIZE");
  }
  if (crc32(bytes) !== crc) throw refuse(`entry ${show(name)} has a wrong checksum`, "NPZ_CHECKSUM");
  return bytes;
}

function inflate(packed: Uint8Array, { name, size }: Entry, refuse: Refuse): Uint8Array {
  try {
    // One chunk for all of it, so that zlib need not join pieces; one byte more, so that too much is seen.
    const options = { maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1), info: true };
    const { buffer, engine } = inflateRawSync(packed, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (engine.bytesWritten !== packed.length) {
      throw refuse(`entry ${show(name)} has bytes behind its end`, "NPZ_INFLATE");
    }
    return buffer;
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    const tooMuch = code === "ERR_BUFFER_TOO_LARGE";
    throw refuse(
      `entry ${show(name)} ${tooMuch ? `unpacks to more than ${size} bytes` : "cannot be unpacked"}`,
      tooMuch ? "NPZ_INFLATED_SIZE" : "NPZ_INFLATE",
    );
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
