/** Seeded test arrays, and central differences. */
import type { NDArray } from "../../src/reference/ndarray.js";

export { randomArray, randomValues, tieFree } from "../../src/verify/values.js";

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
