/** What the machine can do at best: multiply-adds on ten registers, no memory. Compiled on the spot. */
import asc from "assemblyscript/asc";

const SUMS = 10;
const lines = (write: (i: number) => string) => Array.from({ length: SUMS }, (_, i) => write(i)).join("\n");
const SOURCE = `
export function peak(count: i32, seed: f32): f32 {
  const x = f32x4.splat(seed);
  ${lines((i) => `let s${i} = f32x4.splat(<f32>${i});`)}
  for (; count > 0; count--) {
    ${lines((i) => `s${i} = f32x4.add(s${i}, f32x4.mul(s${i}, x));`)}
  }
  return f32x4.extract_lane(${Array.from({ length: SUMS }, (_, i) => `s${i}`).reduce((sum, s) => `f32x4.add(${sum}, ${s})`)}, 0);
}`;

/** Measures GFLOP/s of one core, 128-bit SIMD, multiply and add: the best of several short runs. */
export async function peakMeter(): Promise<() => number> {
  const { binary, error, stderr } = await asc.compileString(SOURCE, {
    optimizeLevel: 3,
    runtime: "stub",
    enable: ["simd"],
  });
  if (!binary) throw error ?? new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(new Uint8Array(binary));
  const peak = instance.exports.peak as (count: number, seed: number) => number;
  const count = 1e6;
  for (let warm = 0; warm < 100; warm++) peak(1000, 1e-9);
  return () => {
    let bestMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 10; run++) {
      const start = performance.now();
      peak(count, 1e-9);
      bestMs = Math.min(bestMs, performance.now() - start);
    }
    return (count * SUMS * 8) / bestMs / 1e6;
  };
}

export async function peakGflops(): Promise<number> {
  return (await peakMeter())();
}
