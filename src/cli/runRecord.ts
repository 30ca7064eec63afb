/** What a run folder says of its run, beside weights: settings, history, watch, result. Read as text from a stranger. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, loadTrainingState, type RunJson, readRunJson, weightsSha256 } from "../index.js";
import { RESULT, type RunResult, WATCH, type WatchLine } from "./runWatch.js";

export const MAX_BYTES = 1 << 26;
const real = z.number().nullable();
const text = z.string().max(65_536);

const historySchema = z.object({
  epochs: z.array(z.number()),
  validationEpochs: z.array(z.number()),
  logs: z.record(z.string(), z.array(real)),
});
const NO_HISTORY: z.infer<typeof historySchema> = { epochs: [], validationEpochs: [], logs: {} };

/** One epoch, or with `step` the part of one before an interruption. */
const watchSchema = z.object({
  epoch: z.number(),
  step: z.number().optional(),
  seconds: z.number(),
  learningRate: real.optional(),
  gradientNorms: z.record(z.string(), real).optional(),
});

const resultSchema = z.object({
  done: z.boolean(),
  epoch: z.number(),
  steps: z.number(),
  weightsSha256: z.string().regex(/^[0-9a-f]{64}$/),
  command: text,
  environment: z.record(z.string(), z.union([text, z.number()])),
});

export interface RunRecord {
  readonly path: string;
  readonly settings: RunJson;
  readonly history: {
    readonly epochs: readonly number[];
    readonly validationEpochs: readonly number[];
    /** NaN where a number was none. */
    readonly logs: Readonly<Record<string, readonly number[]>>;
  };
  readonly watch: readonly WatchLine[];
  /** Undefined while it trains, or when it was killed since. */
  readonly result: RunResult | undefined;
  readonly seconds: number | undefined;
}

export function isRunFolder(path: string): boolean {
  return existsSync(join(path, "run.json"));
}

/** @throws FileError */
export async function readRun(path: string): Promise<RunRecord> {
  if (!isRunFolder(path)) {
    throw new FileError(`${path} is no run folder: it has no run.json. Train one with "cbapd train".`);
  }
  const settings = await readRunJson(join(path, "run.json"), "Mend it, or move it away.");
  const { epochs, validationEpochs, logs } = readHistory(path);
  const numbers = Object.entries(logs).map(([name, values]) => [name, values.map((v) => v ?? Number.NaN)]);
  const history = { epochs, validationEpochs, logs: Object.fromEntries(numbers) };
  const watch = readLines(join(path, WATCH));
  const result = readJson(join(path, RESULT), resultSchema);
  // A run that was killed after it had gone on has an old result.
  const current = result?.epoch === epochs.length ? result : undefined;
  const seconds = watch.length > 0 ? watch.reduce((sum, line) => sum + line.seconds, 0) : undefined;
  return { path, settings, history, watch, result: current, seconds };
}

/** Undefined when there is none that can be read. */
export function readResult(path: string): RunResult | undefined {
  try {
    return readJson(join(path, RESULT), resultSchema);
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

/** As the file says: null where a number was none. An empty one when there is none yet. @throws FileError */
export function readHistory(path: string): z.infer<typeof historySchema> {
  return readJson(join(path, "history.json"), historySchema) ?? NO_HISTORY;
}

/** Over the weights of the checkpoint; undefined when that cannot be read, as with layers of one's own. */
export async function hashOf({ path, result }: RunRecord): Promise<string | undefined> {
  if (result) return result.weightsSha256;
  return loadTrainingState(join(path, "checkpoint.safetensors")).then(
    ({ state }) => weightsSha256(state.weights),
    () => undefined,
  );
}

/** The largest accuracy or smallest loss, and its epoch from 1. */
export function bestOf({ history }: RunRecord, name: string): { epoch: number; value: number } | undefined {
  const sign = /accuracy/i.test(name) ? 1 : -1;
  let best: { epoch: number; value: number } | undefined;
  for (const { epoch, value } of pointsOf({ history }, name)) {
    if (Number.isFinite(value) && (!best || sign * value > sign * best.value)) best = { epoch, value };
  }
  return best;
}

/** One log over the epochs, counted from 1. */
export function pointsOf(
  { history }: Pick<RunRecord, "history">,
  name: string,
): { epoch: number; value: number }[] {
  const epochs = name.startsWith("val_") ? history.validationEpochs : history.epochs;
  return (history.logs[name] ?? []).map((value, i) => ({ epoch: epochs[i] + 1, value }));
}

function parseWatch(line: string): WatchLine | undefined {
  try {
    return watchSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function readLines(path: string): WatchLine[] {
  const lines =
    existsSync(path) && statSync(path).size <= MAX_BYTES ? readFileSync(path, "utf8").split("\n") : [];
  return lines.map(parseWatch).filter((line) => line !== undefined);
}

/** Undefined when there is none. @param advice what the user can do when it is damaged @throws FileError then */
export function readJson<T>(path: string, schema: z.ZodType<T>, advice = "Move it away."): T | undefined {
  if (!existsSync(path)) return undefined;
  const refuse = (what: string, code: ErrorCode, cause?: unknown) =>
    new FileError(`${path} is damaged: ${what}. ${advice}`, { code, cause });
  if (statSync(path).size > MAX_BYTES) {
    throw refuse(`it has more than ${MAX_BYTES} bytes`, "RUN_TOO_LARGE");
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw refuse("it is no JSON", "RUN_NOT_JSON", cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refuse(`${issue.path.map(String).join(".")}: ${issue.message}`, "RUN_SETTINGS");
}
