/** The numbers of each step of a stretch that kernels read from the step state: learning rate, decay, mixture. */
import { STEP_NUMBERS } from "../backend/wasm/state.js";
import { mixtureAt } from "./mixup.js";
import { learningRateAt } from "./schedules.js";
import type { Stretch } from "./session.js";
import type { Optimizer } from "./types.js";

/**
 * Adam's learning rate with its bias correction, lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ), t counted from 1. Powers are formed by
 * multiplication, not by Math.pow, whose last bit is the engine's own; it keeps them, as stretches follow one another.
 */
export class StepNumbers {
  readonly #optimizer: Optimizer;
  readonly #mixup: { readonly alpha: number; readonly seed: number } | undefined;
  #steps = 0;
  #power1 = 1;
  #power2 = 1;

  constructor(optimizer: Optimizer, mixup?: { readonly alpha: number; readonly seed: number }) {
    this.#optimizer = optimizer;
    this.#mixup = mixup;
  }

  /** Fills `numbers`, STEP_NUMBERS.length a step: record i is for the step with `step + i` steps before it. */
  fill(
    numbers: Float32Array,
    { step, learningRate, scheduleFactor = 1 }: Pick<Stretch, "step" | "learningRate" | "scheduleFactor">,
  ): void {
    const { weightDecay = 0 } = this.#optimizer;
    for (let i = 0; i * STEP_NUMBERS.length < numbers.length; i++) {
      const rate = learningRateAt(learningRate, step + i) * scheduleFactor;
      const mixture = this.#mixup ? mixtureAt(this.#mixup.seed, step + i, this.#mixup.alpha) : 1;
      numbers.set([this.#corrected(rate, step + i), rate * weightDecay, mixture], i * STEP_NUMBERS.length);
    }
  }

  /** Adam's rate without its averages' bias, in the step that has `step` steps before it; any other's as it is. */
  #corrected(rate: number, step: number): number {
    const optimizer = this.#optimizer;
    if (optimizer.name !== "adam" && optimizer.name !== "adamw") return rate;
    if (step < this.#steps - 1) {
      this.#steps = 0;
      this.#power1 = 1;
      this.#power2 = 1;
    }
    for (; this.#steps <= step; this.#steps++) {
      this.#power1 *= optimizer.beta1;
      this.#power2 *= optimizer.beta2;
    }
    return (rate * Math.sqrt(1 - this.#power2)) / (1 - this.#power1);
  }
}
