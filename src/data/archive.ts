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

/** What may be in an archive: base name of the entry, and the most bytes that it may have. */
export type Expected = ReadonlyMap<string, { readonly maximumBytes: number }>;

/** Calls `visit` with every expected entry. @throws DataError when one is missing, twice there, too long or damaged. */
export async function readArchive(
  path: string,
  expected: Expected,
  visit: (name: string, bytes: Uint8Array) => void,
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
  let totalBytes = OTHER_BYTES;
  for (const { maximumBytes } of expected.values()) totalBytes += maximumBytes;
  try {
    const chunks = await unpacked(source);
    if (!chunks) throw refuse("the archive is empty.", "ARCHIVE_EMPTY");
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

/** The bytes of the tar, through gunzip where the first two are gzip's magic number; undefined when there are none. */
async function unpacked(source: Readable): Promise<AsyncIterable<Uint8Array> | undefined> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const { done, value: first } = await chunks.next();
  if (done) return undefined;
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield first;
      for (;;) {
        const { done, value } = await chunks.next();
        if (done) return;
        yield value;
      }
    } finally {
      await chunks.return?.();
    }
  }
  if (first[0] !== 0x1f || first[1] !== 0x8b) return whole();
  // pipeline: an error of either stream destroys the other, and reaches the reader as the stream's own error.
  return pipeline(Readable.from(whole()), createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
}
