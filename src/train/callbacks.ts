/**
 * Keras' callbacks that need no file (fileCallbacks.ts has the others). What they must remember over an interruption is JSON:
 * getState, setState.
 */
import { FileError, mustBe, OptionError, rejectUnknownKeys, show } from "../errors.js";
import type { Callback, Logs } from "./types.js";

export interface MonitorOptions {
  /** A name among the logs; default "val_loss". */
  readonly monitor?: string;
  /** Whether smaller or larger is better; "auto": larger for accuracies. */
  readonly mode?: "auto" | "min" | "max";
  /** A change smaller than this is none. */
  readonly minDelta?: number;
}

/** Compares a logged number with the best so far. */
export class Monitor {
  readonly name: string;
  readonly #sign: 1 | -1;
  readonly #minDelta: number;
  best: number | null = null;

  constructor(where: string, { monitor = "val_loss", mode = "auto", minDelta = 0 }: MonitorOptions) {
    if (!["auto", "min", "max"].includes(mode)) {
      throw new OptionError(mustBe(where, "mode", 'be "auto", "min" or "max"', mode));
    }
    this.name = monitor;
    const larger = mode === "auto" ? /accuracy/i.test(monitor) : mode === "max";
    this.#sign = larger ? -1 : 1;
    this.#minDelta = Math.abs(minDelta);
  }

  /** The epoch's value, or undefined when there was no validation in it. @throws OptionError when it can never be there */
  read(where: string, logs: Logs): number | undefined {
    if (this.name in logs) return logs[this.name];
    if (this.name.startsWith("val_") && this.name.slice(4) in logs) return undefined;
    throw new OptionError(
      `${where}: monitor ${show(this.name)} is not logged; there are ${Object.keys(logs).join(", ")}.`,
    );
  }

  /** Whether `value` is better than the best so far; then it is the best. NaN never is. */
  improves(value: number): boolean {
    if (Number.isNaN(value)) return false;
    if (this.best !== null && !(this.#sign * (this.best - value) > this.#minDelta)) return false;
    this.best = value;
    return true;
  }
}

export interface EarlyStoppingOptions extends MonitorOptions {
  readonly patience?: number; // 0
  readonly restoreBestWeights?: boolean; // false
}

/** Stops when the monitored number has not improved for more than `patience` epochs in a row. */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const known = ["monitor", "mode", "minDelta", "patience", "restoreBestWeights"];
  rejectUnknownKeys("earlyStopping", options, known);
  const { patience = 0, restoreBestWeights = false } = options;
  natural("earlyStopping", "patience", patience);
  const monitor = new Monitor("earlyStopping", options);
  let wait = 0;
  let best: ReadonlyMap<string, Float32Array> | undefined;
  return {
    name: "earlyStopping",
    onEpochEnd(_epoch, logs, context) {
      const value = monitor.read("earlyStopping", logs);
      if (value === undefined) return;
      if (monitor.improves(value)) {
        wait = 0;
        if (restoreBestWeights) best = context.getWeights();
        return;
      }
      wait++;
      if (wait < Math.max(1, patience)) return;
      context.stopTraining = true;
      if (best) context.setWeights(best);
    },
    getState: () => ({ best: monitor.best, wait, weights: best }),
    setState(state) {
      const held = remembered("earlyStopping", { best: isBest, wait: isCount, weights: isWeights }, state);
      monitor.best = held.best;
      wait = held.wait;
      best = held.weights;
    },
  };
}

export interface ReduceLROnPlateauOptions extends MonitorOptions {
  readonly factor?: number; // 0.1
  readonly patience?: number; // 10
  readonly cooldown?: number; // 0
  readonly minLr?: number; // 0
}

/** Multiplies the learning rate by `factor` when the monitored number has not improved for `patience` epochs. */
export function reduceLROnPlateau(options: ReduceLROnPlateauOptions = {}): Callback {
  const known = ["monitor", "mode", "minDelta", "factor", "patience", "cooldown", "minLr"];
  rejectUnknownKeys("reduceLROnPlateau", options, known);
  const { factor = 0.1, patience = 10, cooldown = 0, minLr = 0, minDelta = 1e-4 } = options;
  if (!(factor > 0 && factor < 1)) {
    throw new OptionError(mustBe("reduceLROnPlateau", "factor", "lie in (0, 1)", factor));
  }
  natural("reduceLROnPlateau", "patience", patience);
  natural("reduceLROnPlateau", "cooldown", cooldown);
  const monitor = new Monitor("reduceLROnPlateau", { ...options, minDelta });
  let wait = 0;
  let cooling = 0;
  return {
    name: "reduceLROnPlateau",
    onEpochEnd(_epoch, logs, context) {
      const value = monitor.read("reduceLROnPlateau", logs);
      if (value === undefined) return;
      if (cooling > 0) {
        cooling--;
        wait = 0;
      }
      if (monitor.improves(value)) {
        wait = 0;
      } else if (cooling === 0 && ++wait >= patience && context.learningRate > minLr) {
        context.learningRate = Math.max(context.learningRate * factor, minLr);
        cooling = cooldown;
        wait = 0;
      }
    },
    getState: () => ({ best: monitor.best, wait, cooling }),
    setState(state) {
      const held = remembered("reduceLROnPlateau", { best: isBest, wait: isCount, cooling: isCount }, state);
      monitor.best = held.best;
      wait = held.wait;
      cooling = held.cooling;
    },
  };
}

/**
 * Ends training at the first step that gives a number which is infinite or NaN: `fit` returns, where without this callback it
 * rejects (`onNaN`). The weights are those before that step.
 */
export function terminateOnNaN(): Callback {
  return {
    name: "terminateOnNaN",
    onNaN(_event, context) {
      context.stopTraining = true;
    },
  };
}

export const isBest = (value: unknown): value is number | null =>
  value === null || (typeof value === "number" && !Number.isNaN(value));
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isWeights = (value: unknown): value is Map<string, Float32Array> | undefined =>
  value === undefined ||
  (value instanceof Map &&
    [...value].every(([name, values]) => typeof name === "string" && values instanceof Float32Array));

/** What each thing remembered must be. */
type Checks<T> = { readonly [K in keyof T]: (value: unknown) => value is T[K] };

/** What a callback wrote into a checkpoint, which anybody may have changed since. @throws FileError */
export function remembered<T>(where: string, checks: Checks<T>, state: unknown): T {
  const held = typeof state === "object" ? ((state ?? {}) as T) : ({} as T);
  for (const name in checks) {
    if (checks[name](held[name])) continue;
    throw new FileError(
      `${where}: the checkpoint remembers nothing that could be used: ${name} is ${show(held[name])}.`,
      { code: "CHECKPOINT_CALLBACK" },
    );
  }
  return held;
}

function natural(where: string, argument: string, value: unknown): void {
  if (!Number.isInteger(value) || (value as number) < 0) {
    throw new OptionError(mustBe(where, argument, "be an integer ≥ 0", value));
  }
}
