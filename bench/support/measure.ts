/** Timing of recorded programs on one core, as GFLOP/s and as a share of the machine's peak at that moment. */
import Benchmark from "benchmark";
import type { Program } from "../../test/support/recording.js";
import { peakMeter } from "./peak.js";

const peakNow = await peakMeter();

/** Best seconds of one call. The first calls, untimed, let the engine compile the kernels well. */
export function bestSeconds(run: () => void): number {
  for (let warm = 0; warm < 5; warm++) run();
  const benchmark = new Benchmark("", run, { maxTime: 0.3, minSamples: 8 });
  benchmark.run();
  return Math.min(...benchmark.stats.sample);
}

/** `43.2 (0.85)`: GFLOP/s, and the ratio to the peak, which is measured next to it since machines are shared. */
export function rate(flops: number, run: () => void): string {
  return share(flops, bestSeconds(run));
}

/** The same of a time already measured. */
export function share(flops: number, seconds: number): string {
  const gflops = flops / seconds / 1e9;
  return `${gflops.toFixed(1).padStart(5)} (${(gflops / peakNow()).toFixed(2)})`;
}

/** Rates of some of a program's instructions. */
export function rateOf(flops: number, program: Program, kernels: readonly string[]): string {
  return rate(flops, () => program.run(1, kernels));
}

/** @throws Error unless `count` elements, spread over the result, are what `expected` says. */
export function checkElements(
  what: string,
  actual: ArrayLike<number>,
  expected: (index: number) => number,
  terms: number,
  count = 50,
): void {
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * (actual.length - 1)) / Math.max(1, count - 1));
    const value = expected(index);
    // Products lie in (−1, 1), so a sum of `terms` of them in float32 errs by some √terms·2⁻²⁴ times its size √terms.
    const tolerance = (terms + 8) * 2 ** -22;
    if (!(Math.abs(actual[index] - value) <= tolerance)) {
      throw new Error(`${what}: element ${index} is ${actual[index]}, should be ${value}`);
    }
  }
}
