/** Seeded numbers for tests: exact in float32, so that both backends start from the same. */
import { philox } from "../random.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Shape, sizeOf } from "../shape.js";

/** Apart from all that the library itself draws (`Purpose` in src/random.ts). */
const PURPOSE = 0x7e57;

/** Values in [−1, 1), multiples of 2⁻²³; element i depends on the seed and i alone. */
export function randomValues(count: number, seed: number): Float64Array {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 4) {
    const words = philox(i, 0, 0, 0, seed, PURPOSE);
    for (let lane = 0; lane < 4 && i + lane < count; lane++)
      values[i + lane] = (words[lane] >>> 8) * 2 ** -23 - 1;
  }
  return values;
}

export function randomArray(shape: Shape, seed: number): NDArray {
  return ndarray(shape, randomValues(sizeOf(shape), seed));
}

/** Distinct multiples of 1/64 in shuffled order, centred on 0 but never 0: free of ties and of relu's kink. */
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

export function largest({ data }: { readonly data: Float64Array }): number {
  let max = 0;
  for (const value of data) max = Math.max(max, Math.abs(value));
  return max;
}

/** √Σv² */
export function normOf({ data }: { readonly data: Float64Array }): number {
  let sum = 0;
  for (const value of data) sum += value * value;
  return Math.sqrt(sum);
}
