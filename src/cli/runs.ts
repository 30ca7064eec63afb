/** `cbapd runs [folders…]`: the runs that there are, each in a line. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { FileError } from "../index.js";
import { bestOf, hashOf, isRunFolder, type RunRecord, readRun } from "./runRecord.js";
import { digits, table } from "./table.js";

/** Sweeps keep their runs one folder deeper. */
const DEPTH = 3;
const HASH_DIGITS = 12;

export function runsCommand(command: Command): void {
  command
    .argument("[folders...]", "run folders, or folders of them (default: runs)")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd runs\n  $ cbapd runs sweeps/lenet5")
    .action(listRuns);
}

async function listRuns(folders: readonly string[], { json }: { readonly json?: boolean }): Promise<void> {
  const roots = folders.length > 0 ? folders : ["runs"];
  for (const root of roots) {
    if (existsSync(root)) continue;
    if (folders.length > 0)
      throw new FileError(`${root}: there is no such folder.`, { code: "FILE_NOT_FOUND" });
  }
  const found: Described[] = [];
  for (const path of roots.flatMap((root) => runFolders(root, DEPTH))) {
    try {
      found.push(await describeRun(await readRun(path)));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      process.stderr.write(`warning: ${error.message}\n`);
    }
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ runs: found })}\n`);
    return;
  }
  if (found.length === 0) {
    process.stdout.write(`No runs in ${roots.join(", ")}. Train one with "cbapd train".\n`);
    return;
  }
  process.stdout.write(table(HEADER, found.map(rowOf), 3));
}

/** What a run is in one line: also of `cbapd compare`. */
export interface Described {
  readonly run: string;
  readonly network: string;
  readonly data: string;
  readonly epochs: number;
  readonly bestAccuracy: number | null;
  readonly bestEpoch: number | null;
  readonly lastAccuracy: number | null;
  readonly valLoss: number | null;
  readonly seconds: number | null;
  readonly seed: number | null;
  readonly weightsSha256: string | null;
}

export async function describeRun(record: RunRecord): Promise<Described> {
  const { settings, history, seconds } = record;
  const best = bestOf(record, "val_accuracy");
  const finite = (value: number | undefined) => (Number.isFinite(value) ? value! : null);
  return {
    run: record.path,
    network: String(settings.network ?? "?"),
    data: String(settings.data ?? "?"),
    epochs: history.epochs.length,
    bestAccuracy: best?.value ?? null,
    bestEpoch: best?.epoch ?? null,
    lastAccuracy: finite(history.logs.val_accuracy?.at(-1)),
    valLoss: bestOf(record, "val_loss")?.value ?? null,
    seconds: seconds ?? null,
    seed: typeof settings.seed === "number" ? settings.seed : null,
    weightsSha256: (await hashOf(record)) ?? null,
  };
}

export const HEADER = [
  ...["run", "network", "data", "epochs", "best", "at", "last", "val_loss", "seconds", "seed", "weights"],
];

export function rowOf(run: Described): string[] {
  const number = (value: number | null, show: (value: number) => string) =>
    value === null ? "–" : show(value);
  const fixed = (value: number | null) => number(value, (v) => v.toFixed(4));
  return [
    run.run,
    run.network,
    run.data,
    String(run.epochs),
    fixed(run.bestAccuracy),
    number(run.bestEpoch, String),
    fixed(run.lastAccuracy),
    number(run.valLoss, digits),
    number(run.seconds, (v) => v.toFixed(1)),
    number(run.seed, String),
    run.weightsSha256?.slice(0, HASH_DIGITS) ?? "–",
  ];
}

function runFolders(path: string, depth: number): string[] {
  if (!existsSync(path)) return [];
  if (isRunFolder(path)) return [path];
  if (depth === 0) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
    .map(({ name }) => name)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .flatMap((name) => runFolders(join(path, name), depth - 1));
}
