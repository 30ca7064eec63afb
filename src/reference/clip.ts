/** Gradient clipping, in place: against the rare step that would throw a network far off. Keras' three forms. */
import type { NDArray } from "./ndarray.js";

/** g = min(max(g, −limit), limit). */
export function clipByValue(gradients: NDArray, limit: number): void {
  for (let k = 0; k < gradients.data.length; k++) {
    gradients.data[k] = Math.min(Math.max(gradients.data[k], -limit), limit);
  }
}

/** All of them times limit/norm where their common norm √Σg² exceeds the limit. One array: `clipnorm`; all: `globalClipnorm`. */
export function clipByNorm(gradients: readonly NDArray[], limit: number): void {
  let sum = 0;
  for (const { data } of gradients) for (const g of data) sum += g * g;
  const norm = Math.sqrt(sum);
  if (!(norm > limit)) return;
  for (const { data } of gradients) {
    for (let k = 0; k < data.length; k++) data[k] *= limit / norm;
  }
}
