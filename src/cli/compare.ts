/** `cbapd compare <runs…>`: their curves in one picture, and a table with the settings in which they differ. */
import type { Command } from "commander";
import { OptionError, unknownName } from "../index.js";
import { writeSvgAndPng } from "./charts.js";
import { pointsOf, type RunRecord, readRun } from "./runRecord.js";
import { describeRun, HEADER, rowOf } from "./runs.js";
import { table } from "./table.js";

interface CompareOptions {
  readonly metric?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** The first that all runs have is drawn. */
const METRICS = ["val_accuracy", "accuracy", "val_loss", "loss"];

export function compareCommand(command: Command): void {
  command
    .argument("<runs...>", "two run folders or more")
    .option("--metric <name>", `what is drawn (default: the first that all have of ${METRICS.join(", ")})`)
    .option("--out <path>", "of the picture; an SVG of the same name lies beside it", "compare.png")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd compare runs/lenet5 runs/baseline --metric val_loss")
    .action(compareRuns);
}

async function compareRuns(paths: readonly string[], options: CompareOptions): Promise<void> {
  if (paths.length < 2) throw new OptionError(`compare needs at least two run folders; got ${paths.length}.`);
  const records = await Promise.all(paths.map(readRun));
  const metric = metricOf(records, options.metric);
  const { overlaySvg } = await import("../plots/overlay.js");
  const series = records.map((record) => ({ name: record.path, points: pointsOf(record, metric) }));
  const title = `${records.length} runs: ${metric}`;
  const [svg, png] = await writeSvgAndPng(options.out, overlaySvg(series, { title, label: metric }));
  const described = await Promise.all(records.map(describeRun));
  const differing = differences(records);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ metric, picture: png, svg, differing, runs: described })}\n`);
    return;
  }
  process.stdout.write(`${table(HEADER, described.map(rowOf), 3)}\n`);
  if (differing.length > 0) {
    const rows = records.map(({ path, settings }) => [
      path,
      ...differing.map((name) => shown(settings[name])),
    ]);
    process.stdout.write(`${table(["run", ...differing], rows, 1 + differing.length)}\n`);
  }
  process.stdout.write(`Curves of ${metric}: ${png}\n`);
}

/** @throws OptionError */
function metricOf(records: readonly RunRecord[], wanted: string | undefined): string {
  const common = Object.keys(records[0].history.logs).filter((name) =>
    records.every(({ history }) => (history.logs[name]?.length ?? 0) > 0),
  );
  const metric = wanted ?? METRICS.find((name) => common.includes(name));
  if (metric === undefined)
    throw new OptionError("compare: a run has no complete epoch yet; there is nothing to draw.");
  if (!common.includes(metric))
    throw new OptionError(`--metric: ${unknownName("metric of all runs", metric, common)}`);
  return metric;
}

/** Settings that not all runs have alike; those that the table has already are left out. */
function differences(records: readonly RunRecord[]): string[] {
  const names = new Set(records.flatMap(({ settings }) => Object.keys(settings)));
  return [...names].filter((name) => {
    if (["network", "data", "seed", "classes"].includes(name)) return false;
    return new Set(records.map(({ settings }) => shown(settings[name]))).size > 1;
  });
}

const shown = (value: unknown): string => (value === undefined ? "–" : String(value));
