/** `cbapd summary <network>`: layers, shapes, parameters, receptive fields, multiply-adds. */
import type { Command } from "commander";
import {
  adam,
  loadModel,
  models,
  OptionError,
  summaryData,
  summaryText,
  trainingMemoryBytes,
  unknownName,
} from "../index.js";
import { importNetwork, isNetworkFile, networkOf } from "./network.js";
import { positiveNumber, wholeNumber } from "./options.js";
import { modelFile } from "./runFolder.js";

const BATCH_SIZE = 32;

interface SummaryOptions {
  readonly classes: number;
  readonly width: number;
  readonly json?: boolean;
  readonly inputShape: readonly number[];
  readonly network?: string;
}

export function summaryCommand(command: Command): void {
  command
    .argument(
      "<network>",
      `${models.names.join(", ")}; a file of your own: my-net.js, model.json; or a run folder or model file`,
    )
    .option("--classes <n>", "of a named network", wholeNumber("--classes"), 10)
    .option("--width <factor>", "multiplies all filters and units", positiveNumber("--width"), 1)
    .option(
      "--input-shape <sizes>",
      "of a network that is built: height,width,channels",
      inputShape,
      [32, 32, 3],
    )
    .option("--network <module>", "for a run with layers of your own: the module that defines them")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd summary resnet18")
    .action(runSummary);
}

async function runSummary(network: string, options: SummaryOptions): Promise<void> {
  const { json } = options;
  const model = await modelOf(network, options);
  const trainingBytes = trainingMemoryBytes(model.graph, adam(), BATCH_SIZE);
  if (json) {
    const memory = { batchSize: BATCH_SIZE, optimizer: "adam", trainingBytes };
    process.stdout.write(`${JSON.stringify({ ...summaryData(model), memory })}\n`);
    return;
  }
  const mebibytes = (trainingBytes / 2 ** 20).toFixed(0);
  process.stdout.write(
    `${summaryText(model)}\nMemory to train, batch size ${BATCH_SIZE}, Adam: ${mebibytes} MiB, and the data\n`,
  );
}

async function modelOf(network: string, { classes, width, inputShape, network: module }: SummaryOptions) {
  if (models.names.some((name) => name === network) || isNetworkFile(network)) {
    const source = await networkOf(network);
    const fixed = { classes: source.classes ?? classes, inputShape: source.inputShape ?? inputShape };
    return source.build({ ...fixed, width });
  }
  if (!/[/\\.]/.test(network)) throw new OptionError(unknownName("network", network, models.names));
  if (module !== undefined) await importNetwork(module);
  return loadModel(modelFile(network));
}

/** A parser for commander. @throws OptionError */
function inputShape(text: string): number[] {
  const sizes = text.split(",").map(Number);
  if (sizes.length === 3 && sizes.every((size) => Number.isInteger(size) && size > 0)) return sizes;
  throw new OptionError(
    `--input-shape must be height,width,channels, as 32,32,3; got ${JSON.stringify(text)}.`,
  );
}
