/** `cbapd predict <run> <images…>`: what a trained network takes images for. */
import { styleText } from "node:util";
import type { Command } from "commander";
import { datasets, loadModel, OptionError } from "../index.js";
import { importNetwork } from "./network.js";
import { type DataOptions, loadData, wholeNumber, withDataOptions } from "./options.js";
import { classNames, modelFile } from "./runFolder.js";
import { terminalImage } from "./terminalImage.js";

interface PredictOptions extends DataOptions {
  readonly index?: number;
  readonly network?: string;
  readonly json?: boolean;
}

const TOP = 5;
const BAR_WIDTH = 30;

export function predictCommand(command: Command): void {
  command
    .argument("<run>", "a run folder (its best weights) or a .safetensors file")
    .argument("[images...]", "JPEG, PNG or WebP files; resized to the network's input")
    .option(
      "--index <n>",
      "this image of the dataset's test part instead of files",
      wholeNumber("--index", 0),
    )
    .option("--network <module>", "for a run with layers of your own: the module that defines them")
    .option("--json", "print one JSON object");
  withDataOptions(command).addHelpText(
    "after",
    "\nExample:\n  $ cbapd predict runs/baseline cat.jpg\n  $ cbapd predict runs/baseline --index 7",
  );
  command.action(runPredict);
}

async function runPredict(path: string, files: string[], options: PredictOptions): Promise<void> {
  if (files.length === 0 && options.index === undefined) {
    throw new OptionError(
      "predict: name at least one image file, or an image of the test part with --index.",
    );
  }
  if (options.network !== undefined) await importNetwork(options.network);
  const file = modelFile(path);
  const model = await loadModel(file);
  const [height, width, channels] = model.graph.nodes[0].outputShape;
  const imageShape = [height, width, channels] as const;
  const trained = await classNames(file);
  const { images, names, classes } = await loadImages(files, options, imageShape, trained);
  const outputs = await model.predict(images);
  const count = outputs.length / images.count;
  const results = names.map((name, n) => {
    const probabilities = Array.from(outputs.subarray(n * count, (n + 1) * count));
    const ranked = probabilities
      .map((probability, label) => ({ label, name: classes[label] ?? `class ${label}`, probability }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, TOP);
    return { image: name, top: ranked };
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ predictions: results })}\n`);
    return;
  }
  const colour = process.stdout.isTTY === true && process.stdout.getColorDepth() === 24;
  results.forEach(({ image, top }, n) => {
    process.stdout.write(`${styleText("bold", image)}\n${terminalImage(images, n, { colour })}\n`);
    for (const { name, probability } of top) {
      const bar = "█".repeat(Math.round(probability * BAR_WIDTH));
      process.stdout.write(`${name.padEnd(12)} ${(probability * 100).toFixed(1).padStart(5)} %  ${bar}\n`);
    }
  });
}

/** Files, or one image of the dataset's test part; the run knows what its classes are called. */
async function loadImages(
  files: readonly string[],
  options: PredictOptions,
  imageShape: readonly [number, number, number],
  trainedClasses: readonly string[],
) {
  const { index } = options;
  if (index === undefined) {
    const images = await datasets.imageFiles(files, imageShape);
    return { images, names: [...files], classes: trainedClasses };
  }
  const { test } = await loadData(options, imageShape);
  if (index >= test.count) {
    throw new OptionError(`--index must lie in 0 … ${test.count - 1}; got ${index} (${test.name}).`);
  }
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  const images = {
    ...test,
    count: 1,
    images: test.images.subarray(index * size, (index + 1) * size),
    labels: test.labels.subarray(index, index + 1),
  };
  return {
    images,
    names: [`${test.name} ${index}: ${test.classes[test.labels[index]]}`],
    classes: test.classes,
  };
}
