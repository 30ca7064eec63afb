/** `cbapd data <dataset>`: fetch, verify, describe, and show an image in the terminal and as PNG. */
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { encode } from "fast-png";
import { type Dataset, type DatasetPair, datasets, FileError, mustBe, OptionError } from "../index.js";
import { progressBar } from "./fetchBar.js";
import { wholeNumber } from "./options.js";
import { imageRgb, terminalImage } from "./terminalImage.js";

const ZOOM = 8;
const TRUE_COLOUR_BITS = 24;

interface DataOptions {
  readonly show?: number;
  readonly test?: boolean;
  readonly out?: string;
  readonly dataDir?: string;
  readonly offline?: boolean;
  readonly limit?: number;
  readonly skipBad?: boolean;
  readonly unchecked?: boolean;
  readonly json?: boolean;
}

export function dataCommand(command: Command): void {
  command
    .argument("<dataset>", datasets.DATASET_NAMES.join(", "))
    .option("--show <index>", "draw this image in the terminal and write it as PNG", wholeNumber("--show", 0))
    .option("--test", "show an image of the test part, not of the training part")
    .option("--out <file.png>", "where the PNG goes (default: <dataset>-<index>.png)")
    .option("--data-dir <path>", "the original files, packed or unpacked, instead of cache and network")
    .option("--offline", "never touch the network")
    .option("--limit <n>", "only the first n images of each part", wholeNumber("--limit"))
    .option("--skip-bad", "leave damaged images of a folder out instead of failing")
    .option("--unchecked", "cifar100: take files that are not the authors'")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd data cifar10 --show 1 --out truck.png")
    .action(runData);
}

async function runData(name: string, options: DataOptions): Promise<void> {
  const { limit, show: index } = options;
  const { dataDir, offline, skipBad, unchecked } = options;
  const bar = progressBar();
  let pair: DatasetPair;
  try {
    const onWarning = (message: string) => void process.stderr.write(`warning: ${message}\n`);
    pair = await datasets.loadDataset(name, {
      dataDir,
      offline,
      skipBad,
      unchecked,
      limit,
      onProgress: bar.report,
      onWarning,
    });
  } finally {
    bar.stop();
  }

  const shown = options.test ? pair.test : pair.train;
  const png =
    index === undefined ? undefined : await writePng(shown, index, options.out ?? pngName(name, options));
  const { source, licence, classes } = pair.train;
  const parts = { train: datasets.describe(pair.train), test: datasets.describe(pair.test) };
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ dataset: name, source, licence, classes, ...parts, png })}\n`);
    return;
  }
  process.stdout.write(`${table(name, source, licence, parts)}\n`);
  if (index === undefined) return;
  const colour = process.stdout.isTTY === true && process.stdout.getColorDepth() === TRUE_COLOUR_BITS;
  const label = shown.labels[index];
  process.stdout.write(
    `\n${terminalImage(shown, index, { colour })}\n` +
      `${shown.name}, image ${index}: ${shown.classes[label]} (${label}), written to ${png}\n`,
  );
}

/** `cifar10-4.png`, `cifar10-test-4.png`; a folder goes by its own name. */
function pngName(name: string, { show, test }: DataOptions): string {
  const stem = name.startsWith("folder:") ? basename(name.slice("folder:".length)) || "folder" : name;
  return `${stem}${test ? "-test" : ""}-${show}.png`;
}

async function writePng(dataset: Dataset, index: number, path: string): Promise<string> {
  if (index >= dataset.count) {
    const context = `${dataset.name} has ${dataset.count} images`;
    throw new OptionError(mustBe("data", "--show", `lie in 0 … ${dataset.count - 1}`, index, context));
  }
  const [height, width] = dataset.imageShape;
  const data = imageRgb(dataset, index, ZOOM);
  const png = encode({ width: width * ZOOM, height: height * ZOOM, data, channels: 3, depth: 8 });
  await writeFile(path, png).catch((error: Error) => {
    throw new FileError(`cannot write ${path}: ${error.message}.`, { cause: error });
  });
  return path;
}

function table(
  name: string,
  source: string | undefined,
  licence: string | undefined,
  {
    train,
    test,
  }: { readonly train: datasets.DatasetDescription; readonly test: datasets.DatasetDescription },
): string {
  const part = (
    title: string,
    { count, imageShape, imagesSha256, labelsSha256 }: datasets.DatasetDescription,
  ) => [
    `${title}${count.toLocaleString("en")} images, ${imageShape.join("×")}`,
    `          SHA-256 images ${imagesSha256}`,
    `          SHA-256 labels ${labelsSha256}`,
  ];
  const names = Object.keys(train.classCounts);
  const nameWidth = Math.max("class".length, ...names.map((className) => className.length));
  const row = (label: string, a: string | number, b: string | number) =>
    `  ${label.padEnd(nameWidth)}  ${String(a).padStart(7)}  ${String(b).padStart(7)}`;
  return [
    `dataset   ${name}`,
    `source    ${source}`,
    `licence   ${licence}`,
    ...part("training  ", train),
    ...part("test      ", test),
    "",
    row("class", "train", "test"),
    ...names.map((className) => row(className, train.classCounts[className], test.classCounts[className])),
  ].join("\n");
}
