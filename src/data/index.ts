/** All datasets by name, as the command line and `datasets.…` know them. */
import { OptionError, rejectUnknownKeys, show, unknownName } from "../errors.js";
import { limit, requireLimit } from "./checks.js";
import { cifar10 } from "./cifar10.js";
import { cifar100 } from "./cifar100.js";
import type { DatasetPair } from "./dataset.js";
import { type FolderOptions, folder } from "./folder.js";
import { idx } from "./idx.js";
import { mnist } from "./mnist.js";
import { npz } from "./npzData.js";
import type { FetchOptions } from "./pinned.js";
import { type ShapesOptions, shapes } from "./shapes.js";
import { checkSplit, divided } from "./split.js";

export { cacheDirectory } from "./cache.js";
export { checkLabels, classCounts, limit } from "./checks.js";
export { cifar10 } from "./cifar10.js";
export { type Cifar100Options, cifar100 } from "./cifar100.js";
export type { Dataset, DatasetPair } from "./dataset.js";
export { type DatasetDescription, describe } from "./describe.js";
export { type FolderOptions, folder, imageFiles } from "./folder.js";
export { idx } from "./idx.js";
export type { LabelledOptions } from "./labelled.js";
export { mnist } from "./mnist.js";
export type { OnProgress } from "./npmPackage.js";
export { type NpzDataOptions, npz } from "./npzData.js";
export type { FetchOptions } from "./pinned.js";
export { SHAPES_COUNTS, type ShapesOptions, shapes } from "./shapes.js";
export { type SplitOptions, splitStratified } from "./split.js";

export const DATASET_NAMES = [
  "cifar10",
  "cifar100",
  "cifar100-coarse",
  "mnist",
  "shapes",
  "folder:PATH",
  "idx:PATH",
  "npz:FILE",
] as const;

/** Each dataset takes those that concern it. */
export interface LoadOptions extends FetchOptions, FolderOptions, ShapesOptions {
  /** At most so many images of either part. */
  readonly limit?: number;
  /** Chooses which images testSplit and validationSplit set aside; default `seed`, which also draws shapes. */
  readonly splitSeed?: number;
  /** Of idx: and npz: data, whose files have none; default "0", "1", … */
  readonly classNames?: readonly string[];
  /** CIFAR-100 alone: files with other sums than the authors'. */
  readonly unchecked?: boolean;
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
  "validationSplit",
  "splitSeed",
  "classNames",
  "unchecked",
  "seed",
  "train",
  "test",
  "limit",
];

/** @param name one of DATASET_NAMES  @throws OptionError naming the nearest known one */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<DatasetPair> {
  rejectUnknownKeys("loadDataset", options, KNOWN_OPTIONS);
  if (options.limit !== undefined) requireLimit(options.limit);
  const pair = await load(name, options);
  if (options.limit === undefined) return pair;
  return { train: limit(pair.train, options.limit), test: limit(pair.test, options.limit) };
}

async function load(name: string, options: LoadOptions): Promise<DatasetPair> {
  const { dataDir, cacheDir, offline, onProgress, onWarning } = options;
  const { testSplit, validationSplit, splitSeed = options.seed } = options;
  const splitting = { testSplit, validationSplit, seed: splitSeed };
  checkSplit("loadDataset", splitting);
  if (options.unchecked && !name.startsWith("cifar100")) {
    throw new OptionError(`unchecked is for cifar100, whose files may be others; got ${show(name)}.`);
  }
  const [, kind, path] = /^(folder|idx|npz):(.*)$/s.exec(name) ?? [];
  if (path === "") throw new OptionError(`the dataset "${kind}:" lacks its path. Write "${kind}:PATH".`);
  const { classNames } = options;
  if (kind === "idx") return idx(path, { ...splitting, classNames });
  if (kind === "npz") return npz(path, { ...splitting, classNames, onWarning });
  if (classNames) {
    throw new OptionError(`classNames are for idx: and npz: data, whose files have none; got ${show(name)}.`);
  }
  if (kind === "folder") {
    const { imageShape, skipBad, train, test } = options;
    return folder(path, {
      imageShape,
      skipBad,
      ...splitting,
      train,
      test,
      cacheDir,
      onProgress,
      onWarning,
    });
  }
  const { train, test } = await loadWhole(name, options, {
    dataDir,
    cacheDir,
    offline,
    onProgress,
    onWarning,
  });
  return divided(train, test, splitting);
}

async function loadWhole(name: string, options: LoadOptions, fetching: FetchOptions): Promise<DatasetPair> {
  if (name === "cifar10") return cifar10(fetching);
  const { dataDir } = fetching;
  const { unchecked } = options;
  if (name === "cifar100") return cifar100({ dataDir, unchecked });
  if (name === "cifar100-coarse") return cifar100({ dataDir, labels: "coarse", unchecked });
  if (name === "mnist") return mnist(fetching);
  if (name === "shapes") return shapes({ train: options.train, test: options.test, seed: options.seed });
  throw new OptionError(unknownName("dataset", name, DATASET_NAMES));
}
