/**
 * A user's own images: one folder a class, or train/ and test/ with one folder a class in each.
 * JPEG, PNG and WebP, read by `sharp`, an optional dependency, and stretched to one size.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type Sharp from "sharp";
import { DataError, mustBe, OptionError, rejectUnknownKeys, show } from "../errors.js";
import { Purpose, randomWords } from "../random.js";
import { sizeOf } from "../shape.js";
import type { Dataset, DatasetPair } from "./dataset.js";
import { imageHeader, MAX_PIXELS } from "./imageHeader.js";
import type { OnProgress } from "./npmPackage.js";

const ENDINGS = /\.(jpe?g|png|webp)$/i;
const NAMES_SHOWN = 10;
const MAX_FILE_BYTES = 1 << 26;
/** Images decoded at once: enough to keep sharp's threads busy. */
const AT_ONCE = 8;

export interface FolderOptions {
  /** [H, W, C]; C is 1 (grey) or 3 (colour). */
  readonly imageShape?: readonly [number, number, number]; // [32, 32, 3]
  /** Leave damaged images out, with a warning, instead of failing. */
  readonly skipBad?: boolean; // false
  /** Share of each class that becomes the test part, where there is no test/ folder; in (0, 1). */
  readonly testSplit?: number; // 0.2
  /** Chooses which images those are. */
  readonly seed?: number; // 0
  readonly onProgress?: OnProgress;
  readonly onWarning?: (message: string) => void;
}

interface ImageFile {
  readonly path: string;
  readonly label: number;
}

/**
 * Images come in turn from each class, in order of their names (by code point): so the first n hold all classes.
 * @throws DataError naming what is missing, and every image that cannot be read (the first ten, and how many)
 */
export async function folder(path: string, options: FolderOptions = {}): Promise<DatasetPair> {
  const known = ["imageShape", "skipBad", "testSplit", "seed", "onProgress", "onWarning"];
  rejectUnknownKeys("folder", options, known);
  const { imageShape = [32, 32, 3], testSplit = 0.2, seed = 0 } = options;
  const whole = imageShape.length === 3 && imageShape.every((size) => Number.isInteger(size) && size > 0);
  if (!whole || (imageShape[2] !== 1 && imageShape[2] !== 3)) {
    const rule = "be [height, width, channels] with 1 or 3 channels";
    throw new OptionError(mustBe("folder", "imageShape", rule, imageShape));
  }
  if (!(testSplit > 0 && testSplit < 1)) {
    throw new OptionError(mustBe("folder", "testSplit", "lie between 0 and 1", testSplit));
  }
  const warn = options.onWarning ?? ((message: string) => process.emitWarning(message, "DataWarning"));
  const sharp = await importSharp();

  const ignored: string[] = [];
  const { classes, train, test } = await findImages(path, testSplit, seed, ignored);
  if (ignored.length > 0) {
    warn(`folder: ${ignored.length} entries that are no JPEG, PNG or WebP were ignored: ${list(ignored)}.`);
  }
  const bad: BadImage[] = [];
  const total = train.length + test.length;
  let done = 0;
  const read = async (which: string, files: readonly ImageFile[]): Promise<Dataset> => {
    const dataset = await readImages(sharp, files, imageShape, bad, () => {
      options.onProgress?.(++done, total, "reading images");
    });
    return { ...dataset, name: `folder ${which}`, classes, source: resolve(path), licence: "yours" };
  };
  const pair = { train: await read("train", train), test: await read("test", test) };
  if (bad.length > 0) {
    const what = `folder: ${bad.length} of ${total} images cannot be read: ${listBad(bad)}`;
    const { code } = bad[0].error;
    if (!options.skipBad)
      throw new DataError(`${what}. Mend or remove them, or leave them out with --skip-bad.`, { code });
    warn(`${what}; left out.`);
    if (pair.train.count === 0) throw new DataError(`folder: no image of ${path} can be read.`, { code });
  }
  return pair;
}

async function importSharp(): Promise<typeof Sharp> {
  try {
    return (await import("sharp")).default;
  } catch (error) {
    throw new DataError(
      "folder: image folders need the optional package sharp, which is not installed or does not work here. " +
        `Install it with: npm install sharp (${(error as Error).message.split("\n")[0]})`,
      { cause: error },
    );
  }
}

function list(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

interface BadImage {
  readonly path: string;
  readonly error: DataError;
}

function listBad(bad: readonly BadImage[]): string {
  return list(bad.map(({ path, error }) => `${path} (${error.message})`));
}

interface Found {
  readonly classes: readonly string[];
  readonly train: readonly ImageFile[];
  readonly test: readonly ImageFile[];
}

async function findImages(path: string, testSplit: number, seed: number, ignored: string[]): Promise<Found> {
  const top = await entries(path);
  if (top.folders.includes("train") && top.folders.includes("test")) {
    const train = await classFolders(join(path, "train"), ignored);
    const test = await classFolders(join(path, "test"), ignored);
    const classes = [...train.keys()];
    const unknown = [...test.keys()].filter((name) => !train.has(name));
    if (unknown.length > 0) {
      throw new DataError(`folder: ${join(path, "test")} has classes that train lacks: ${list(unknown)}.`);
    }
    return {
      classes,
      train: inTurn([...train.values()]),
      test: inTurn(classes.map((name) => test.get(name) ?? [])),
    };
  }
  const all = await classFolders(path, ignored);
  const parts = [...all.values()].map((files, label) => split(files, testSplit, seed, label));
  return {
    classes: [...all.keys()],
    train: inTurn(parts.map((part) => part.train)),
    test: inTurn(parts.map((part) => part.test)),
  };
}

/** The images of each class folder, all in order. */
async function classFolders(path: string, ignored: string[]): Promise<Map<string, string[]>> {
  const { folders, files } = await entries(path);
  ignored.push(...files.map((name) => join(path, name)));
  const classes = new Map<string, string[]>();
  for (const name of folders) {
    const inside = await entries(join(path, name));
    const images = inside.files.filter((file) => ENDINGS.test(file));
    const others = [...inside.files.filter((file) => !ENDINGS.test(file)), ...inside.folders];
    ignored.push(...others.map((other) => join(path, name, other)));
    if (images.length === 0) throw new DataError(`folder: ${join(path, name)} holds no JPEG, PNG or WebP.`);
    classes.set(
      name,
      images.map((image) => join(path, name, image)),
    );
  }
  if (classes.size < 2) {
    throw new DataError(
      `folder: ${path} must hold a folder for each of at least two classes; got ${show([...classes.keys()])}.`,
    );
  }
  return classes;
}

/** Sorted by code point, whatever the file system's order and the user's language; hidden ones left out. */
async function entries(path: string): Promise<{ folders: string[]; files: string[] }> {
  const names = await readdir(path).catch((error: Error) => {
    throw new DataError(`folder: cannot read ${path}: ${error.message}.`, { cause: error });
  });
  const folders: string[] = [];
  const files: string[] = [];
  for (const name of names.filter((name) => !name.startsWith(".")).sort(byCodePoint)) {
    // stat follows links; one that leads nowhere counts as a file, and is then reported as unreadable.
    const info = await stat(join(path, name)).catch(() => undefined);
    (info?.isDirectory() ? folders : files).push(name);
  }
  return { folders, files };
}

/** Strings compare by UTF-16 unit, which differs from code points beyond U+FFFF: UTF-8's bytes have their order. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** A seeded choice of round(n·share) images is the test part: at least one, but never a class's only image. */
function split(
  files: readonly string[],
  share: number,
  seed: number,
  label: number,
): { train: string[]; test: string[] } {
  const wanted = Math.min(files.length - 1, Math.max(1, Math.round(files.length * share)));
  const next = randomWords(seed, Purpose.Dataset, label);
  const ranked = files.map((_, i) => ({ i, word: next() })).sort((a, b) => a.word - b.word || a.i - b.i);
  const chosen = new Set(ranked.slice(0, wanted).map(({ i }) => i));
  return { train: files.filter((_, i) => !chosen.has(i)), test: files.filter((_, i) => chosen.has(i)) };
}

/** First of each class, second of each class, … */
function inTurn(classes: readonly (readonly string[])[]): ImageFile[] {
  const longest = Math.max(...classes.map((files) => files.length));
  const order: ImageFile[] = [];
  for (let i = 0; i < longest; i++) {
    classes.forEach((files, label) => {
      if (i < files.length) order.push({ path: files[i], label });
    });
  }
  return order;
}

/** Unreadable ones go to `bad`, and the others close the gap. */
async function readImages(
  sharp: typeof Sharp,
  files: readonly ImageFile[],
  imageShape: readonly [number, number, number],
  bad: BadImage[],
  onDone: () => void,
): Promise<Pick<Dataset, "count" | "imageShape" | "images" | "scale" | "labels">> {
  const imageBytes = sizeOf(imageShape);
  const images = new Uint8Array(files.length * imageBytes);
  const labels = new Int32Array(files.length);
  let count = 0;
  for (let begin = 0; begin < files.length; begin += AT_ONCE) {
    const some = files.slice(begin, begin + AT_ONCE);
    const decoded = await Promise.all(some.map(({ path }) => readImage(sharp, path, imageShape)));
    decoded.forEach((pixels, i) => {
      onDone();
      if (pixels instanceof DataError) {
        bad.push({ path: some[i].path, error: pixels });
        return;
      }
      images.set(pixels, count * imageBytes);
      labels[count++] = some[i].label;
    });
  }
  return {
    count,
    imageShape,
    images: images.subarray(0, count * imageBytes),
    scale: 1 / 255,
    labels: labels.subarray(0, count),
  };
}

/** @returns uint8 [H, W, C], upright, transparent parts white; or why it cannot be read */
async function readImage(
  sharp: typeof Sharp,
  path: string,
  imageShape: readonly [number, number, number],
): Promise<Uint8Array | DataError> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new DataError("no regular file", { code: "FILE_NOT_REGULAR" });
    if (info.size > MAX_FILE_BYTES) {
      throw new DataError(`${info.size} bytes`, { code: "IMAGE_FILE_TOO_LARGE" });
    }
    return await decodeImage(sharp, await readFile(path), imageShape);
  } catch (error) {
    if (error instanceof DataError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const cause = { cause: error, code: code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE" } as const;
    return new DataError(message, cause);
  }
}

/** The bytes that were checked are those that are decoded. @throws DataError */
async function decodeImage(
  sharp: typeof Sharp,
  bytes: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
): Promise<Uint8Array> {
  imageHeader(bytes);
  let pixels: Buffer;
  try {
    // failOn "warning", sharp's default, stated: a JPEG cut short must not pass as a half grey image.
    const decoder = sharp(bytes, { failOn: "warning", limitInputPixels: MAX_PIXELS });
    const upright = decoder.autoOrient().flatten({ background: "#ffffff" });
    const sized = upright.resize(width, height, { fit: "fill" });
    const coloured = channels === 1 ? sized.toColourspace("b-w") : sized.toColourspace("srgb");
    pixels = await coloured.raw({ depth: "uchar" }).toBuffer();
  } catch (cause) {
    throw new DataError((cause as Error).message.split("\n")[0], { cause, code: "IMAGE_DAMAGED" });
  }
  const expected = height * width * channels;
  if (pixels.length !== expected) {
    throw new DataError(`${pixels.length} bytes of pixels instead of ${expected}`, { code: "IMAGE_DAMAGED" });
  }
  return pixels;
}

/** Single image files, resized to `imageShape`; without labels. @throws DataError naming those that cannot be read */
export async function imageFiles(
  paths: readonly string[],
  imageShape: readonly [number, number, number],
): Promise<Dataset> {
  const sharp = await importSharp();
  const bad: BadImage[] = [];
  const files = paths.map((path) => ({ path, label: 0 }));
  const images = await readImages(sharp, files, imageShape, bad, () => {});
  if (bad.length > 0) {
    throw new DataError(`cannot be read as images: ${listBad(bad)}.`, { code: bad[0].error.code });
  }
  return { ...images, name: "images", classes: [] };
}
