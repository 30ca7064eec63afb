/** Optimizers as plain descriptions; Keras' forms and defaults. The updates themselves are kernels. */
import { mustBe, OptionError, rejectUnknownKeys, unknownName } from "../errors.js";
import type { LearningRateSchedule } from "./schedules.js";
import type { Optimizer, OptimizerSettings } from "./types.js";

type Of<Name extends Optimizer["name"]> = Extract<Optimizer, { name: Name }>;
type Given<Name extends Optimizer["name"]> = Partial<Omit<Of<Name>, "name">>;

export const OPTIMIZER_NAMES = ["adam", "adamw", "sgd", "rmsprop"] as const;

const COMMON_KEYS = [
  "learningRate",
  "weightDecay",
  "excludeFromWeightDecay",
  "clipnorm",
  "clipvalue",
  "globalClipnorm",
  "useEma",
  "emaMomentum",
];

/** lr_t = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ);  m += (g − m)(1 − β₁);  v += (g² − v)(1 − β₂);  w −= lr_t·m/(√v + ε). @throws OptionError */
export function adam(options: Given<"adam"> = {}): Of<"adam"> {
  return { name: "adam", ...adamSettings("adam", options) };
}

/** Adam with decoupled weight decay, w −= lr·weightDecay·w before each update; 0.004 unless told. @throws OptionError */
export function adamw(options: Given<"adamw"> = {}): Of<"adamw"> {
  return { name: "adamw", ...adamSettings("adamw", { weightDecay: 0.004, ...options }) };
}

/** velocity = momentum·velocity − lr·g;  w += velocity, or with nesterov w += momentum·velocity − lr·g. @throws OptionError */
export function sgd(options: Given<"sgd"> = {}): Of<"sgd"> {
  rejectUnknownKeys("sgd", options, [...COMMON_KEYS, "momentum", "nesterov"]);
  const { momentum = 0, nesterov = false } = options;
  share("sgd", "momentum", momentum);
  flag("sgd", "nesterov", nesterov);
  return { name: "sgd", ...settings("sgd", options, 0.01), momentum, nesterov };
}

/** velocity += (g² − velocity)(1 − ρ);  w −= lr·g/√(velocity + ε), with momentum gathered. @throws OptionError */
export function rmsprop(options: Given<"rmsprop"> = {}): Of<"rmsprop"> {
  rejectUnknownKeys("rmsprop", options, [...COMMON_KEYS, "rho", "momentum", "epsilon", "centered"]);
  const { rho = 0.9, momentum = 0, epsilon = 1e-7, centered = false } = options;
  share("rmsprop", "rho", rho);
  share("rmsprop", "momentum", momentum);
  positive("rmsprop", "epsilon", epsilon);
  flag("rmsprop", "centered", centered);
  return { name: "rmsprop", ...settings("rmsprop", options, 0.001), rho, momentum, epsilon, centered };
}

/** An optimizer with its defaults. @throws OptionError naming the nearest */
export function optimizerByName(name: string): Optimizer {
  const make = { adam, adamw, sgd, rmsprop }[name];
  if (!make) throw new OptionError(`compile: ${unknownName("optimizer", name, OPTIMIZER_NAMES)}`);
  return make();
}

/** Whether weight decay is for this weight. */
export function decays(optimizer: Optimizer, weight: string): boolean {
  const { weightDecay, excludeFromWeightDecay = [] } = optimizer;
  return weightDecay !== undefined && !excludeFromWeightDecay.some((part) => weight.includes(part));
}

function adamSettings(where: "adam" | "adamw", options: Given<"adam" | "adamw">) {
  rejectUnknownKeys(where, options, [...COMMON_KEYS, "beta1", "beta2", "epsilon"]);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
  share(where, "beta1", beta1);
  share(where, "beta2", beta2);
  positive(where, "epsilon", epsilon);
  return { ...settings(where, options, 0.001), beta1, beta2, epsilon };
}

/** What all optimizers know. What is off is left out: two descriptions are equal when they do the same. */
function settings(
  where: string,
  options: Partial<OptimizerSettings>,
  defaultRate: number,
): OptimizerSettings {
  const { learningRate = defaultRate, weightDecay = 0, excludeFromWeightDecay } = options;
  const { useEma = false, emaMomentum } = options;
  if (!isSchedule(learningRate)) positive(where, "learningRate", learningRate);
  if (!(typeof weightDecay === "number" && Number.isFinite(weightDecay) && weightDecay >= 0)) {
    throw new OptionError(mustBe(where, "weightDecay", "be a finite number ≥ 0", weightDecay));
  }
  if (excludeFromWeightDecay !== undefined) {
    if (!Array.isArray(excludeFromWeightDecay) || !excludeFromWeightDecay.every(isText)) {
      const rule = 'be parts of weights\' names, such as ["bias", "gamma"]';
      throw new OptionError(mustBe(where, "excludeFromWeightDecay", rule, excludeFromWeightDecay));
    }
    if (weightDecay === 0) {
      throw new OptionError(`${where}: excludeFromWeightDecay needs a weightDecay above 0.`);
    }
  }
  flag(where, "useEma", useEma);
  if (emaMomentum !== undefined) {
    share(where, "emaMomentum", emaMomentum);
    if (!useEma) throw new OptionError(`${where}: emaMomentum needs useEma: true.`);
  }
  return {
    learningRate,
    ...(weightDecay > 0 && { weightDecay }),
    ...(excludeFromWeightDecay?.length && { excludeFromWeightDecay: [...excludeFromWeightDecay] }),
    ...clipping(where, options),
    ...(useEma && { useEma, emaMomentum: emaMomentum ?? 0.99 }),
  };
}

function clipping(where: string, options: Partial<OptimizerSettings>) {
  const { clipnorm, clipvalue, globalClipnorm } = options;
  const given = Object.entries({ clipnorm, clipvalue, globalClipnorm }).filter(
    ([, limit]) => limit !== undefined,
  );
  for (const [name, limit] of given) positive(where, name, limit);
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(" and ");
    throw new OptionError(
      `${where}: only one of clipnorm, clipvalue, globalClipnorm may be set; got ${names}.`,
    );
  }
  return Object.fromEntries(given);
}

function isSchedule(value: unknown): value is LearningRateSchedule {
  return typeof value === "object" && value !== null && "name" in value;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function flag(where: string, argument: string, value: unknown): void {
  if (typeof value !== "boolean") throw new OptionError(mustBe(where, argument, "be true or false", value));
}

function positive(where: string, argument: string, value: unknown): void {
  if (!(typeof value === "number" && Number.isFinite(value) && value > 0)) {
    throw new OptionError(mustBe(where, argument, "be a positive number", value));
  }
}

function share(where: string, argument: string, value: unknown): void {
  if (!(typeof value === "number" && value >= 0 && value < 1)) {
    throw new OptionError(mustBe(where, argument, "lie in [0, 1)", value));
  }
}
