/** `cbapd evaluate <run>`: loss and accuracy, each class's scores, the confusion matrix, and the worst mistakes as pictures. */
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "commander";
import {
  adam,
  type ClassificationReport,
  DataError,
  type Dataset,
  type Logs,
  loadModel,
  OptionError,
  unknownName,
  writeFileAtomic,
} from "../index.js";
import { writeConfusion, writeMistakes } from "./charts.js";
import { reportText } from "./evaluateText.js";
import { importNetwork } from "./network.js";
import { loadData, type OwnOrRunsDataOptions, wholeNumber, withDataOptions, withWorkers } from "./options.js";
import { ProgressBar } from "./progressBar.js";
import { dataOfRun, modelFile, runOf } from "./runFolder.js";

interface EvaluateOptions extends OwnOrRunsDataOptions {
  readonly batchSize: number;
  readonly workers: number;
  readonly train?: boolean;
  readonly validation?: boolean;
  readonly out?: string;
  readonly worst: number;
  readonly pictures: boolean;
  readonly network?: string;
  readonly json?: boolean;
}

export function evaluateCommand(command: Command): void {
  command
    .argument("<run>", "a run folder (its best weights) or a .safetensors file")
    .option("--train", "measure on the training part instead")
    .option("--validation", "measure on the part that --validation-split set aside")
    .option("--out <folder>", "where evaluation.json and the pictures go (default: the run folder)")
    .option("--worst <n>", "how many mistakes to show", wholeNumber("--worst"), 40)
    .option("--no-pictures", "write no files")
    .option("--network <module>", "for a run with layers of your own: the module that defines them")
    .option("--json", "print one JSON object");
  withWorkers(withDataOptions(command, { ofRun: true })).addHelpText(
    "after",
    "\nExample:\n  $ cbapd evaluate runs/baseline",
  );
  command.action(runEvaluate);
}

async function runEvaluate(path: string, options: EvaluateOptions): Promise<void> {
  if (options.train && options.validation) {
    throw new OptionError("evaluate: only one of --train and --validation may be given.");
  }
  if (options.network !== undefined) await importNetwork(options.network);
  const file = modelFile(path);
  const run = await runOf(file);
  const model = await loadModel(file);
  model.compile({
    optimizer: adam(), // evaluation uses none
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy", "topKCategoricalAccuracy"],
  });
  const testPart = options.train || options.validation ? "validation" : "own";
  const pair = await loadData(dataOfRun(options, run), model.graph.nodes[0].outputShape, testPart);
  const data = withClassesOf(run.classes, options.train ? pair.train : pair.test);
  const bar = new ProgressBar();
  const { batchSize, workers } = options;
  const report = await model.classificationReport(data, {
    batchSize,
    workers,
    onProgress: (progress) => bar.draw(progress),
  });
  bar.clear();
  const summary = summaryOf(file, data, report, options.worst);
  if (!options.json) {
    const columns = process.stdout.columns ?? 100;
    process.stdout.write(reportText(file, data, report, columns));
  }
  const folder = options.pictures ? (options.out ?? (file === path ? undefined : path)) : undefined;
  const files = folder ? await writeFiles(folder, data, report, summary, options) : [];
  if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, files })}\n`);
  else if (files.length > 0) process.stdout.write(`\nWritten: ${files.join("   ")}\n`);
}

/** The data's labels as the network's classes are numbered. @throws DataError for a class that the network does not know */
function withClassesOf(trained: readonly string[] | undefined, data: Dataset): Dataset {
  if (!trained || sameNames(trained, data.classes)) return data;
  const numbered = data.classes.every((name, label) => name === String(label));
  if (numbered) return data.classes.length <= trained.length ? { ...data, classes: trained } : data;
  const labels = data.classes.map((name) => {
    const label = trained.indexOf(name);
    if (label < 0) throw new DataError(`evaluate: ${data.name}: ${unknownName("class", name, trained)}`);
    return label;
  });
  return { ...data, classes: trained, labels: Int32Array.from(data.labels, (label) => labels[label]) };
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** What --json prints, and evaluation.json holds. */
function summaryOf(
  model: string,
  data: Dataset,
  report: ClassificationReport & { readonly logs: Logs },
  worst: number,
) {
  const { logs, samples, accuracy: _, mistakes, ...rest } = report;
  return {
    model,
    data: data.name,
    images: samples,
    ...logs,
    ...rest,
    wrong: mistakes.length,
    mistakes: mistakes
      .slice(0, worst)
      .map((mistake) => ({ ...mistake, ...(data.files && { file: data.files[mistake.index] }) })),
  };
}

async function writeFiles(
  folder: string,
  data: Dataset,
  report: ClassificationReport,
  summary: object,
  { train, worst }: EvaluateOptions,
): Promise<string[]> {
  const part = train ? "-train" : "";
  const json = join(folder, `evaluation${part}.json`);
  await writeFileAtomic(json, `${JSON.stringify(summary, null, 2)}\n`);
  const share = `${(100 * report.accuracy).toFixed(1)} %`;
  const title = `${basename(folder)}: ${data.name}, ${data.count} images, ${share} right`;
  const charts = await writeConfusion(join(folder, `confusion${part}`), title, report);
  const mistakes = join(folder, `mistakes${part}.png`);
  if (report.mistakes.length === 0) {
    await rm(mistakes, { force: true }); // an older evaluation's
    return [json, ...charts];
  }
  await writeMistakes(mistakes, data, report, worst);
  return [json, ...charts, mistakes];
}
