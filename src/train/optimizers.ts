/** Optimizers as plain descriptions; Keras' forms and defaults. The updates themselves are kernels. */
import { mustBe, OptionError, rejectUnknownKeys, unknownName } from "../errors.js";
import type { Optimizer } from "./types.js";

type Adam = Extract<Optimizer, { name: "adam" }>;
type Sgd = Extract<Optimizer, { name: "sgd" }>;

/** lr_t = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ);  m += (g − m)(1 − β₁);  v += (g² − v)(1 − β₂);  w −= lr_t·m/(√v + ε). @throws OptionError */
export function adam(options: Partial<Omit<Adam, "name">> = {}): Adam {
  rejectUnknownKeys("adam", options, ["learningRate", "beta1", "beta2", "epsilon"]);
  const { learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
  positive("adam", "learningRate", learningRate);
  share("adam", "beta1", beta1);
  share("adam", "beta2", beta2);
  positive("adam", "epsilon", epsilon);
  return { name: "adam", learningRate, beta1, beta2, epsilon };
}

/** velocity = momentum·velocity − lr·g;  w += velocity, or with nesterov w += momentum·velocity − lr·g. @throws OptionError */
export function sgd(options: Partial<Omit<Sgd, "name">> = {}): Sgd {
  rejectUnknownKeys("sgd", options, ["learningRate", "momentum", "nesterov"]);
  const { learningRate = 0.01, momentum = 0, nesterov = false } = options;
  positive("sgd", "learningRate", learningRate);
  share("sgd", "momentum", momentum);
  if (typeof nesterov !== "boolean") {
    throw new OptionError(mustBe("sgd", "nesterov", "be true or false", nesterov));
  }
  return { name: "sgd", learningRate, momentum, nesterov };
}

/** "adam" or "sgd", with their defaults. @throws OptionError */
export function optimizerByName(name: string): Optimizer {
  if (name === "adam") return adam();
  if (name === "sgd") return sgd();
  throw new OptionError(`compile: ${unknownName("optimizer", name, ["adam", "sgd"])}`);
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
