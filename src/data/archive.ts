/**
 * Reads chosen entries of a tar or tar.gz, one at a time, in memory. Nothing is ever unpacked to disk, and entry
 * names serve only to be compared: a name like `../../etc/passwd` cannot do anything.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ParsedTarEntry } from "modern-tar";
import { DataError } from "../errors.js";

const CHUNK_BYTES = 1 << 18;

/** What may be in an archive: base name of the entry, and the most bytes that it may have. */
export type Expected = ReadonlyMap<string, { readonly maximumBytes: number }>;

/** Does the file begin with gzip's magic number? */
export async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

/** Calls `visit` with every expected entry. @throws DataError when one is missing, twice there, too long or damaged. */
export async function readArchive(
  path: string,
  expected: Expected,
  visit: (name: string, bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const missing = new Set(expected.keys());
  try {
    for await (const { header, body } of await entriesOf(path)) {
      const name = header.name.split("/").at(-1) ?? "";
      const known = expected.get(name);
      if (known === undefined || (header.type ?? "file") !== "file") {
        await skip(body);
        continue;
      }
      if (!missing.delete(name)) throw new DataError(`${path}: ${name} is in the archive twice.`);
      if (header.size > known.maximumBytes) {
        throw new DataError(
          `${path}: ${name} must have at most ${known.maximumBytes} bytes; got ${header.size}.`,
        );
      }
      await visit(name, await readBody(body, header.size));
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: the archive is damaged or incomplete: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (missing.size > 0) throw new DataError(`${path}: the archive lacks ${[...missing].join(", ")}.`);
}

async function entriesOf(path: string): Promise<ReadableStream<ParsedTarEntry>> {
  const { createTarDecoder } = await import("modern-tar"); // not needed once the data is cached
  const packed = await isGzip(path);
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  // pipeline: an error of either stream destroys the other, and reaches the reader as the stream's own error.
  const bytes = packed ? pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : file;
  return (Readable.toWeb(bytes) as ReadableStream<Uint8Array>).pipeThrough(
    createTarDecoder({ strict: true }),
  );
}

/**
 * Reads to the end instead of cancelling: modern-tar 0.8.6 loses the entry behind a cancelled one where the cancelled
 * body was already buffered, and then waits for ever.
 */
async function skip(body: ReadableStream<Uint8Array>): Promise<void> {
  await body.pipeTo(new WritableStream());
}

async function readBody(body: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const chunk of body) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
