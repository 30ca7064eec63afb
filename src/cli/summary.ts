/** `cbapd summary <network>`: layers, shapes, parameters, receptive fields, multiply-adds. */
import type { Command } from "commander";
import {
  adam,
  loadModel,
  models,
  type NetworkName,
  OptionError,
  summaryData,
  summaryText,
  trainingMemoryBytes,
  unknownName,
} from "../index.js";
import { positiveNumber, wholeNumber } from "./options.js";
import { modelFile } from "./runFolder.js";

const BATCH_SIZE = 32;

interface SummaryOptions {
  readonly classes: number;
  readonly width: number;
  readonly json?: boolean;
}

export function summaryCommand(command: Command): void {
  command
    .argument("<network>", `${models.names.join(", ")}; or a run folder or model file`)
    .option("--classes <n>", "of a named network", wholeNumber("--classes"), 10)
    .option("--width <factor>", "multiplies all filters and units", positiveNumber("--width"), 1)
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd summary resnet18")
    .action(runSummary);
}

async function runSummary(network: string, { classes, width, json }: SummaryOptions): Promise<void> {
  const known = models.names.find((name) => name === network);
  const isPath = /[/\\.]/.test(network);
  if (!known && !isPath) throw new OptionError(unknownName("network", network, models.names));
  const model = known
    ? models[known as NetworkName]({ classes, width })
    : await loadModel(modelFile(network));
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
