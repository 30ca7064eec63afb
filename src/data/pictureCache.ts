/**
 * Decoded pictures of a folder, so that each is decoded once. One npz file for a folder, size and decoder, below the cache: the
 * pixels, and for each picture its path and a stamp of its file. A picture counts as known while its file has the same
 * stamp. Bounded: a folder that needs too much is not kept, and of all folders those used longest ago go first.
 */
import { createHash } from "node:crypto";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { writeFileAtomic } from "../formats/atomicFile.js";
import type { NpyArray } from "../formats/npy.js";
import { encodeNpz, readNpz } from "../formats/npz.js";
import { sizeOf } from "../shape.js";
import { cacheDirectory } from "./cache.js";
import type { ImageShape, Known } from "./pictures.js";

const MiB = 1 << 20;

export interface CacheLimits {
  /** Of one folder's pixels. */
  readonly folderBytes: number;
  /** Of all folders' files. */
  readonly totalBytes: number;
}

const LIMITS: CacheLimits = { folderBytes: 1024 * MiB, totalBytes: 2048 * MiB };
/** Paths and stamps of so many pictures; a path has at most 4096 bytes, and hardly ever comes near that. */
const INDEX_BYTES = 256 * MiB;

interface Entry {
  readonly stamp: string;
  readonly pixels: Uint8Array;
}

export class PictureCache implements Known {
  readonly #root: string;
  readonly #path: string;
  readonly #imageShape: ImageShape;
  readonly #limits: CacheLimits;
  /** What the file holds, by path. */
  readonly #held: ReadonlyMap<string, Entry>;
  readonly #used = new Map<string, Entry>();
  readonly #stamps = new Map<string, string>();
  #added = 0;

  private constructor(
    root: string,
    path: string,
    imageShape: ImageShape,
    limits: CacheLimits,
    held: ReadonlyMap<string, Entry>,
  ) {
    this.#root = root;
    this.#path = path;
    this.#imageShape = imageShape;
    this.#limits = limits;
    this.#held = held;
  }

  /** What is there already; a file that is missing or damaged is an empty one. @param decoder see `decoderName` */
  static async open(
    folder: string,
    imageShape: ImageShape,
    decoder: string,
    { cacheDir = cacheDirectory(), limits = LIMITS }: { cacheDir?: string; limits?: CacheLimits } = {},
  ): Promise<PictureCache> {
    const root = resolve(folder);
    const key = createHash("sha256")
      .update(JSON.stringify([root, imageShape, decoder]))
      .digest("hex");
    const path = join(cacheDir, "folders", `${key.slice(0, 32)}.npz`);
    const held = await readEntries(path, imageShape, limits).catch(() => new Map<string, Entry>());
    return new PictureCache(root, path, imageShape, limits, held);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const stamp = await stampOf(path).catch(() => undefined);
    if (stamp === undefined) return undefined;
    this.#stamps.set(path, stamp);
    const name = relative(this.#root, path);
    const entry = this.#held.get(name);
    if (entry?.stamp !== stamp) return undefined;
    this.#used.set(name, entry);
    return entry.pixels;
  }

  /** The stamp is the one from before the file was read: a change in between is seen the next time. */
  add(path: string, pixels: Uint8Array): void {
    const stamp = this.#stamps.get(path);
    if (stamp === undefined) return;
    this.#used.set(relative(this.#root, path), { stamp, pixels });
    this.#added++;
  }

  /**
   * Keeps what was added, and what is there of `listed` pictures that this time were not asked for.
   * @throws FileError when it cannot be written
   */
  async save(listed: readonly string[], warn: (message: string) => void): Promise<void> {
    if (this.#added === 0) {
      const now = new Date();
      await utimes(this.#path, now, now).catch(() => {});
      return;
    }
    const entries = new Map(this.#used);
    for (const path of listed) {
      const name = relative(this.#root, path);
      const entry = this.#held.get(name);
      if (entry && !entries.has(name) && !this.#stamps.has(path)) entries.set(name, entry);
    }
    const size = sizeOf(this.#imageShape);
    const bytes = entries.size * size;
    if (bytes > this.#limits.folderBytes) {
      const [needed, most] = [bytes, this.#limits.folderBytes].map((count) => Math.ceil(count / MiB));
      warn(`folder: ${needed} MiB of decoded images are more than is kept (${most} MiB).`);
      return;
    }
    const pixels = new Uint8Array(bytes);
    const index: [string, string][] = [];
    for (const [name, entry] of entries) {
      pixels.set(entry.pixels, index.length * size);
      index.push([name, entry.stamp]);
    }
    const text = new Uint8Array(Buffer.from(JSON.stringify(index)));
    const arrays = new Map<string, NpyArray>([
      ["index", { type: "u1", shape: [text.length], data: text }],
      ["pixels", { type: "u1", shape: [index.length, ...this.#imageShape], data: pixels }],
    ]);
    await writeFileAtomic(this.#path, encodeNpz(this.#path, arrays));
    await this.#evict();
  }

  async #evict(): Promise<void> {
    const folder = join(this.#path, "..");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".npz"));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const { size, mtimeMs } = await stat(path);
        return { path, size, mtimeMs };
      }),
    );
    files.sort((a, b) => b.mtimeMs - a.mtimeMs);
    let total = 0;
    for (const { path, size } of files) {
      total += size;
      if (total > this.#limits.totalBytes && path !== this.#path) await rm(path, { force: true });
    }
  }
}

/** Whatever changes a file's bytes changes one of these. */
async function stampOf(path: string): Promise<string> {
  const { size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return `${size} ${mtimeNs} ${ctimeNs}`;
}

/** @throws Error when it is none, or not as it was written: npz has checksums */
async function readEntries(
  path: string,
  imageShape: ImageShape,
  { folderBytes }: CacheLimits,
): Promise<Map<string, Entry>> {
  const arrays = await readNpz(path, { maximumBytes: folderBytes + INDEX_BYTES });
  const [text, pixels] = ["index", "pixels"].map((name) => arrays.get(name)!.data as Uint8Array);
  const index: unknown = JSON.parse(new TextDecoder().decode(text));
  const size = sizeOf(imageShape);
  if (!Array.isArray(index) || pixels.length !== index.length * size)
    throw new Error("not as it was written");
  return new Map(
    index.map(([name, stamp]: [string, string], i) => [
      name,
      { stamp, pixels: pixels.subarray(i * size, (i + 1) * size) },
    ]),
  );
}
