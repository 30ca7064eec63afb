/**
 * Reads chosen entries of a tar or tar.gz, one at a time, in memory. Nothing is ever unpacked to disk, and entry
 * names serve only to be compared: a name like `../../etc/passwd` cannot do anything, and is refused all the same.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ErrorCode } from "../errorCodes.js";
import { DataError } from "../errors.js";
import { readTar, type TarEntry, TarFault } from "./tar.js";

const CHUNK_BYTES = 1 << 18;
/** For entries that nobody wants: a package's own description and code. */
const OTHER_BYTES = 1 << 26;
/** No dataset is packed to less than a fifth of its size. What unpacks to much more than it has is a bomb. */
const MOST_RATIO = 16;
const RATIO_FREE_BYTES = 1 << 21;

/** What may be in an archive: base name of the entry, and the most bytes that it may have. */
export type Expected = ReadonlyMap<string, { readonly maximumBytes: number }>;

/** Calls `visit` with every expected entry. @throws DataError when one is missing, twice there, too long or damaged. */
export async function readArchive(
  path: string,
  expected: Expected,
  visit: (name: string, bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const code = cause.code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE";
    throw new DataError(`${path}: cannot be read: ${cause.message}.`, { cause, code });
  });
  if (!info.isFile()) {
    throw new DataError(`${path}: cannot be read: it is no regular file.`, { code: "FILE_NOT_REGULAR" });
  }
  await readArchiveStream(path, createReadStream(path, { highWaterMark: CHUNK_BYTES }), expected, visit);
}

/** `readArchive` from wherever the bytes are. @param name for messages @throws DataError, as `readArchive` */
export async function readArchiveStream(
  name: string,
  source: Readable,
  expected: Expected,
  visit: (name: string, bytes: Uint8Array) => void,
): Promise<void> {
  const refuse = (what: string, code: ErrorCode, cause?: unknown) =>
    new DataError(`${name}: ${what}`, { cause, code });
  const missing = new Set(expected.keys());
  const accept = ({ name: full, kind, size }: TarEntry): boolean => {
    const base = baseName(full);
    const known = expected.get(base);
    if (known === undefined) return false;
    if (kind !== "file") throw refuse(`${base} is a link, a folder or a device.`, "ARCHIVE_LINK");
    if (!missing.delete(base)) throw refuse(`${base} is in the archive twice.`, "ARCHIVE_ENTRY_TWICE");
    if (size > known.maximumBytes) {
      throw refuse(
        `${base} must have at most ${known.maximumBytes} bytes; got ${size}.`,
        "ARCHIVE_ENTRY_TOO_LONG",
      );
    }
    return true;
  };
  let mostBytes = OTHER_BYTES;
  for (const { maximumBytes } of expected.values()) mostBytes += maximumBytes;
  try {
    const { chunks, packedBytes } = await unpacked(source);
    if (!chunks) throw refuse("the archive is empty.", "ARCHIVE_EMPTY");
    const totalBytes = () => Math.min(mostBytes, RATIO_FREE_BYTES + MOST_RATIO * packedBytes());
    await readTar(chunks, { totalBytes }, accept, (entry, body) => visit(baseName(entry.name), body));
  } catch (error) {
    if (error instanceof DataError) throw error;
    const code = error instanceof TarFault ? error.code : streamCode(error as NodeJS.ErrnoException);
    if (!code) throw error;
    const { message } = error as Error;
    throw refuse(`the archive is damaged or incomplete: ${message}.`, code, error);
  } finally {
    source.destroy();
  }
  if (missing.size > 0) {
    throw refuse(`the archive lacks ${[...missing].join(", ")}.`, "ARCHIVE_ENTRY_MISSING");
  }
}

/** Undefined for what is no fault of the file. */
function streamCode({ code }: NodeJS.ErrnoException): ErrorCode | undefined {
  if (code === "Z_BUF_ERROR") return "ARCHIVE_GZIP_CUT";
  if (code?.startsWith("Z_")) return "ARCHIVE_GZIP";
  return code?.startsWith("E") && !code.startsWith("ERR_") ? "FILE_UNREADABLE" : undefined;
}

function baseName(name: string): string {
  return name.split("/").at(-1) ?? "";
}

interface Unpacked {
  /** Undefined when there are none. */
  readonly chunks: AsyncIterable<Uint8Array> | undefined;
  /** Bytes of the archive that have been read so far. */
  packedBytes(): number;
}

/** The bytes of the tar, through gunzip where the first two are gzip's magic number. */
async function unpacked(source: Readable): Promise<Unpacked> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const { done, value: first } = await iterator.next();
  let count = 0;
  const packedBytes = () => count;
  if (done) return { chunks: undefined, packedBytes };
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      for (
        let next: IteratorResult<Uint8Array> = { value: first };
        !next.done;
        next = await iterator.next()
      ) {
        count += next.value.length;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  if (first[0] !== 0x1f || first[1] !== 0x8b) return { chunks: whole(), packedBytes };
  // pipeline: an error of either stream destroys the other, and reaches the reader as the stream's own error.
  const chunks = pipeline(Readable.from(whole()), createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
  return { chunks, packedBytes };
}
