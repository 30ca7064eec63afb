/** `cbapd predict <run> <images…>`: what a trained network takes images for. */
import { styleText } from "node:util";
import type { Command } from "commander";
import { type Dataset, datasets, loadModel, type Model, OptionError } from "../index.js";
import { importNetwork } from "./network.js";
import { loadData, type OwnOrRunsDataOptions, wholeNumber, withDataOptions } from "./options.js";
import { dataOfRun, modelFile, runOf } from "./runFolder.js";
import { terminalImage } from "./terminalImage.js";

interface PredictOptions extends OwnOrRunsDataOptions {
  readonly index?: number;
  readonly top: number;
  readonly network?: string;
  readonly json?: boolean;
}

const BAR_WIDTH = 30;
const FAILURE = 1;

export function predictCommand(command: Command): void {
  command
    .argument("<run>", "a run folder (its best weights) or a .safetensors file")
    .argument("[images...]", "JPEG, PNG or WebP files; resized to the network's input")
    .option(
      "--index <n>",
      "this image of the dataset's test part instead of files",
      wholeNumber("--index", 0),
    )
    .option("--top <n>", "how many classes", wholeNumber("--top"), 5)
    .option("--network <module>", "for a run with layers of your own: the module that defines them")
    .option("--json", "print one JSON object");
  withDataOptions(command, { ofRun: true }).addHelpText(
    "after",
    "\nExample:\n  $ cbapd predict runs/baseline cat.jpg\n  $ cbapd predict runs/baseline --index 7",
  );
  command.action(runPredict);
}

/** What an image is taken for, likeliest first; or why it cannot be read. */
type Prediction =
  | { readonly image: string; readonly top: readonly { label: number; name: string; probability: number }[] }
  | { readonly image: string; readonly error: string; readonly code: string | undefined };

async function runPredict(path: string, files: string[], options: PredictOptions): Promise<void> {
  if (files.length === 0 && options.index === undefined) {
    throw new OptionError(
      "predict: name at least one image file, or an image of the test part with --index.",
    );
  }
  if (options.network !== undefined) await importNetwork(options.network);
  const file = modelFile(path);
  const run = await runOf(file);
  const model = await loadModel(file);
  const [height, width, channels] = model.graph.nodes[0].outputShape;
  const imageShape = [height, width, channels] as const;
  const colour = process.stdout.isTTY === true && process.stdout.getColorDepth() === 24;
  const predictions: Prediction[] = [];
  const show = (prediction: Prediction, picture: () => string) => {
    predictions.push(prediction);
    if (options.json) return;
    if ("error" in prediction) {
      process.stderr.write(`error: ${prediction.image} cannot be read as an image: ${prediction.error}.\n`);
    } else {
      process.stdout.write(`${styleText("bold", prediction.image)}\n${picture()}\n${bars(prediction.top)}\n`);
    }
  };
  if (options.index !== undefined) {
    const { test } = await loadData(dataOfRun(options, run), imageShape, "own");
    const image = oneImage(test, options.index);
    const [outputs] = await outputsOf(model, image);
    const name = `${test.name} ${options.index}: ${test.classes[image.labels[0]]}`;
    show({ image: name, top: likeliest(outputs, run.classes ?? test.classes, options.top) }, () =>
      terminalImage(image, 0, { colour }),
    );
  } else {
    const bad = new Map<string, { message: string; code?: string }>();
    const images = await datasets.imageFiles(files, imageShape, (name, error) => void bad.set(name, error));
    const outputs = images.count > 0 ? await outputsOf(model, images) : [];
    let n = 0;
    for (const image of files) {
      const error = bad.get(image);
      if (error) {
        show({ image, error: error.message, code: error.code }, () => "");
        continue;
      }
      const at = n++;
      const top = likeliest(outputs[at], run.classes ?? [], options.top);
      show({ image, top }, () => terminalImage(images, at, { colour }));
    }
    if (bad.size > 0) process.exitCode = FAILURE;
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ predictions })}\n`);
}

async function outputsOf(model: Model, images: Dataset): Promise<Float32Array[]> {
  const outputs = await model.predict(images);
  const count = outputs.length / images.count;
  return Array.from({ length: images.count }, (_, n) => outputs.subarray(n * count, (n + 1) * count));
}

function likeliest(outputs: Float32Array, classes: readonly string[], count: number) {
  return Array.from(outputs, (probability, label) => ({
    label,
    name: classes[label] ?? `class ${label}`,
    probability,
  }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}

function bars(top: readonly { readonly name: string; readonly probability: number }[]): string {
  const width = Math.max(12, ...top.map(({ name }) => name.length));
  return top
    .map(({ name, probability }) => {
      const bar = "█".repeat(Math.round(probability * BAR_WIDTH));
      return `${name.padEnd(width)} ${(probability * 100).toFixed(1).padStart(5)} %  ${bar}`.trimEnd();
    })
    .join("\n");
}

/** @throws OptionError when there is no such image */
function oneImage(test: Dataset, index: number): Dataset {
  if (index >= test.count) {
    throw new OptionError(`--index must lie in 0 … ${test.count - 1}; got ${index} (${test.name}).`);
  }
  const size = test.images.length / test.count;
  return {
    ...test,
    count: 1,
    images: test.images.subarray(index * size, (index + 1) * size),
    labels: test.labels.subarray(index, index + 1),
  };
}
