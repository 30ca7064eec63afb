/**
 * Learning rates that change from step to step: plain descriptions, and pure functions of the step. Names and forms are
 * Keras' where it has them; oneCycle is PyTorch's. Computed from + − × ÷ alone, so the bits are the same everywhere.
 */
import { cosPi, power } from "../elementary.js";
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";

/** The rate is multiplied by `decayRate` every `decaySteps` steps, gradually or, as a staircase, at once. */
export interface ExponentialDecay {
  readonly name: "exponentialDecay";
  readonly initialLearningRate: number;
  readonly decaySteps: number;
  readonly decayRate: number;
  readonly staircase: boolean;
}

/** values[i] up to and with step boundaries[i], the last value from then on. */
export interface PiecewiseConstantDecay {
  readonly name: "piecewiseConstantDecay";
  readonly boundaries: readonly number[];
  readonly values: readonly number[];
}

/** Half a cosine from the initial rate to `alpha` times it; with a warm-up, first a line from it to `warmupTarget`. */
export interface CosineDecay {
  readonly name: "cosineDecay";
  readonly initialLearningRate: number;
  readonly decaySteps: number;
  readonly alpha: number;
  readonly warmupTarget: number | null;
  readonly warmupSteps: number;
}

/** Half a cosine up from max/divFactor to max, then one down to max/divFactor/finalDivFactor, which is reached in the last step. */
export interface OneCycle {
  readonly name: "oneCycle";
  readonly maxLearningRate: number;
  readonly totalSteps: number;
  /** The way up's share of the steps. */
  readonly warmupShare: number;
  readonly divFactor: number;
  readonly finalDivFactor: number;
}

/** A line from `start` to the first rate of `schedule`, which starts after `warmupSteps` steps. */
export interface Warmup {
  readonly name: "warmup";
  readonly warmupSteps: number;
  readonly start: number;
  readonly schedule: number | ExponentialDecay | PiecewiseConstantDecay | CosineDecay;
}

export type LearningRateSchedule =
  | ExponentialDecay
  | PiecewiseConstantDecay
  | CosineDecay
  | OneCycle
  | Warmup;

type Given<T, Needed extends keyof T> = Pick<T, Needed> & Partial<Omit<T, "name" | Needed>>;

/** initialLearningRate·decayRate^(step/decaySteps). @throws OptionError */
export function exponentialDecay(
  options: Given<ExponentialDecay, "initialLearningRate" | "decaySteps" | "decayRate">,
): ExponentialDecay {
  const where = "exponentialDecay";
  rejectUnknownKeys(where, options, ["initialLearningRate", "decaySteps", "decayRate", "staircase"]);
  const { initialLearningRate, decaySteps, decayRate, staircase = false } = options;
  positive(where, "initialLearningRate", initialLearningRate);
  positive(where, "decaySteps", decaySteps);
  positive(where, "decayRate", decayRate);
  if (typeof staircase !== "boolean") {
    throw new OptionError(mustBe(where, "staircase", "be true or false", staircase));
  }
  return { name: where, initialLearningRate, decaySteps, decayRate, staircase };
}

/** One value more than boundaries. @throws OptionError */
export function piecewiseConstantDecay(
  options: Omit<PiecewiseConstantDecay, "name">,
): PiecewiseConstantDecay {
  const where = "piecewiseConstantDecay";
  rejectUnknownKeys(where, options, ["boundaries", "values"]);
  const { boundaries, values } = options;
  const ordered = Array.isArray(boundaries) && boundaries.every((at, i) => i === 0 || at > boundaries[i - 1]);
  if (!ordered || !boundaries.every((at) => Number.isInteger(at) && at >= 0)) {
    throw new OptionError(mustBe(where, "boundaries", "be steps in ascending order", boundaries));
  }
  if (!Array.isArray(values) || values.length !== boundaries.length + 1) {
    const rule = `be ${boundaries.length + 1} learning rates, one more than boundaries`;
    throw new OptionError(mustBe(where, "values", rule, values));
  }
  for (const value of values) positive(where, "each of values", value);
  return { name: where, boundaries: [...boundaries], values: [...values] };
}

/** From initialLearningRate over decaySteps steps to alpha times it. @throws OptionError */
export function cosineDecay(options: Given<CosineDecay, "initialLearningRate" | "decaySteps">): CosineDecay {
  const where = "cosineDecay";
  const known = ["initialLearningRate", "decaySteps", "alpha", "warmupTarget", "warmupSteps"];
  rejectUnknownKeys(where, options, known);
  const { initialLearningRate, decaySteps, alpha = 0, warmupTarget = null, warmupSteps = 0 } = options;
  // A warm-up may start at 0.
  if (warmupTarget === null) positive(where, "initialLearningRate", initialLearningRate);
  else notNegative(where, "initialLearningRate", initialLearningRate);
  positive(where, "decaySteps", decaySteps);
  notNegative(where, "alpha", alpha);
  if (warmupTarget !== null) positive(where, "warmupTarget", warmupTarget);
  notNegative(where, "warmupSteps", warmupSteps);
  if (warmupSteps > 0 && warmupTarget === null) {
    throw new OptionError(`${where}: warmupSteps needs a warmupTarget, the learning rate to warm up to.`);
  }
  return { name: where, initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps };
}

/** Up and down again within totalSteps steps. Source: Smith & Topin, arXiv:1708.07120. @throws OptionError */
export function oneCycle(options: Given<OneCycle, "maxLearningRate" | "totalSteps">): OneCycle {
  const where = "oneCycle";
  const known = ["maxLearningRate", "totalSteps", "warmupShare", "divFactor", "finalDivFactor"];
  rejectUnknownKeys(where, options, known);
  const { maxLearningRate, totalSteps, warmupShare = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
  positive(where, "maxLearningRate", maxLearningRate);
  positive(where, "totalSteps", totalSteps);
  if (!(typeof warmupShare === "number" && warmupShare >= 0 && warmupShare < 1)) {
    throw new OptionError(mustBe(where, "warmupShare", "lie in [0, 1)", warmupShare));
  }
  positive(where, "divFactor", divFactor);
  positive(where, "finalDivFactor", finalDivFactor);
  return { name: where, maxLearningRate, totalSteps, warmupShare, divFactor, finalDivFactor };
}

/** For schedules, and constant rates, that have no warm-up of their own. @throws OptionError */
export function warmup(options: Given<Warmup, "warmupSteps" | "schedule">): Warmup {
  const where = "warmup";
  rejectUnknownKeys(where, options, ["warmupSteps", "start", "schedule"]);
  const { warmupSteps, start = 0, schedule } = options;
  positive(where, "warmupSteps", warmupSteps);
  notNegative(where, "start", start);
  if (typeof schedule === "number") positive(where, "schedule", schedule);
  else if (!["exponentialDecay", "piecewiseConstantDecay", "cosineDecay"].includes(schedule?.name)) {
    const rule = "be a learning rate, exponentialDecay, piecewiseConstantDecay or cosineDecay";
    throw new OptionError(mustBe(where, "schedule", rule, schedule));
  }
  return { name: where, warmupSteps, start, schedule };
}

/** The learning rate of the step that has `step` steps before it. */
export function learningRateAt(rate: number | LearningRateSchedule, step: number): number {
  if (typeof rate === "number") return rate;
  switch (rate.name) {
    case "exponentialDecay": {
      const decays = step / rate.decaySteps;
      return rate.initialLearningRate * power(rate.decayRate, rate.staircase ? Math.floor(decays) : decays);
    }
    case "piecewiseConstantDecay": {
      const at = rate.boundaries.findIndex((boundary) => step <= boundary);
      return rate.values[at < 0 ? rate.boundaries.length : at];
    }
    case "cosineDecay":
      return cosineAt(rate, step);
    case "oneCycle":
      return oneCycleAt(rate, step);
    case "warmup": {
      if (step >= rate.warmupSteps) return learningRateAt(rate.schedule, step - rate.warmupSteps);
      return line(rate.start, learningRateAt(rate.schedule, 0), step / rate.warmupSteps);
    }
  }
}

function cosineAt(rate: CosineDecay, step: number): number {
  const { initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps } = rate;
  if (step < warmupSteps && warmupTarget !== null) {
    return line(initialLearningRate, warmupTarget, step / warmupSteps);
  }
  const from = warmupTarget ?? initialLearningRate;
  return anneal(from, alpha * from, Math.min((step - warmupSteps) / decaySteps, 1));
}

function oneCycleAt(rate: OneCycle, step: number): number {
  const { maxLearningRate, totalSteps, warmupShare, divFactor, finalDivFactor } = rate;
  const first = maxLearningRate / divFactor;
  const top = warmupShare * totalSteps - 1;
  const end = totalSteps - 1;
  if (step < top) return anneal(first, maxLearningRate, step / top);
  const start = Math.max(top, 0);
  const down = end > start ? Math.min((step - start) / (end - start), 1) : 1;
  return anneal(maxLearningRate, first / finalDivFactor, down);
}

/** Half a cosine from one value to another, x in [0, 1]. */
function anneal(from: number, to: number, x: number): number {
  return to + ((from - to) / 2) * (1 + cosPi(x));
}

function line(from: number, to: number, x: number): number {
  return from + (to - from) * x;
}

function positive(where: string, argument: string, value: unknown): void {
  if (!(typeof value === "number" && Number.isFinite(value) && value > 0)) {
    throw new OptionError(mustBe(where, argument, "be a positive number", value));
  }
}

function notNegative(where: string, argument: string, value: unknown): void {
  if (!(typeof value === "number" && Number.isFinite(value) && value >= 0)) {
    throw new OptionError(mustBe(where, argument, "be a finite number ≥ 0", value));
  }
}
