/** What a run folder says of its run, beside weights: settings, history, watch, result. Read as text from a stranger. */
import { appendFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import {
  type Callback,
  cutLines,
  FileError,
  loadTrainingState,
  type RunJson,
  readRunJson,
  weightsSha256,
  writeFileAtomic,
} from "../index.js";
import { version } from "./version.js";

const MAX_BYTES = 1 << 26;
const real = z.number().nullable();
const text = z.string().max(65_536);

const historySchema = z.object({
  epochs: z.array(z.number()),
  validationEpochs: z.array(z.number()),
  logs: z.record(z.string(), z.array(real)),
});

/** One epoch, or with `step` the part of one before an interruption. */
const watchSchema = z.object({
  epoch: z.number(),
  step: z.number().optional(),
  seconds: z.number(),
  learningRate: real.optional(),
  gradientNorms: z.record(z.string(), real).optional(),
});
export type WatchLine = z.infer<typeof watchSchema>;

const resultSchema = z.object({
  done: z.boolean(),
  epoch: z.number(),
  steps: z.number(),
  weightsSha256: z.string().regex(/^[0-9a-f]{64}$/),
  command: text,
  environment: z.record(z.string(), z.union([text, z.number()])),
});
export type RunResult = z.infer<typeof resultSchema>;

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
export function readRun(path: string): RunRecord {
  if (!isRunFolder(path)) {
    throw new FileError(`${path} is no run folder: it has no run.json. Train one with "cbapd train".`);
  }
  const settings = readRunJson(join(path, "run.json"), "Mend it, or move it away.");
  const { epochs, validationEpochs, logs } = readJson(join(path, "history.json"), historySchema) ?? {
    epochs: [],
    validationEpochs: [],
    logs: {},
  };
  const numbers = Object.entries(logs).map(([name, values]) => [name, values.map((v) => v ?? Number.NaN)]);
  const history = { epochs, validationEpochs, logs: Object.fromEntries(numbers) };
  const watch = readLines(join(path, WATCH));
  const result = readJson(join(path, RESULT), resultSchema);
  // A run that was killed after it had gone on has an old result.
  const current = result?.epoch === epochs.length ? result : undefined;
  const seconds = watch.length > 0 ? watch.reduce((sum, line) => sum + line.seconds, 0) : undefined;
  return { path, settings, history, watch, result: current, seconds };
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

const WATCH = "watch.jsonl";
const RESULT = "result.json";

export async function saveResult(path: string, result: RunResult): Promise<void> {
  await writeFileAtomic(join(path, RESULT), `${JSON.stringify(result, null, 2)}\n`);
}

/** As it could be typed again. */
export function commandLine(args: readonly string[] = process.argv.slice(2)): string {
  const quoted = args.map((arg) =>
    /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`,
  );
  return ["cbapd", ...quoted].join(" ");
}

export function environment(workers: number): RunResult["environment"] {
  const [cpu] = cpus();
  return {
    cbapd: version(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpu?.model.trim() ?? "unknown",
    cores: cpus().length,
    workers,
  };
}

/** Notes each epoch's seconds, learning rate and gradients: what history does not tell. */
export function runWatch(folder: string): Callback {
  const path = join(folder, WATCH);
  let began = performance.now();
  const seconds = () => {
    const passed = (performance.now() - began) / 1000;
    began = performance.now();
    return passed;
  };
  const append = (line: WatchLine) => {
    try {
      appendFileSync(path, `${JSON.stringify(line)}\n`);
    } catch (cause) {
      throw new FileError(`${path} cannot be written: ${(cause as Error).message}.`, { cause });
    }
  };
  return {
    name: "run watch",
    onTrainBegin(context) {
      const { epoch, stepInEpoch } = context.getTrainingState();
      cutLines(path, (line) => {
        const told = parseWatch(line);
        if (!told) return false;
        return told.epoch <= epoch || (told.epoch === epoch + 1 && (told.step ?? Infinity) <= stepInEpoch);
      });
      began = performance.now();
    },
    onEpochBegin() {
      began = performance.now(); // saving between epochs is not training
    },
    onEpochEnd(epoch, _logs, context) {
      const { learningRate } = context;
      append({
        epoch: epoch + 1,
        seconds: seconds(),
        learningRate,
        gradientNorms: normsOf(context.getGradients()),
      });
    },
    onTrainEnd(context) {
      const { epoch, stepInEpoch: step } = context.getTrainingState();
      if (step > 0) append({ epoch: epoch + 1, step, seconds: seconds() });
    },
  };
}

/** √Σ over all of a layer's gradients. */
function normsOf(gradients: ReadonlyMap<string, Float32Array>): Record<string, number> {
  const squares: Record<string, number> = {};
  for (const [name, values] of gradients) {
    const layer = name.slice(0, name.lastIndexOf("/"));
    squares[layer] = values.reduce((sum, value) => sum + value * value, squares[layer] ?? 0);
  }
  return Object.fromEntries(Object.entries(squares).map(([layer, sum]) => [layer, Math.sqrt(sum)]));
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

/** Undefined when there is none. @throws FileError when it is damaged */
function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined;
  const refuse = (what: string, cause?: unknown) =>
    new FileError(`${path} is damaged: ${what}. Move it away.`, { cause });
  if (statSync(path).size > MAX_BYTES) throw refuse(`it has more than ${MAX_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw refuse("it is no JSON", cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refuse(`${issue.path.map(String).join(".")}: ${issue.message}`);
}

/** A callback whose files may fail without ending the training: each failure once a hook is a warning. */
export function forgiving(callback: Callback, warn: (message: string) => void): Callback {
  const guard =
    <A extends unknown[]>(hook: ((...args: A) => void | Promise<void>) | undefined) =>
    async (...args: A): Promise<void> => {
      try {
        await hook?.apply(callback, args);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        warn(error.message);
      }
    };
  return {
    name: callback.name,
    onTrainBegin: guard(callback.onTrainBegin),
    onTrainEnd: guard(callback.onTrainEnd),
    onEpochBegin: guard(callback.onEpochBegin),
    onEpochEnd: guard(callback.onEpochEnd),
    getState: callback.getState?.bind(callback),
    setState: callback.setState?.bind(callback),
  };
}
