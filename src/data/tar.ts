/**
 * A tar as a stream, strictly: ustar, with pax and GNU long names. Bodies are handed over only where they are wanted, and
 * nothing is kept of what is not. Everything is bounded before it is read: numbers, extensions, entries, all bytes together.
 * Source: POSIX.1-2024, pax, "ustar Interchange Format" and "pax Header"; GNU tar manual, "Basic Tar Format".
 */
import type { ErrorCode } from "../errorCodes.js";

export interface TarEntry {
  readonly name: string;
  readonly kind: "file" | "other";
  readonly size: number;
}

/** What a tar is refused for; the reader of the archive adds which. */
export class TarFault extends Error {
  constructor(
    message: string,
    readonly code: ErrorCode,
  ) {
    super(message);
  }
}

export interface TarLimits {
  /** How many bytes there may be, all together and unpacked; asked again as more of the archive is read. */
  totalBytes(): number;
}

const BLOCK = 512;
const MAX_ENTRIES = 10_000;
const MAX_EXTENSION_BYTES = 1 << 16;
const MAX_SIZE = 2 ** 40;

/** Takes exact counts of bytes from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #taken = 0;

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    readonly limit: () => number,
  ) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * The next `length` bytes, or undefined at the end where `where` is "". They are joined when all are there: a header that
   * promises much must not cost memory.
   * @throws TarFault when the stream ends within them
   */
  async take(length: number, where: string): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    const taken = await this.skip(length, where, (piece) => pieces.push(piece));
    if (taken < length) return undefined;
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, length);
  }

  /** As `take`, without keeping anything. @returns how many bytes there were: `length`, or 0 at the end */
  async skip(length: number, where: string, visit?: (piece: Uint8Array) => void): Promise<number> {
    let left = length;
    while (left > 0) {
      if (this.#rest.length === 0 && !(await this.#next())) {
        if (left === length && where === "") return 0;
        throw new TarFault(`it ends within ${where || "a header"}`, "ARCHIVE_CUT");
      }
      const piece = this.#rest.subarray(0, left);
      visit?.(piece);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
    }
    return length;
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#rest = value;
    this.#taken += value.length;
    const limit = this.limit();
    if (this.#taken > limit)
      throw new TarFault(`it unpacks to more than ${limit} bytes`, "ARCHIVE_TOO_LARGE");
    return true;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/**
 * Calls `accept` with each entry's header, and `visit` with the body of those that it accepts.
 * @throws TarFault; whatever `accept`, `visit` and `chunks` throw
 */
export async function readTar(
  chunks: AsyncIterable<Uint8Array>,
  { totalBytes }: TarLimits,
  accept: (entry: TarEntry) => boolean,
  visit: (entry: TarEntry, body: Uint8Array) => void,
): Promise<void> {
  const reader = new ByteReader(chunks, totalBytes);
  try {
    let extension: Extension = {};
    for (let count = 0; ; count++) {
      const block = await reader.take(BLOCK, "");
      if (!block) throw new TarFault("its end mark is missing", "ARCHIVE_CUT");
      if (block.every((byte) => byte === 0)) break;
      if (count === MAX_ENTRIES) {
        throw new TarFault(`it has more than ${MAX_ENTRIES} entries`, "ARCHIVE_TOO_MANY_ENTRIES");
      }
      const header = parseHeader(block);
      if (EXTENSIONS.includes(header.type)) {
        extension = { ...extension, ...(await readExtension(reader, header)) };
        continue;
      }
      const entry = entryOf(header, extension);
      extension = {};
      const size = entry.size;
      const padding = (BLOCK - (size % BLOCK)) % BLOCK;
      if (accept(entry)) visit(entry, (await reader.take(size, entry.name || "a body"))!);
      else await reader.skip(size, entry.name || "a body");
      await reader.skip(padding, entry.name || "a body");
    }
    if (Object.keys(extension).length > 0) {
      throw new TarFault("an extension belongs to no entry", "ARCHIVE_EXTENSION");
    }
    await requireZeros(reader);
  } finally {
    await reader.close();
  }
}

/** GNU tar fills the last record of 10 KiB with zeros; nothing else may follow the end mark. */
async function requireZeros(reader: ByteReader): Promise<void> {
  for (;;) {
    const block = await reader.take(BLOCK, "");
    if (!block) return;
    if (block.some((byte) => byte !== 0)) {
      throw new TarFault("something follows its end mark", "ARCHIVE_AFTER_END");
    }
  }
}

interface Header {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

/** What pax and GNU entries say of the one behind them. */
interface Extension {
  readonly name?: string;
  readonly size?: number;
}

const PAX = "x";
const PAX_GLOBAL = "g";
const GNU_NAME = "L";
const GNU_LINK = "K";
const EXTENSIONS = [PAX, PAX_GLOBAL, GNU_NAME, GNU_LINK];
const FILES = ["0", "\0", "7"];
/** Links, devices, folders, pipes: none has a body, whatever size it claims. */
const BODYLESS = ["1", "2", "3", "4", "5", "6"];

function parseHeader(block: Uint8Array): Header {
  const stored = octal(block.subarray(148, 156));
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  if (stored !== sum) throw new TarFault("a header's checksum is wrong", "ARCHIVE_CHECKSUM");
  const type = String.fromCharCode(block[156]);
  if (![...EXTENSIONS, ...FILES, ...BODYLESS].includes(type)) {
    throw new TarFault(`an entry is of type ${JSON.stringify(type)}`, "ARCHIVE_TYPE");
  }
  const ustar = text(block.subarray(257, 263)) === "ustar"; // GNU's has blanks, and other fields, there
  const prefix = ustar ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return { name: prefix ? `${prefix}/${name}` : name, type, size: number(block.subarray(124, 136)) };
}

function entryOf({ name, type, size }: Header, extension: Extension): TarEntry {
  const full = extension.name ?? name;
  const entry: TarEntry = {
    name: full,
    kind: FILES.includes(type) && !full.endsWith("/") ? "file" : "other",
    size: BODYLESS.includes(type) ? 0 : (extension.size ?? size),
  };
  if (full.startsWith("/") || full.includes("\\") || full.includes("\0") || full.split("/").includes("..")) {
    throw new TarFault(
      `the entry ${JSON.stringify(full.slice(0, 200))} leads out of it`,
      "ARCHIVE_NAME_PATH",
    );
  }
  return entry;
}

async function readExtension(reader: ByteReader, { type, size }: Header): Promise<Extension> {
  if (size > MAX_EXTENSION_BYTES) {
    throw new TarFault(`an extension has ${size} bytes`, "ARCHIVE_EXTENSION_SIZE");
  }
  const body = (await reader.take(size, "an extension"))!;
  await reader.skip((BLOCK - (size % BLOCK)) % BLOCK, "an extension");
  if (type === GNU_NAME) return { name: text(body) };
  if (type === PAX) return parsePax(body);
  return {}; // a link's target is followed nowhere; what is global concerns no entry's name or size
}

/** Records of `<length> <key>=<value>\n`, where the length counts itself. */
function parsePax(body: Uint8Array): Extension {
  const extension: { name?: string; size?: number } = {};
  const damaged = () => new TarFault("a pax extension is damaged", "ARCHIVE_EXTENSION");
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(0x20, at);
    const digits = blank < 0 ? "" : text(body.subarray(at, blank));
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,5}$/.test(digits) || end > body.length || body[end - 1] !== 0x0a) throw damaged();
    const record = text(body.subarray(blank + 1, end - 1));
    const equals = record.indexOf("=");
    if (end - 1 <= blank || equals < 1) throw damaged();
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === "path") extension.name = value;
    if (key === "size") {
      if (!/^\d{1,13}$/.test(value)) throw damaged();
      extension.size = Number(value);
    }
    if (key.startsWith("GNU.sparse")) throw new TarFault("an entry is sparse", "ARCHIVE_TYPE");
    at = end;
  }
  return extension;
}

/** Up to the first NUL. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function octal(bytes: Uint8Array): number {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(String.fromCharCode(...bytes))?.[1];
  return digits === undefined ? Number.NaN : Number.parseInt(digits, 8);
}

/** A size: octal digits; or, where the first bit is set, the other bits as one big-endian number. */
function number(bytes: Uint8Array): number {
  const binary = (bytes[0] & 0x80) !== 0;
  const value = binary
    ? bytes.reduce((sum, byte, i) => sum * 256 + (i === 0 ? byte & 0x7f : byte), 0)
    : octal(bytes);
  if (Number.isNaN(value)) throw new TarFault("a header's size is no number", "ARCHIVE_NUMBER");
  if (value > MAX_SIZE) throw new TarFault(`a header's size is ${value}`, "ARCHIVE_SIZE");
  return value;
}
