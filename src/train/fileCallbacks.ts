/** Keras' callbacks that write files. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { OptionError, rejectUnknownKeys } from "../errors.js";
import { isBest, Monitor, type MonitorOptions, remembered } from "./callbacks.js";
import { saveModel, saveTrainingState } from "./checkpoint.js";
import type { Callback, SaveEvery } from "./types.js";
import { cutLines, writing } from "./watchCallbacks.js";

export interface ModelCheckpointOptions extends MonitorOptions {
  readonly saveBestOnly?: boolean; // false
  /** The model alone, not what a run needs to go on. */
  readonly saveWeightsOnly?: boolean; // false
  /** Within an epoch too, so often; only where the whole state is saved after each epoch. */
  readonly saveEvery?: SaveEvery;
}

/**
 * Saves after each epoch, or after those that were the best so far.
 * @param path a .safetensors file, in which "{epoch}" becomes the epoch's number from 1; or a folder: then
 *   best.safetensors or epoch-{epoch}.safetensors in it
 */
export function modelCheckpoint(path: string, options: ModelCheckpointOptions = {}): Callback {
  const known = ["monitor", "mode", "minDelta", "saveBestOnly", "saveWeightsOnly", "saveEvery"];
  rejectUnknownKeys("modelCheckpoint", options, known);
  const { saveBestOnly = false, saveWeightsOnly = false, saveEvery } = options;
  if (saveEvery && (saveBestOnly || saveWeightsOnly)) {
    throw new OptionError("modelCheckpoint: saveEvery goes with neither saveBestOnly nor saveWeightsOnly.");
  }
  const monitor = new Monitor("modelCheckpoint", options);
  const name = saveBestOnly ? "best.safetensors" : "epoch-{epoch}.safetensors";
  const file = path.endsWith(".safetensors") ? path : join(path, name);
  const fileOf = (epoch: number) => file.replaceAll("{epoch}", String(epoch + 1));
  let wanted = false;
  return {
    name: `modelCheckpoint ${file}`,
    saveEvery,
    async onEpochEnd(epoch, logs, context) {
      const value = saveBestOnly ? monitor.read("modelCheckpoint", logs) : undefined;
      wanted = !saveBestOnly || (value !== undefined && monitor.improves(value));
      if (wanted && saveWeightsOnly) await saveModel(fileOf(epoch), context.graph, context.getWeights());
    },
    // The state is complete only when all callbacks have seen the epoch's end.
    async onSave(context, when) {
      if (saveWeightsOnly || (when === "epoch" && !wanted)) return;
      const state = context.getTrainingState();
      await saveTrainingState(fileOf(when === "epoch" ? state.epoch - 1 : state.epoch), context.graph, state);
    },
    getState: () => ({ best: monitor.best }),
    setState(state) {
      monitor.best = remembered("modelCheckpoint", { best: isBest }, state).best;
    },
  };
}

/** Appends a line an epoch: the epoch's number, then the logs in alphabetical order, as Keras does. */
export function csvLogger(path: string, options: { separator?: string; append?: boolean } = {}): Callback {
  rejectUnknownKeys("csvLogger", options, ["separator", "append"]);
  const { separator = ",", append = false } = options;
  let started = false;
  let columns: string[] | undefined;
  return {
    name: `csvLogger ${path}`,
    onTrainBegin(context) {
      const { epoch: done } = context.getTrainingState();
      if (done === 0 || !(started || append) || !existsSync(path)) return;
      started = true;
      const [header] = readFileSync(path, "utf8").split("\n", 1);
      columns ??= header.split(separator).slice(1);
      // A run that was killed may have written of epochs which it has not done now.
      writing("csvLogger", path, () =>
        cutLines(path, (line, index) => index === 0 || Number.parseInt(line, 10) < done),
      );
    },
    onEpochEnd(epoch, logs) {
      columns ??= Object.keys(logs).sort();
      const line = [epoch, ...columns.map((column) => logs[column] ?? "NA")].join(separator);
      const header = ["epoch", ...columns].join(separator);
      writing("csvLogger", path, () => {
        mkdirSync(dirname(path), { recursive: true });
        if (started || (append && existsSync(path))) appendFileSync(path, `${line}\n`);
        else writeFileSync(path, `${header}\n${line}\n`);
      });
      started = true;
    },
    // A resumed run goes on in the same file.
    getState: () => ({ started, columns }),
    setState(state) {
      ({ started, columns } = remembered("csvLogger", { started: isBoolean, columns: isColumns }, state));
    },
  };
}

const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isColumns = (value: unknown): value is string[] | undefined =>
  value === undefined || (Array.isArray(value) && value.every((name) => typeof name === "string"));
