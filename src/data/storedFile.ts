/** Large files that must be what they should be, byte for byte, and that are read to where they are wanted. */
import { createHash } from "node:crypto";
import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DataError } from "../errors.js";
import { sha256 } from "./cache.js";
import type { StoredBytes } from "./dataset.js";

/** Of one read while the piece before is hashed: both stay in a cache. */
const HASHED_BYTES = 1 << 20;
/** Of one read to where the bytes are wanted, ... */
const PIECE_BYTES = 4 << 20;
/** ... and reads at once: memory that is touched for the first time costs a core far more than the copying. */
const READS = 2;
/** Times that a file may change its times, but not its bytes, while it is read. */
const MOST_ATTEMPTS = 3;

/** What the system says of a file, and says otherwise after any write to it. */
type Stamp = string;

interface Seen {
  readonly size: number;
  stamp: Stamp;
}

/** A file whose SHA-256 was `sum` when it was looked at last. */
export class StoredFile implements StoredBytes {
  readonly #path: string;
  readonly #sum: string;
  readonly #begin: number;
  readonly #end: number;
  /** Shared by all parts of a file. */
  readonly #seen: Seen;

  private constructor(path: string, sum: string, seen: Seen, begin: number, end: number) {
    this.#path = path;
    this.#sum = sum;
    this.#seen = seen;
    this.#begin = begin;
    this.#end = end;
  }

  /** @returns undefined when its SHA-256 is another @throws Error when the file cannot be read, or has fewer bytes */
  static async open(path: string, size: number, sum: string): Promise<StoredFile | undefined> {
    const found = await hashFile(path, size);
    return found.sum === sum ? new StoredFile(path, sum, { size, stamp: found.stamp }, 0, size) : undefined;
  }

  get byteLength(): number {
    return this.#end - this.#begin;
  }

  subarray(begin: number, end: number): StoredFile {
    return new StoredFile(this.#path, this.#sum, this.#seen, this.#begin + begin, this.#begin + end);
  }

  async readInto(target: Uint8Array): Promise<void> {
    const file = await open(this.#path, "r").catch(this.#unreadable);
    try {
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        await this.#read(file, target).catch(this.#unreadable);
        if ((await stampOf(file)) === this.#seen.stamp) return;
        // Somebody has touched it, or put another in its place: it is the bytes that count.
        const { sum, stamp } = await hashFile(this.#path, this.#seen.size).catch(this.#unreadable);
        if (sum !== this.#sum) break;
        this.#seen.stamp = stamp;
      }
    } finally {
      await file.close();
    }
    throw this.#changed();
  }

  readSomeInto(target: Uint8Array, begins: readonly number[], length: number): boolean {
    return this.#withFile((file) => {
      for (const begin of begins) {
        fillSync(file, target.subarray(begin, begin + length), this.#begin + begin);
      }
      return this.#isAsSeen(file);
    });
  }

  /** Its bytes, at once. @throws DataError */
  read(): Uint8Array {
    // Also for a part: if the file has been touched, all of it must be looked at.
    const bytes = new Uint8Array(this.#seen.size);
    const same = this.#withFile((file) => {
      fillSync(file, bytes, 0);
      return this.#isAsSeen(file);
    });
    if (!same && sha256(bytes) !== this.#sum) throw this.#changed();
    return bytes.subarray(this.#begin, this.#end);
  }

  #withFile<T>(work: (file: number) => T): T {
    try {
      const file = openSync(this.#path, "r");
      try {
        return work(file);
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      return this.#unreadable(cause as Error);
    }
  }

  #isAsSeen(file: number): boolean {
    return stampText(fstatSync(file, { bigint: true })) === this.#seen.stamp;
  }

  async #read(file: FileHandle, target: Uint8Array): Promise<void> {
    let next = 0;
    const reader = async (): Promise<void> => {
      while (next < this.byteLength) {
        const begin = next;
        next += PIECE_BYTES;
        await fill(
          file,
          target.subarray(begin, Math.min(begin + PIECE_BYTES, this.byteLength)),
          this.#begin + begin,
        );
      }
    };
    await Promise.all(Array.from({ length: READS }, reader));
  }

  readonly #unreadable = (cause: Error): never => {
    throw new DataError(`${this.#path} cannot be read any more: ${cause.message}.`, {
      cause,
      code: "DATASET_CHANGED",
    });
  };

  #changed(): DataError {
    return new DataError(
      `${this.#path} has changed since it was checked. The same command again fetches it anew.`,
      { code: "DATASET_CHANGED" },
    );
  }
}

/** A file of `size` bytes, of which only a little is held: each piece is hashed while the next is read. */
async function hashFile(path: string, size: number): Promise<{ sum: string; stamp: Stamp }> {
  const file = await open(path, "r");
  try {
    const stamp = await stampOf(file);
    const hash = createHash("sha256");
    const buffers = [new Uint8Array(HASHED_BYTES), new Uint8Array(HASHED_BYTES)];
    const readPiece = async (begin: number): Promise<Uint8Array> => {
      const piece = buffers[(begin / HASHED_BYTES) & 1].subarray(0, Math.min(HASHED_BYTES, size - begin));
      await fill(file, piece, begin);
      return piece;
    };
    let next = readPiece(0);
    for (let begin = HASHED_BYTES; begin < size; begin += HASHED_BYTES) {
      const piece = await next;
      next = readPiece(begin);
      hash.update(piece);
    }
    hash.update(await next);
    if ((await stampOf(file)) !== stamp) throw new Error("it changes while it is read");
    return { sum: hash.digest("hex"), stamp };
  } finally {
    await file.close();
  }
}

/** @throws Error when the file ends before */
async function fill(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error(`it ends at byte ${position + done}`);
    done += bytesRead;
  }
}

/** @throws Error when the file ends before */
function fillSync(file: number, target: Uint8Array, position: number): void {
  for (let done = 0; done < target.length; ) {
    const bytesRead = readSync(file, target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error(`it ends at byte ${position + done}`);
    done += bytesRead;
  }
}

async function stampOf(file: FileHandle): Promise<Stamp> {
  return stampText(await file.stat({ bigint: true }));
}

function stampText({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Stamp {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
