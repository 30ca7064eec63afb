/** The learning rate of each step of a stretch, as the update kernels read it. */
import type { Optimizer } from "./types.js";

/**
 * Adam's with its bias correction, lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ), t counted from 1. Powers are formed by multiplication, not by
 * Math.pow, whose last bit is the engine's own; it keeps them, as stretches follow one another.
 */
export class LearningRates {
  readonly #optimizer: Optimizer;
  #steps = 0;
  #power1 = 1;
  #power2 = 1;

  constructor(optimizer: Optimizer) {
    this.#optimizer = optimizer;
  }

  /** Fills `rates`: entry i is for the step with `step + i` steps before it. */
  fill(rates: Float32Array, step: number, learningRate: number): void {
    const optimizer = this.#optimizer;
    if (optimizer.name === "sgd") {
      rates.fill(learningRate);
      return;
    }
    if (step < this.#steps) {
      this.#steps = 0;
      this.#power1 = 1;
      this.#power2 = 1;
    }
    const advance = () => {
      this.#steps++;
      this.#power1 *= optimizer.beta1;
      this.#power2 *= optimizer.beta2;
    };
    while (this.#steps < step) advance();
    for (let i = 0; i < rates.length; i++) {
      advance();
      rates[i] = (learningRate * Math.sqrt(1 - this.#power2)) / (1 - this.#power1);
    }
  }
}
