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
  readonly limit?: number;
  readonly limitTest?: number;
}

/** Which data, and how much of it. */
export function withDataOptions(command: Command): Command {
  return command
    .option("--data <dataset>", "cifar10, mnist, shapes or folder:PATH", "cifar10")
    .option("--data-dir <path>", "the dataset's original files, packed or unpacked (or set CBAPD_DATA)")
    .option("--offline", "never touch the network")
    .option("--skip-bad", "leave damaged images of a folder out instead of failing")
    .option("--limit <n>", "only the first n training images", wholeNumber("--limit"))
    .option("--limit-test <n>", "only the first n test images", wholeNumber("--limit-test"));
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

/** Fetches when it must, with a bar on stderr; `imageShape` is what folders' images are resized to. */
export async function loadData(options: DataOptions, imageShape?: readonly number[]): Promise<DatasetPair> {
  const bar = progressBar();
  try {
    const { train, test } = await datasets.loadDataset(options.data, {
      dataDir: options.dataDir,
      offline: options.offline,
      skipBad: options.skipBad,
      imageShape: imageShape as readonly [number, number, number] | undefined,
      ...(options.data === "shapes" && shapesToDraw(options)),
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
function shapesToDraw({ limit, limitTest }: DataOptions) {
  const { train, test } = datasets.SHAPES_COUNTS;
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
