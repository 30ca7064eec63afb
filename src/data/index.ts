/** All datasets by name, as the command line and `datasets.…` know them. */
import { OptionError, rejectUnknownKeys, unknownName } from "../errors.js";
import { limit, requireLimit } from "./checks.js";
import { cifar10 } from "./cifar10.js";
import type { DatasetPair } from "./dataset.js";
import { type FolderOptions, folder } from "./folder.js";
import { mnist } from "./mnist.js";
import type { FetchOptions } from "./pinned.js";
import { type ShapesOptions, shapes } from "./shapes.js";

export { cacheDirectory } from "./cache.js";
export { checkLabels, classCounts, limit } from "./checks.js";
export { cifar10 } from "./cifar10.js";
export type { Dataset, DatasetPair } from "./dataset.js";
export { type DatasetDescription, describe } from "./describe.js";
export { type FolderOptions, folder, imageFiles } from "./folder.js";
export { mnist } from "./mnist.js";
export type { OnProgress } from "./npmPackage.js";
export type { FetchOptions } from "./pinned.js";
export { SHAPES_COUNTS, type ShapesOptions, shapes } from "./shapes.js";

const FOLDER_PREFIX = "folder:";
export const DATASET_NAMES = ["cifar10", "mnist", "shapes", "folder:PATH"] as const;

/** Each dataset takes those that concern it. */
export interface LoadOptions extends FetchOptions, FolderOptions, ShapesOptions {
  /** At most so many images of either part. */
  readonly limit?: number;
}

const KNOWN_OPTIONS: readonly (keyof LoadOptions)[] = [
  "dataDir",
  "cacheDir",
  "offline",
  "onProgress",
  "onWarning",
  "imageShape",
  "skipBad",
  "testSplit",
  "seed",
  "train",
  "test",
  "limit",
];

/** @param name "cifar10", "mnist", "shapes" or "folder:PATH"  @throws OptionError naming the nearest known one */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<DatasetPair> {
  rejectUnknownKeys("loadDataset", options, KNOWN_OPTIONS);
  if (options.limit !== undefined) requireLimit(options.limit);
  const pair = await load(name, options);
  if (options.limit === undefined) return pair;
  return { train: limit(pair.train, options.limit), test: limit(pair.test, options.limit) };
}

async function load(name: string, options: LoadOptions): Promise<DatasetPair> {
  const { dataDir, cacheDir, offline, onProgress, onWarning, seed } = options;
  const fetching: FetchOptions = { dataDir, cacheDir, offline, onProgress, onWarning };
  if (name === "cifar10") return cifar10(fetching);
  if (name === "mnist") return mnist(fetching);
  if (name === "shapes") return shapes({ train: options.train, test: options.test, seed });
  if (name.startsWith(FOLDER_PREFIX)) {
    const path = name.slice(FOLDER_PREFIX.length);
    if (path === "") throw new OptionError('the dataset "folder:" lacks its path. Write "folder:PATH".');
    const { imageShape, skipBad, testSplit } = options;
    return folder(path, { imageShape, skipBad, testSplit, seed, onProgress, onWarning });
  }
  throw new OptionError(unknownName("dataset", name, DATASET_NAMES));
}
