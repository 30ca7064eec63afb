/**
 * A user's own images: one folder a class, or train/ and test/ with one folder a class in each.
 * JPEG, PNG and WebP, stretched to one size; decoded once, and kept.
 */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DataError, FileError, mustBe, OptionError, rejectUnknownKeys, show } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { Dataset, DatasetPair } from "./dataset.js";
import type { OnProgress } from "./npmPackage.js";
import { PictureCache } from "./pictureCache.js";
import {
  type BadImage,
  decoderName,
  type ImageFile,
  type ImageShape,
  importSharp,
  list,
  listBad,
  readImages,
} from "./pictures.js";
import { checkSplit, chosen, type SplitOptions, shareOf } from "./split.js";

export { imageFiles } from "./pictures.js";

const ENDINGS = /\.(jpe?g|png|webp)$/i;
/** A run's memory has 4 GiB at most, with the network in it. */
const MAX_BYTES = 3 * 2 ** 30;

export interface FolderOptions extends SplitOptions {
  /** [H, W, C]; C is 1 (grey) or 3 (colour). */
  readonly imageShape?: ImageShape; // [32, 32, 3]
  /** Leave damaged images out, with a warning, instead of failing. */
  readonly skipBad?: boolean; // false
  /** At most so many images of each part are read. */
  readonly train?: number;
  readonly test?: number;
  /** Where decoded images are kept; default `$XDG_CACHE_HOME/cbapd` or `~/.cache/cbapd`. */
  readonly cacheDir?: string;
  readonly onProgress?: OnProgress;
  readonly onWarning?: (message: string) => void;
}

const KNOWN_OPTIONS: readonly (keyof FolderOptions)[] = [
  ...(["imageShape", "skipBad", "testSplit", "validationSplit", "seed"] as const),
  ...(["train", "test", "cacheDir", "onProgress", "onWarning"] as const),
];

/**
 * Images come in turn from each class, in order of their names (by code point): so the first n hold all classes.
 * @throws DataError naming what is missing, and every image that cannot be read (the first ten, and how many)
 */
export async function folder(path: string, options: FolderOptions = {}): Promise<DatasetPair> {
  rejectUnknownKeys("folder", options, KNOWN_OPTIONS);
  const { imageShape = [32, 32, 3] } = options;
  const whole = imageShape.length === 3 && imageShape.every((size) => Number.isInteger(size) && size > 0);
  if (!whole || (imageShape[2] !== 1 && imageShape[2] !== 3)) {
    const rule = "be [height, width, channels] with 1 or 3 channels";
    throw new OptionError(mustBe("folder", "imageShape", rule, imageShape));
  }
  checkSplit("folder", options);
  const warn = options.onWarning ?? ((message: string) => process.emitWarning(message, "DataWarning"));
  const sharp = await importSharp();

  const ignored: string[] = [];
  const found = await findImages(path, options, ignored);
  if (ignored.length > 0) {
    warn(`folder: ${ignored.length} entries that are no JPEG, PNG or WebP were ignored: ${list(ignored)}.`);
  }
  const listed = [...found.train, ...found.test].map((file) => file.path);
  const train = found.train.slice(0, options.train);
  const test = found.test.slice(0, options.test);
  const total = train.length + test.length;
  checkSize(total, imageShape);
  const bad: BadImage[] = [];
  let done = 0;
  const { cacheDir } = options;
  const cache = await PictureCache.open(path, imageShape, decoderName(sharp), { cacheDir });
  const read = async (which: string, files: readonly ImageFile[]): Promise<Dataset> => {
    const report = () => options.onProgress?.(++done, total, "reading images");
    const dataset = await readImages(sharp, files, imageShape, bad, report, cache);
    const { classes } = found;
    return { ...dataset, name: `folder ${which}`, classes, source: resolve(path), licence: "yours" };
  };
  // As `divided` names it: what is set aside of training images is for validation, whichever option asked for it.
  const pair = {
    train: await read("train", train),
    test: await read(found.hasTest ? "test" : "validation", test),
  };
  await cache.save(listed, warn).catch((error: Error) => {
    if (!(error instanceof FileError)) throw error;
    warn(`folder: decoded images could not be kept for the next time: ${error.message}`);
  });
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

/** Before anything is decoded. */
function checkSize(count: number, imageShape: ImageShape): void {
  const bytes = count * sizeOf(imageShape);
  if (bytes <= MAX_BYTES) return;
  const gib = (bytes / 2 ** 30).toFixed(1);
  throw new DataError(
    `folder: ${count} images of ${imageShape.join("×")} are ${gib} GiB once decoded, more than ${MAX_BYTES / 2 ** 30} GiB. ` +
      "Choose a smaller --image-size, or fewer images with --limit.",
    { code: "DATASET_TOO_LARGE" },
  );
}

interface Found {
  readonly classes: readonly string[];
  readonly train: readonly ImageFile[];
  readonly test: readonly ImageFile[];
  /** Whether the test images are those of the folder's own `test`. */
  readonly hasTest: boolean;
}

async function findImages(path: string, options: SplitOptions, ignored: string[]): Promise<Found> {
  const top = await entries(path);
  const hasTest = top.folders.includes("train") && top.folders.includes("test");
  const all = await classFolders(hasTest ? join(path, "train") : path, ignored);
  const classes = [...all.keys()];
  const share = shareOf(options, hasTest);
  if (share === undefined) {
    const test = await classFolders(join(path, "test"), ignored);
    const unknown = [...test.keys()].filter((name) => !all.has(name));
    if (unknown.length > 0) {
      throw new DataError(`folder: ${join(path, "test")} has classes that train lacks: ${list(unknown)}.`);
    }
    return {
      classes,
      train: inTurn([...all.values()]),
      test: inTurn(classes.map((name) => test.get(name) ?? [])),
      hasTest,
    };
  }
  const parts = [...all.values()].map((files, label) => {
    const aside = chosen(files.length, share, options.seed ?? 0, label);
    return {
      train: files.filter((_, i) => !aside.has(i)),
      test: files.filter((_, i) => aside.has(i)),
    };
  });
  return {
    classes,
    train: inTurn(parts.map(({ train }) => train)),
    test: inTurn(parts.map(({ test }) => test)),
    hasTest: false,
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
