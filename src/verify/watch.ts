/**
 * Looks on while a reference backend computes: counts the units that lie near a kink, and tells how far the work is.
 *
 * relu and max pooling are continuous, their gradients are not. A unit whose input lies within float32 error of relu's 0, or a
 * window whose two largest do of each other, may fall to either side; then single gradients differ by 1e-3 to 1e-1 of the
 * largest, and nobody is wrong.
 */
import type { Backend } from "../backend/backend.js";
import type { NDArray } from "../reference/ndarray.js";
import { eachGap } from "./kinks.js";
import { largest } from "./values.js";

/** One relu or max pooling: how many of its units, or windows, lie near a kink. */
export interface KinkCount {
  readonly operation: "relu" | "maxPooling2d";
  readonly near: number;
}

/**
 * @param error  float32 error of a pre-activation, relative to the largest of its tensor
 * @param onProduct called before each convolution, dense layer, or their gradients: what takes the time
 * @returns the same backend, and the counts in the order in which the operations are called
 */
export function watch(
  backend: Backend<NDArray>,
  error: number,
  onProduct: () => void = () => {},
): { backend: Backend<NDArray>; kinks: KinkCount[] } {
  const kinks: KinkCount[] = [];
  const watched: Backend<NDArray> = {
    ...backend,
    relu(x) {
      const threshold = error * largest(x);
      const near = x.data.reduce((count, value) => count + (Math.abs(value) <= threshold ? 1 : 0), 0);
      kinks.push({ operation: "relu", near });
      return backend.relu(x);
    },
    maxPooling2d(x, window) {
      const threshold = error * largest(x);
      let near = 0;
      eachGap(x, window, (gap) => {
        if (gap <= threshold) near++;
      });
      kinks.push({ operation: "maxPooling2d", near });
      return backend.maxPooling2d(x, window);
    },
    conv2d(...args) {
      onProduct();
      return backend.conv2d(...args);
    },
    conv2dGradients(...args) {
      onProduct();
      return backend.conv2dGradients(...args);
    },
    dense(...args) {
      onProduct();
      return backend.dense(...args);
    },
    denseGradients(...args) {
      onProduct();
      return backend.denseGradients(...args);
    },
  };
  return { backend: watched, kinks };
}
