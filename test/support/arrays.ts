/** Seeded test arrays, and central differences. */
import { philox } from "../../src/random.js";
import { type NDArray, ndarray } from "../../src/reference/ndarray.js";
import { type Shape, sizeOf } from "../../src/shape.js";

/** Values in [−1, 1) that float32 holds exactly; element i depends on the seed and i alone. */
export function randomValues(count: number, seed: number): Float64Array {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 4) {
    const words = philox(i, 0, 0, 0, seed, 0x7e57);
    for (let lane = 0; lane < 4 && i + lane < count; lane++)
      values[i + lane] = (words[lane] >>> 8) * 2 ** -23 - 1;
  }
  return values;
}

export function randomArray(shape: Shape, seed: number): NDArray {
  return ndarray(shape, randomValues(sizeOf(shape), seed));
}

/** Distinct multiples of 1/count in shuffled order, centred on 0 but never 0: free of ties and of relu's kink. */
export function tieFree(shape: Shape, seed: number): NDArray {
  const count = sizeOf(shape);
  const order = Array.from(randomValues(count, seed), (value, i) => ({ value, i })).sort(
    (a, b) => a.value - b.value,
  );
  const values = new Float64Array(count);
  order.forEach(({ i }, rank) => {
    values[i] = (rank - count / 2 + 0.25) / 64;
  });
  return ndarray(shape, values);
}

/** ⟨a, b⟩, for losses that are a random projection of an output. */
export function dot(a: NDArray, b: NDArray): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += a.data[i] * b.data[i];
  return sum;
}

/**
 * Central differences of a scalar function with respect to every element of `at`, in float64.
 * Error: truncation ≈ step²·f‴/6 plus rounding ≈ 2⁻⁵³·|f|/step; step 1e-5·max(1, |x|) balances them near 1e-10.
 */
export function numericGradient(f: () => number, at: NDArray, step = 1e-5): Float64Array {
  const gradient = new Float64Array(at.data.length);
  for (let i = 0; i < at.data.length; i++) {
    const held = at.data[i];
    const h = step * Math.max(1, Math.abs(held));
    at.data[i] = held + h;
    const above = f();
    at.data[i] = held - h;
    const below = f();
    at.data[i] = held;
    gradient[i] = (above - below) / (2 * h);
  }
  return gradient;
}
