/** The machine's peak at this moment: the ten-register loop of `cbapd bench`. */
import { LimitMeter } from "../../src/bench/limits.js";

/** Measures GFLOP/s of one core, 128-bit SIMD, multiply and add: the best of several short runs. */
export async function peakMeter(): Promise<() => number> {
  const meter = await LimitMeter.open();
  return () => meter.peakGflops();
}

export async function peakGflops(): Promise<number> {
  return (await peakMeter())();
}
