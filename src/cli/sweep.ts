/** `cbapd sweep <network>`: one train command after another, their settings from a grid or drawn; a table and a picture. */
import { mkdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { Command, CommanderError } from "commander";
import * as z from "zod";
import { FileError, models, OptionError, unknownName, writeFileAtomic } from "../index.js";
import { overlaySvg } from "../plots/overlay.js";
import { svgToPng } from "../plots/png.js";
import { isNetworkFile } from "./network.js";
import { wholeNumber } from "./options.js";
import { showLogs } from "./progressBar.js";
import { RunFolder } from "./runFolder.js";
import { readHistory, readJson } from "./runRecord.js";
import { draw, grid, parseVariation, type Setting, settingArguments, settingText } from "./sweepPlan.js";
import { digits, table } from "./table.js";
import { trainCommand } from "./train.js";
import { optimizerOf, type TrainingOptions } from "./trainingOptions.js";
import { runTrainProcess } from "./trainProcess.js";

/** What would make no difference, or is the sweep's own affair. */
const NOT_VARIED = [
  "run",
  "fresh",
  "json",
  "help",
  "steps",
  "workers",
  "data-dir",
  "offline",
  "skip-bad",
  "unchecked",
];
/** Steps of an epoch, while only the settings' sense is in question. */
const ANY_STEPS = 1000;

interface SweepOptions {
  readonly vary: readonly string[];
  readonly random?: number;
  readonly sweepSeed: number;
  readonly run?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

interface SweepRun {
  readonly folder: string;
  readonly settings: readonly Setting[];
  /** Of `cbapd train`. */
  readonly arguments: readonly string[];
}

interface RunResult {
  readonly accuracies: { readonly epoch: number; readonly value: number }[];
  readonly bestAccuracy: number | null;
  readonly bestEpoch: number | null;
  readonly valLoss: number | null;
  readonly seconds: number;
  /** Of a run that failed. */
  readonly error?: string;
}

export function sweepCommand(command: Command): void {
  command
    .argument("<network>", `${models.names.join(", ")}; or a file of your own, as train takes it`)
    .argument("[options...]", "of train, the same for all runs")
    .option(
      "--vary <option=values>",
      "learning-rate=0.001,0.01; augment=off|flip|flip,crop; with --random also learning-rate=1e-4..1e-1",
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .option("--random <n>", "draw n combinations instead of running all", wholeNumber("--random"))
    .option("--sweep-seed <n>", "of the draws", wholeNumber("--sweep-seed", 0), 0)
    .option("--run <folder>", "where everything is kept (default: sweeps/<network>)")
    .option("--fresh", "move the folder's old sweep aside and start anew")
    .option("--json", "print one JSON object a line")
    .allowUnknownOption()
    .addHelpText(
      "after",
      "\nExample:\n  $ cbapd sweep lenet5 --vary optimizer=adam,sgd --vary learning-rate=0.001,0.01 --epochs 3\n" +
        "  $ cbapd sweep resnet18 --random 8 --vary learning-rate=1e-3..1 --vary nesterov=on,off --optimizer sgd --momentum 0.9\n\n" +
        "Ctrl-C saves the run in work; the same command again goes on where it stopped.",
    )
    .action(runSweep);
}

async function runSweep(network: string, extra: readonly string[], options: SweepOptions): Promise<void> {
  const path =
    options.run ?? join("sweeps", isNetworkFile(network) ? basename(network, extname(network)) : network);
  const runs = planSweep(network, extra, options, path);
  const say = options.json ? () => {} : (line: string) => void process.stdout.write(`${line}\n`);
  if (options.fresh) {
    const moved = await new RunFolder(path).moveAside();
    if (moved) say(`The old sweep is now in ${moved}.`);
  }
  const seconds = before(path, runs);
  await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new FileError(`the sweep's folder ${path} cannot be made: ${cause.message}.`, { cause });
  });
  say(`Sweep of ${network}: ${runs.length} runs in ${path}.`);
  const results: RunResult[] = [];
  for (const [index, run] of runs.entries()) {
    say(`\n[${index + 1}/${runs.length}] ${settingText(run.settings)}`);
    const { result, exitCode } = await runOne(path, run, seconds[index] ?? 0, say);
    if (exitCode === 130 || exitCode === 143) {
      await save(path, network, runs, results);
      say("\nStopped; the same command again goes on from there.");
      process.exitCode = exitCode;
      return;
    }
    results.push(result);
    if (options.json) process.stdout.write(`${JSON.stringify({ ...describe(run), ...result })}\n`);
    await save(path, network, runs, results);
  }
  const order = ranked(results);
  say(`\n${tableOf(runs, results, order)}`);
  say(`Curves: ${join(path, "sweep.png")}   table: ${join(path, "sweep.txt")}`);
  if (options.json) {
    const [best] = order;
    process.stdout.write(
      `${JSON.stringify({ done: true, sweep: path, best: { ...describe(runs[best]), ...results[best] } })}\n`,
    );
  }
  if (results.some(({ error }) => error !== undefined)) process.exitCode = 1;
}

/** All runs, each tried on train's own parser before the first one starts. @throws OptionError */
export function planSweep(
  network: string,
  extra: readonly string[],
  options: SweepOptions,
  path: string,
): SweepRun[] {
  if (!models.names.some((name) => name === network) && !isNetworkFile(network)) {
    throw new OptionError(unknownName("network", network, models.names));
  }
  const known = trainParser()
    .options.map(({ long }) => (long ?? "").slice(2))
    .filter((name) => !NOT_VARIED.includes(name));
  const variations = options.vary.map((text) => parseVariation(text, known));
  if (variations.length === 0) {
    throw new OptionError("sweep needs at least one --vary, such as --vary learning-rate=0.001,0.01.");
  }
  const twice = variations.find(
    ({ option }, i) => variations.findIndex((other) => other.option === option) < i,
  );
  if (twice) throw new OptionError(`--vary names ${twice.option} twice.`);
  const drawn = options.random ? draw(variations, options.random, options.sweepSeed) : grid(variations);
  const width = String(drawn.length).length;
  return drawn.map((settings, index) => {
    const folder = String(index + 1).padStart(width, "0");
    const args = [network, ...extra, ...settingArguments(settings)];
    tryParse(args);
    return { folder, settings, arguments: [...args, "--run", join(path, folder), "--json"] };
  });
}

function trainParser(): Command {
  const command = new Command("train");
  trainCommand(command);
  return command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
}

/** @throws OptionError */
function tryParse(args: readonly string[]): void {
  const parser = trainParser().action(() => {});
  try {
    parser.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new OptionError(error.message.replace(/^error: /, ""));
  }
  optimizerOf(parser.opts<TrainingOptions>(), ANY_STEPS);
}

/** What a sweep begun before is known by, and goes on from. */
const sweepSchema = z.object({
  runs: z.array(z.object({ command: z.string(), seconds: z.number().nonnegative().optional() })),
});

/** The seconds that runs have already had, when this sweep was begun before. @throws OptionError when the folder has another, FileError */
function before(path: string, runs: readonly SweepRun[]): readonly number[] {
  const file = join(path, "sweep.json");
  const advice = "Choose another folder with --run, or move this one aside with --fresh.";
  const held = readJson(file, sweepSchema, advice);
  if (!held) return [];
  const commands = (list: readonly { readonly command: string }[]) => list.map(({ command }) => command);
  if (JSON.stringify(commands(held.runs)) !== JSON.stringify(commands(runs.map(describe)))) {
    throw new OptionError(`${path} holds another sweep. ${advice}`);
  }
  return held.runs.map(({ seconds = 0 }) => seconds);
}

/** Trains, or goes on training; a finished run costs no more than its loading. */
async function runOne(
  path: string,
  run: SweepRun,
  secondsBefore: number,
  say: (line: string) => void,
): Promise<{ result: RunResult; exitCode: number }> {
  let seconds = secondsBefore;
  const { exitCode, stderr } = await runTrainProcess(run.arguments, (line) => {
    const told = parseLine(line);
    if (typeof told.epoch === "number" && typeof told.seconds === "number") {
      seconds += told.seconds;
      const { epoch, seconds: took, ...shown } = told as Record<string, number>;
      say(`  epoch ${epoch} - ${took.toFixed(1)}s${showLogs(shown)}`);
    }
  });
  const { validationEpochs, logs } = readHistory(join(path, run.folder));
  const accuracies = (logs.val_accuracy ?? []).flatMap((value, i) =>
    value === null ? [] : [{ epoch: validationEpochs[i] + 1, value }],
  );
  const best = accuracies.toSorted((a, b) => b.value - a.value).at(0);
  const failed = exitCode !== 0 || (logs.loss ?? []).some((loss) => loss === null);
  const error = stderr
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^(error|warning): /, "");
  if (failed) say(`  failed: ${error}`);
  const result = {
    accuracies,
    bestAccuracy: best?.value ?? null,
    bestEpoch: best?.epoch ?? null,
    valLoss: logs.val_loss?.at(-1) ?? null,
    seconds,
    ...(failed && { error }),
  };
  return { result, exitCode };
}

function parseLine(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const describe = (run: SweepRun) => ({
  folder: run.folder,
  settings: Object.fromEntries(run.settings),
  command: `cbapd train ${run.arguments.filter((argument) => argument !== "--json").join(" ")}`,
});

/** Indices of the results, the best first; runs without a validation last. */
function ranked(results: readonly RunResult[]): number[] {
  return results
    .map(({ bestAccuracy }, index) => ({ index, value: bestAccuracy ?? -1 }))
    .sort((a, b) => b.value - a.value || a.index - b.index)
    .map(({ index }) => index);
}

function tableOf(runs: readonly SweepRun[], results: readonly RunResult[], order: readonly number[]): string {
  const options = runs[0].settings.map(([option]) => option);
  const rows = order.map((index) => {
    const { bestAccuracy, bestEpoch, valLoss, seconds, error } = results[index];
    return [
      runs[index].folder,
      ...runs[index].settings.map(([, value]) => value),
      bestAccuracy === null ? "–" : bestAccuracy.toFixed(4),
      bestEpoch === null ? "–" : String(bestEpoch),
      valLoss === null ? (error ? "failed" : "–") : digits(valLoss),
      seconds.toFixed(1),
    ];
  });
  return table(["run", ...options, "val_accuracy", "epoch", "val_loss", "seconds"], rows, 1 + options.length);
}

async function save(
  path: string,
  network: string,
  runs: readonly SweepRun[],
  results: readonly RunResult[],
): Promise<void> {
  const content = { network, runs: runs.map((run, i) => ({ ...describe(run), ...results[i] })) };
  await writeFileAtomic(join(path, "sweep.json"), `${JSON.stringify(content, null, 2)}\n`);
  const order = ranked(results);
  if (order.length === 0) return;
  await writeFileAtomic(join(path, "sweep.txt"), tableOf(runs, results, order));
  const series = order.map((index) => ({
    name: `${runs[index].folder}: ${settingText(runs[index].settings)}, ${results[index].bestAccuracy?.toFixed(4) ?? "failed"}`,
    points: results[index].accuracies,
  }));
  const svg = overlaySvg(series, { title: `${network}: ${runs.length} runs`, label: "validation accuracy" });
  await writeFileAtomic(join(path, "sweep.svg"), svg);
  await writeFileAtomic(join(path, "sweep.png"), svgToPng(svg));
}
