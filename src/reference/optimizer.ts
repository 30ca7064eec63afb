/** How weights move against their gradients: Adam, SGD and RMSprop in Keras' forms. All in place, over arrays of one shape. */
import type { NDArray } from "./ndarray.js";

export interface AdamStep {
  /** As the user gave it, before bias correction. */
  readonly learningRate: number;
  /** t: 1 in the first step. */
  readonly step: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * m and v are moving averages of g and g²; they start at 0, so adamLearningRate corrects their bias towards it.
 *   m += (g − m)(1 − β₁)      v += (g² − v)(1 − β₂)      w −= lr_t·m/(√v + ε)
 * Source: Kingma & Ba 2015, arXiv:1412.6980, section 2, the last paragraph's order of operations, as in Keras.
 */
export function adamUpdate(weights: NDArray, m: NDArray, v: NDArray, gradients: NDArray, at: AdamStep): void {
  const rate = adamLearningRate(at.learningRate, at.step, at.beta1, at.beta2);
  for (let k = 0; k < weights.data.length; k++) {
    const g = gradients.data[k];
    m.data[k] += (g - m.data[k]) * (1 - at.beta1);
    v.data[k] += (g * g - v.data[k]) * (1 - at.beta2);
    weights.data[k] -= (rate * m.data[k]) / (Math.sqrt(v.data[k]) + at.epsilon);
  }
}

/** lr_t = lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ): the rate of step t ≥ 1, with the bias of m and v taken out. */
export function adamLearningRate(learningRate: number, step: number, beta1: number, beta2: number): number {
  return (learningRate * Math.sqrt(1 - integerPower(beta2, step))) / (1 - integerPower(beta1, step));
}

export interface SgdStep {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

/**
 * Without momentum:  w −= lr·g, and velocity is not touched.
 * With it:           velocity = momentum·velocity − lr·g,  w += velocity;
 * Nesterov's:        the same velocity,                    w += momentum·velocity − lr·g.
 */
export function sgdUpdate(
  weights: NDArray,
  velocity: NDArray | undefined,
  gradients: NDArray,
  { learningRate, momentum, nesterov }: SgdStep,
): void {
  for (let k = 0; k < weights.data.length; k++) {
    const step = learningRate * gradients.data[k];
    if (!velocity || momentum === 0) {
      weights.data[k] -= step;
      continue;
    }
    velocity.data[k] = momentum * velocity.data[k] - step;
    weights.data[k] += nesterov ? momentum * velocity.data[k] - step : velocity.data[k];
  }
}

export interface RmspropStep {
  readonly learningRate: number;
  readonly rho: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly centered: boolean;
}

/**
 * velocity is a moving average of g², which gives each weight a step of its own size:
 *   velocity += (g² − velocity)(1 − ρ)      step = lr·g/√(velocity + ε)
 * Centered: average += (g − average)(1 − ρ), and the step takes max(velocity − average², 0), a variance, for velocity.
 * Then w −= step; with momentum, moving = momentum·moving + step and w −= moving.
 * Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012; centered: Graves 2013, arXiv:1308.0850.
 */
export function rmspropUpdate(
  weights: NDArray,
  slots: { readonly velocity: NDArray; readonly average?: NDArray; readonly moving?: NDArray },
  gradients: NDArray,
  { learningRate, rho, momentum, epsilon, centered }: RmspropStep,
): void {
  const { velocity, average, moving } = slots;
  for (let k = 0; k < weights.data.length; k++) {
    const g = gradients.data[k];
    velocity.data[k] += (g * g - velocity.data[k]) * (1 - rho);
    let square = velocity.data[k];
    if (centered && average) {
      average.data[k] += (g - average.data[k]) * (1 - rho);
      square = Math.max(square - average.data[k] * average.data[k], 0);
    }
    let step = (learningRate * g) / Math.sqrt(square + epsilon);
    if (moving && momentum > 0) step = moving.data[k] = momentum * moving.data[k] + step;
    weights.data[k] -= step;
  }
}

/** w −= lr·weightDecay·w, before an update: decay that no gradient, and so no slot, knows of. Source: Loshchilov & Hutter, arXiv:1711.05101. */
export function decayWeights(weights: NDArray, learningRate: number, weightDecay: number): void {
  for (let k = 0; k < weights.data.length; k++) {
    weights.data[k] -= learningRate * weightDecay * weights.data[k];
  }
}

/** average += (w − average)(1 − momentum), after the update; in the first step average = w. */
export function averageWeights(average: NDArray, weights: NDArray, momentum: number, first: boolean): void {
  for (let k = 0; k < weights.data.length; k++) {
    if (first) average.data[k] = weights.data[k];
    else average.data[k] += (weights.data[k] - average.data[k]) * (1 - momentum);
  }
}

/** base^exponent by squaring: Math.pow may differ in its last bit from engine to engine, products never do. */
export function integerPower(base: number, exponent: number): number {
  let power = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power *= square;
    square *= square;
  }
  return power;
}
