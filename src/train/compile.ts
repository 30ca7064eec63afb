/** What `compile` was told, checked and complete. */
import { fastCoreAvailable } from "#compile-core";
import { mustBe, OptionError, rejectUnknownKeys, show, unknownName } from "../errors.js";
import { optimizerByName } from "./optimizers.js";
import type { Totals } from "./session.js";
import type { CompileOptions, Logs, LossName, LossOptions, MetricName, Optimizer } from "./types.js";

const LOSSES: readonly LossName[] = ["sparseCategoricalCrossentropy", "categoricalCrossentropy"];
const METRICS: readonly MetricName[] = ["accuracy", "topKCategoricalAccuracy"];

export interface Compiled {
  readonly optimizer: Optimizer;
  readonly loss: Required<LossOptions>;
  readonly metrics: readonly MetricName[];
  readonly exact: boolean;
  /** Asked for, and to be had. */
  readonly fast: boolean;
}

/** @throws OptionError with the nearest right name */
export function resolveCompile(options: CompileOptions): Compiled {
  rejectUnknownKeys("compile", options, ["optimizer", "loss", "metrics", "exact", "fast"]);
  const { optimizer, loss, metrics = [], exact = false, fast = false } = options;
  if (optimizer === undefined || loss === undefined) {
    const missing =
      optimizer === undefined ? "an optimizer, such as adam()" : `a loss, such as ${show(LOSSES[0])}`;
    throw new OptionError(`compile: needs ${missing}.`);
  }
  for (const [name, value] of Object.entries({ exact, fast })) {
    if (typeof value !== "boolean") throw new OptionError(mustBe("compile", name, "be true or false", value));
  }
  const wanted: LossOptions = typeof loss === "string" ? { name: loss } : loss;
  rejectUnknownKeys("compile: loss", wanted, ["name", "fromLogits", "labelSmoothing"]);
  const { name, fromLogits = false, labelSmoothing = 0 } = wanted;
  if (!(typeof labelSmoothing === "number" && labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new OptionError(mustBe("compile: loss", "labelSmoothing", "lie in [0, 1)", labelSmoothing));
  }
  return {
    optimizer: typeof optimizer === "string" ? optimizerByName(optimizer) : optimizer,
    loss: { name: known("loss", name, LOSSES), fromLogits, labelSmoothing },
    metrics: metrics.map((metric) => known("metric", metric, METRICS)),
    exact,
    fast: fast && hasFastCore(),
  };
}

let warned = false;

/** Says so, once, where there is none: then the strict core does the work, with its bits. */
function hasFastCore(): boolean {
  if (fastCoreAvailable()) return true;
  if (!warned) console.warn("warning: fast: there is no relaxed SIMD here; the strict core is used instead.");
  warned = true;
  return false;
}

/** Means over the samples so far, under Keras' names. */
export function logsOf(totals: Totals, metrics: readonly MetricName[], prefix = ""): Logs {
  const logs: Logs = { [`${prefix}loss`]: totals.loss / totals.samples };
  for (const metric of metrics) {
    const right = metric === "accuracy" ? totals.correct : totals.topK;
    logs[prefix + metric] = right / totals.samples;
  }
  return logs;
}

function known<T extends string>(what: string, name: T, names: readonly T[]): T {
  if (!names.includes(name)) throw new OptionError(`compile: ${unknownName(what, String(name), names)}`);
  return name;
}
