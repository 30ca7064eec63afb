/** Options that several commands share, and how their text becomes numbers. */
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { type DatasetPair, datasets, OptionError, unknownName } from "../index.js";
import { progressBar } from "./fetchBar.js";

export interface DataOptions {
  readonly data: string;
  readonly dataDir?: string;
  readonly offline?: boolean;
  readonly skipBad?: boolean;
  readonly unchecked?: boolean;
  readonly limit?: number;
  readonly limitTest?: number;
  readonly validationSplit?: number;
  readonly splitSeed?: number; // 0
  readonly classNames?: readonly string[];
}

/** Data options whose defaults are those of the run that is looked at. */
export type OwnOrRunsDataOptions = Omit<DataOptions, "data"> & Partial<Pick<DataOptions, "data">>;

export const DATASETS =
  "cifar10, cifar100, cifar100-coarse, mnist, shapes, folder:PATH, idx:PATH or npz:FILE";
const FOLDER_PREFIX = "folder:";
const IMAGE_SHAPE = [32, 32, 3] as const;

/** Which data, and how much of it. @param ofRun  what is not given is as in the run */
export function withDataOptions(command: Command, { ofRun = false } = {}): Command {
  const [data, seed] = ofRun ? [undefined, undefined] : ["cifar10", 0];
  const theRuns = ofRun ? " (default: the run's)" : "";
  return command
    .option("--data <dataset>", datasets.DATASET_NAMES.join(", ") + theRuns, data)
    .option("--data-dir <path>", "the dataset's original files, packed or unpacked (or set CBAPD_DATA)")
    .option("--offline", "never touch the network")
    .option("--skip-bad", "leave damaged images of a folder out instead of failing")
    .option("--unchecked", "cifar100: take files that are not the authors'")
    .option("--limit <n>", "only the first n training images", wholeNumber("--limit"))
    .option("--limit-test <n>", "only the first n test images", wholeNumber("--limit-test"))
    .option(
      "--validation-split <share>",
      `of each class's training images, to validate on instead of the test part${theRuns}`,
      shareBetween("--validation-split"),
    )
    .option(
      "--split-seed <n>",
      `chooses which images those are${theRuns}`,
      wholeNumber("--split-seed", 0),
      seed,
    )
    .option("--class-names <names>", "of idx: and npz: data, with commas", classNamesOf);
}

/** The shape that images will have; undefined where only the data itself knows. @throws OptionError */
export function imageShapeOf(data: string, imageSize: ImageShape | undefined): ImageShape | undefined {
  if (data.startsWith(FOLDER_PREFIX)) return imageSize ?? IMAGE_SHAPE;
  if (imageSize) {
    throw new OptionError(
      `--image-size is for --data folder:PATH, whose images are resized; got --data ${data}.`,
    );
  }
  if (data.startsWith("idx:") || data.startsWith("npz:")) return undefined;
  return data === "mnist" ? [28, 28, 1] : IMAGE_SHAPE;
}

export type ImageShape = readonly [number, number, number];

/** A parser for commander: `32`, `48x32` (height first), `28x28x1`. @throws OptionError */
export function imageSize(text: string): ImageShape {
  const [, height, width = height, channels = "3"] =
    /^([1-9]\d{0,4})(?:[x×]([1-9]\d{0,4})(?:[x×]([13]))?)?$/.exec(text) ?? [];
  if (height === undefined) {
    throw new OptionError(
      `--image-size must be a side, as 32, or height, width and 1 or 3 channels, as 48x32 or 28x28x1; got ${JSON.stringify(text)}.`,
    );
  }
  return [Number(height), Number(width), Number(channels)];
}

/** What run.json remembers of them, as far as it is not the usual. */
export function dataSettings(
  { data, validationSplit, splitSeed }: DataOptions,
  imageShape: readonly number[],
): Record<string, string | number> {
  const size = imageShape.join("x");
  const resized = data.startsWith(FOLDER_PREFIX) && size !== IMAGE_SHAPE.join("x");
  return {
    ...(resized && { imageSize: size }),
    ...(validationSplit !== undefined && { validationSplit }),
    ...(splitSeed && { splitSeed }),
  };
}

function shareBetween(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value > 0 && value < 1)) {
      throw new OptionError(`${option} must lie between 0 and 1; got ${JSON.stringify(text)}.`);
    }
    return value;
  };
}

function classNamesOf(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) {
    throw new OptionError(
      `--class-names must be names with commas between them; got ${JSON.stringify(text)}.`,
    );
  }
  return names;
}

export function withWorkers(command: Command): Command {
  return command
    .option("--batch-size <n>", "images in a step", wholeNumber("--batch-size"), 32)
    .option(
      "--workers <n>",
      "threads; changes the speed, never the result",
      wholeNumber("--workers"),
      availableParallelism(),
    );
}

/**
 * Fetches when it must, with a bar on stderr.
 * @param imageShape  what folders' images are resized to
 * @param testPart  "own": the data's test part where it has one, even with a validation split
 */
export async function loadData(
  options: DataOptions,
  imageShape?: readonly number[],
  testPart: "validation" | "own" = "validation",
): Promise<DatasetPair> {
  const { validationSplit } = options;
  const bar = progressBar();
  try {
    const { train, test } = await datasets.loadDataset(options.data, {
      dataDir: options.dataDir,
      offline: options.offline,
      skipBad: options.skipBad,
      unchecked: options.unchecked,
      imageShape: imageShape as ImageShape | undefined,
      ...(options.data === "shapes" && shapesToDraw(options)),
      ...(options.data.startsWith(FOLDER_PREFIX) && { train: options.limit, test: options.limitTest }),
      ...(testPart === "own"
        ? { testSplit: validationSplit }
        : { testSplit: validationSplit, validationSplit }),
      splitSeed: options.splitSeed,
      classNames: options.classNames,
      onProgress: bar.report,
      onWarning: (message) => void process.stderr.write(`warning: ${message}\n`),
    });
    const { limit = train.count, limitTest = test.count } = options;
    return { train: datasets.limit(train, limit), test: datasets.limit(test, limitTest) };
  } finally {
    bar.stop();
  }
}

/** Shapes are drawn one by one: only those that are wanted. */
function shapesToDraw({ limit, limitTest, validationSplit }: DataOptions) {
  const { train, test } = datasets.SHAPES_COUNTS;
  if (validationSplit !== undefined) return {};
  return { train: Math.min(limit ?? train, train), test: Math.min(limitTest ?? test, test) };
}

/** A parser for commander. @throws OptionError */
export function wholeNumber(option: string, least = 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new OptionError(
        `${option} must be a whole number from ${least} on; got ${JSON.stringify(text)}.`,
      );
    }
    return value;
  };
}

/** A parser for commander. @throws OptionError */
export function positiveNumber(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(Number.isFinite(value) && value > 0)) {
      throw new OptionError(`${option} must be a positive number; got ${JSON.stringify(text)}.`);
    }
    return value;
  };
}

/** A parser for commander. @throws OptionError naming the nearest choice */
export function choice<T extends string>(option: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((name) => name === text);
    if (!found) throw new OptionError(`${option}: ${unknownName("value", text, choices)}`);
    return found;
  };
}
