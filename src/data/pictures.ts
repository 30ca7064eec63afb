/** Picture files as pixels of one size: JPEG, PNG and WebP, read by `sharp`, an optional dependency. */
import { readFile, stat } from "node:fs/promises";
import type Sharp from "sharp";
import { DataError } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { Dataset } from "./dataset.js";
import { imageHeader, MAX_PIXELS } from "./imageHeader.js";

const MAX_FILE_BYTES = 1 << 26;
/** Images decoded at once: enough to keep sharp's threads busy. */
const AT_ONCE = 8;
const NAMES_SHOWN = 10;
/** Of what is done to a picture here: another number, and nothing that is kept of older ones is used. */
const PIPELINE = 1;

export type ImageShape = readonly [number, number, number];

export interface ImageFile {
  readonly path: string;
  readonly label: number;
}

export interface BadImage {
  readonly path: string;
  readonly error: DataError;
}

/** Pixels that are known already, and those that become known. */
export interface Known {
  get(path: string): Promise<Uint8Array | undefined>;
  add(path: string, pixels: Uint8Array): void;
}

export async function importSharp(): Promise<typeof Sharp> {
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

/** Two decoders of the same name give the same pixels. */
export function decoderName(sharp: typeof Sharp): string {
  const { sharp: version, vips } = sharp.versions;
  return `${PIPELINE} sharp ${version} vips ${vips}`;
}

/** The first ten, and how many more. */
export function list(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

export function listBad(bad: readonly BadImage[]): string {
  return list(bad.map(({ path, error }) => `${path} (${error.message})`));
}

/** Unreadable ones go to `bad`, and the others close the gap. */
export async function readImages(
  sharp: typeof Sharp,
  files: readonly ImageFile[],
  imageShape: ImageShape,
  bad: BadImage[],
  onDone: () => void = () => {},
  known?: Known,
): Promise<Pick<Dataset, "count" | "imageShape" | "images" | "scale" | "labels"> & { files: string[] }> {
  const imageBytes = sizeOf(imageShape);
  const images = new Uint8Array(files.length * imageBytes);
  const labels = new Int32Array(files.length);
  const paths: string[] = [];
  const read = async (path: string) => {
    const held = await known?.get(path);
    if (held) return held;
    const pixels = await readImage(sharp, path, imageShape);
    if (!(pixels instanceof DataError)) known?.add(path, pixels);
    return pixels;
  };
  for (let begin = 0; begin < files.length; begin += AT_ONCE) {
    const some = files.slice(begin, begin + AT_ONCE);
    const decoded = await Promise.all(some.map(({ path }) => read(path)));
    decoded.forEach((pixels, i) => {
      onDone();
      const { path, label } = some[i];
      if (pixels instanceof DataError) {
        bad.push({ path, error: pixels });
        return;
      }
      images.set(pixels, paths.length * imageBytes);
      labels[paths.length] = label;
      paths.push(path);
    });
  }
  const count = paths.length;
  return {
    count,
    imageShape,
    images: images.subarray(0, count * imageBytes),
    scale: 1 / 255,
    labels: labels.subarray(0, count),
    files: paths,
  };
}

/** @returns uint8 [H, W, C], upright, transparent parts white; or why it cannot be read */
async function readImage(
  sharp: typeof Sharp,
  path: string,
  imageShape: ImageShape,
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
  [height, width, channels]: ImageShape,
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

/**
 * Single image files, resized to `imageShape`; without labels.
 * @param onBad  is told of those that cannot be read, which are then left out
 * @throws DataError naming those that cannot be read, unless there is `onBad`
 */
export async function imageFiles(
  paths: readonly string[],
  imageShape: ImageShape,
  onBad?: (path: string, error: DataError) => void,
): Promise<Dataset> {
  const sharp = await importSharp();
  const bad: BadImage[] = [];
  const files = paths.map((path) => ({ path, label: 0 }));
  const images = await readImages(sharp, files, imageShape, bad);
  if (bad.length > 0 && !onBad) {
    throw new DataError(`cannot be read as images: ${listBad(bad)}.`, { code: bad[0].error.code });
  }
  for (const { path, error } of bad) onBad?.(path, error);
  return { ...images, name: "images", classes: [] };
}
