/** `cbapd evaluate <run>`: loss, accuracy and top-5 accuracy of a trained network on a test set. */
import type { Command } from "commander";
import { adam, loadModel } from "../index.js";
import { importNetwork } from "./network.js";
import { type DataOptions, loadData, withDataOptions, withWorkers } from "./options.js";
import { ProgressBar } from "./progressBar.js";
import { modelFile } from "./runFolder.js";

interface EvaluateOptions extends DataOptions {
  readonly batchSize: number;
  readonly workers: number;
  readonly train?: boolean;
  readonly network?: string;
  readonly json?: boolean;
}

export function evaluateCommand(command: Command): void {
  command
    .argument("<run>", "a run folder (its best weights) or a .safetensors file")
    .option("--train", "measure on the training part instead")
    .option("--network <module>", "for a run with layers of your own: the module that defines them")
    .option("--json", "print one JSON object");
  withWorkers(withDataOptions(command)).addHelpText("after", "\nExample:\n  $ cbapd evaluate runs/baseline");
  command.action(runEvaluate);
}

async function runEvaluate(path: string, options: EvaluateOptions): Promise<void> {
  if (options.network !== undefined) await importNetwork(options.network);
  const file = modelFile(path);
  const model = await loadModel(file);
  model.compile({
    optimizer: adam(), // evaluation uses none
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy", "topKCategoricalAccuracy"],
  });
  const pair = await loadData(options, model.graph.nodes[0].outputShape);
  const data = options.train ? pair.train : pair.test;
  const bar = new ProgressBar();
  const { batchSize, workers } = options;
  const logs = await model.evaluate(data, {
    batchSize,
    workers,
    onProgress: (progress) => bar.draw(progress),
  });
  bar.clear();
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ model: file, data: data.name, images: data.count, ...logs })}\n`,
    );
    return;
  }
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
  process.stdout.write(
    `${file} on ${data.name}, ${data.count} images\n` +
      `loss      ${logs.loss.toFixed(4)}\n` +
      `accuracy  ${percent(logs.accuracy)}\n` +
      `top 5     ${percent(logs.topKCategoricalAccuracy)}\n`,
  );
}
