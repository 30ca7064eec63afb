/** What `train` notes of its run beside weights and history: seconds and gradients of each epoch, and what it came to. */
import { appendFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { type Callback, cutLines, FileError, writeFileAtomic } from "../index.js";
import { version } from "./version.js";

export const WATCH = "watch.jsonl";
export const RESULT = "result.json";

/** One epoch, or with `step` the part of one before an interruption. */
export interface WatchLine {
  readonly epoch: number;
  readonly step?: number;
  readonly seconds: number;
  readonly learningRate?: number | null;
  /** By layer. */
  readonly gradientNorms?: Readonly<Record<string, number | null>>;
}

/** How a run ended, the last time that it ran. */
export interface RunResult {
  readonly done: boolean;
  readonly epoch: number;
  readonly steps: number;
  readonly weightsSha256: string;
  readonly command: string;
  readonly environment: Readonly<Record<string, string | number>>;
}

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
        const told = watchLine(line);
        if (told.step === undefined) return told.epoch <= epoch;
        return told.epoch <= epoch || (told.epoch === epoch + 1 && told.step <= stepInEpoch);
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

/** A line that is not ours belongs to no epoch. */
function watchLine(line: string): Pick<WatchLine, "epoch" | "step"> {
  try {
    return JSON.parse(line) as WatchLine;
  } catch {
    return { epoch: Number.NaN };
  }
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
