/**
 * Dropout: y = x/(1 − rate) where an element is kept, 0 elsewhere. Which are kept follows from counter-based random
 * numbers: element e of image n is kept when lane e mod 4 of philox(⌊e/4⌋, n, step, stream; seed) ≥ ⌊rate·2³²⌋.
 */
import { Purpose, philox } from "../random.js";
import { type NDArray, ndarray } from "./ndarray.js";

/** x [N, …]; the mask holds 1 for kept, 0 for dropped. */
export function dropout(
  x: NDArray,
  rate: number,
  stream: number,
  seed: number,
  step: number,
): { y: NDArray; mask: NDArray } {
  const size = x.data.length / x.shape[0];
  const threshold = Math.floor(rate * 2 ** 32);
  const y = ndarray(x.shape);
  const mask = ndarray(x.shape);
  for (let n = 0; n < x.shape[0]; n++) {
    for (let e = 0; e < size; e++) {
      const words = philox(Math.floor(e / 4), n, step, stream, seed, Purpose.Dropout);
      if (words[e % 4] < threshold) continue;
      mask.data[n * size + e] = 1;
      y.data[n * size + e] = x.data[n * size + e] / (1 - rate);
    }
  }
  return { y, mask };
}

/** dX = dY/(1 − rate) where kept, 0 elsewhere. */
export function dropoutGradient(mask: NDArray, dY: NDArray, rate: number): NDArray {
  return { shape: dY.shape, data: dY.data.map((value, i) => (mask.data[i] ? value / (1 - rate) : 0)) };
}
