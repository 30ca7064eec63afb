/** `cbapd report <run>`: the run's page, report.html in its folder. `train` writes it too, at its end. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import {
  CbapdError,
  confusionMatrix,
  type Dataset,
  FileError,
  filterPicture,
  loadModel,
  type Model,
  OptionError,
  summaryText,
  weightsSha256,
  writeFileAtomic,
} from "../index.js";
import { importNetwork } from "./network.js";
import { type DataOptions, loadData, withDataOptions, withWorkers } from "./options.js";
import type { ReportConfusion } from "./reportPage.js";
import { modelFile } from "./runFolder.js";
import { hashOf, MAX_BYTES, type RunRecord, readJson, readRun } from "./runRecord.js";

interface ReportOptions extends DataOptions {
  readonly batchSize: number;
  readonly workers: number;
  readonly network?: string;
  readonly json?: boolean;
}

export function reportCommand(command: Command): void {
  command
    .argument("<run>", "a run folder")
    .option("--network <module>", "for a run with layers of your own: the module that defines them")
    .option("--json", "print one JSON object");
  withWorkers(withDataOptions(command)).addHelpText(
    "after",
    "\nThe data is the run's own; it is needed only when the confusion matrix is not in the folder yet.\n" +
      "\nExample:\n  $ cbapd report runs/baseline",
  );
  command.action(runReport);
}

async function runReport(path: string, options: ReportOptions, command: Command): Promise<void> {
  const record = await readRun(path);
  if (options.network !== undefined) await importNetwork(options.network);
  const own = record.settings.data;
  const data =
    command.getOptionValueSource("data") === "default" && typeof own === "string" ? own : options.data;
  const { trainingImages, validationImages } = record.settings;
  const limits = {
    limit: options.limit ?? numberOf(trainingImages),
    limitTest: options.limitTest ?? numberOf(validationImages),
  };
  const page = await writeReport(path, async (model) => {
    const pair = await loadData({ ...options, ...limits, data }, model.graph.nodes[0].outputShape);
    return { test: pair.test, workers: options.workers };
  });
  process.stdout.write(options.json ? `${JSON.stringify({ report: page })}\n` : `${page}\n`);
}

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

type Validation = (model: Model) => Promise<{ readonly test: Dataset; readonly workers: number }>;

/**
 * Reads the folder, and writes report.html into it.
 * @param validation  the images for the confusion matrix, asked for only when it is not in the folder yet
 * @returns the page's path
 */
export async function writeReport(path: string, validation: Validation): Promise<string> {
  const record = await readRun(path);
  const [{ reportPage }, model] = await Promise.all([import("./reportPage.js"), modelOf(path)]);
  const confusion =
    model instanceof Error
      ? `Not there: ${model.message}`
      : await confusionOf(record, model, validation).catch((error: unknown) => {
          if (error instanceof CbapdError) return `Not there: ${error.message}`;
          throw error;
        });
  const known = !(model instanceof Error);
  const page = reportPage({
    record,
    weightsSha256: await hashOf(record),
    summary: known ? summaryText(model) : summaryOf(path),
    confusion,
    filters: known ? filterPicture(model.graph, model.getWeights()) : undefined,
  });
  const file = join(path, "report.html");
  await writeFileAtomic(file, page);
  return file;
}

/** The best weights, or the reason why they cannot be read. */
async function modelOf(path: string): Promise<Model | Error> {
  try {
    return await loadModel(modelFile(path));
  } catch (error) {
    if (error instanceof FileError || error instanceof OptionError) return error;
    throw error;
  }
}

const confusionSchema = z.object({
  weightsSha256: z.string(),
  images: z.string().max(4096),
  matrix: z.array(z.array(z.number().int().nonnegative())),
});

/** As it lies in the folder, when it is these weights'; else computed, and kept there. */
async function confusionOf(
  record: RunRecord,
  model: Model,
  validation: Validation,
): Promise<ReportConfusion> {
  const file = join(record.path, "confusion.json");
  const hash = weightsSha256(model.getWeights());
  const classes = record.settings.classes ?? [];
  const what = (images: string) => `${images}, by the best weights`;
  const held = heldConfusion(file);
  if (held?.weightsSha256 === hash) return { classes, matrix: held.matrix, what: what(held.images) };
  const { test, workers } = await validation(model);
  const outputs = await model.predict(test, { workers });
  const { matrix } = confusionMatrix(test.labels, outputs);
  const images = `${test.name}, ${test.count} images`;
  await writeFileAtomic(file, `${JSON.stringify({ weightsSha256: hash, images, classes, matrix })}\n`);
  return { classes, matrix, what: what(images) };
}

/** Undefined when there is none that can be read: it is computed again. */
function heldConfusion(file: string): z.infer<typeof confusionSchema> | undefined {
  try {
    return readJson(file, confusionSchema);
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

/** As `train` wrote it, for a network that cannot be built here. */
function summaryOf(path: string): string {
  const file = join(path, "summary.txt");
  if (!existsSync(file)) return "Not there.";
  return statSync(file).size > MAX_BYTES
    ? "Not there: summary.txt is too large."
    : readFileSync(file, "utf8");
}
