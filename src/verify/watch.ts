/**
 * Looks on while a reference backend computes: counts the units that lie near a kink, and tells how far the work is.
 *
 * relu and max pooling are continuous, their gradients are not. A unit whose input lies within float32 error of relu's 0, or a
 * window whose two largest do of each other, may fall to either side; then single gradients differ by 1e-3 to 1e-1 of the
 * largest, and nobody is wrong.
 */
import type { Backend } from "../backend/backend.js";
import type { NDArray } from "../reference/ndarray.js";
import { type Window2D, windowGeometry } from "../shape.js";
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
      kinks.push({ operation: "maxPooling2d", near: nearTies(x, window, error * largest(x)) });
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

/**
 * Windows whose two largest differ by at most `threshold`. Not those whose largest is 0: zeros are what relu makes of negative
 * numbers, it has slope 0 there, and so it does not matter which of them the gradient goes to.
 */
function nearTies(x: NDArray, window: Window2D, threshold: number): number {
  const [N, H, W, C] = x.shape;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("maxPooling2d", H, W, window);
  let near = 0;
  for (let n = 0; n < N; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        const top = Math.max(i * window.strides[0] - padTop, 0);
        const left = Math.max(j * window.strides[1] - padLeft, 0);
        const bottom = Math.min(i * window.strides[0] - padTop + window.kernel[0], H);
        const right = Math.min(j * window.strides[1] - padLeft + window.kernel[1], W);
        for (let c = 0; c < C; c++) {
          let first = Number.NEGATIVE_INFINITY;
          let second = Number.NEGATIVE_INFINITY;
          for (let row = top; row < bottom; row++) {
            for (let column = left; column < right; column++) {
              const value = x.data[((n * H + row) * W + column) * C + c];
              if (value > first) {
                second = first;
                first = value;
              } else if (value > second) second = value;
            }
          }
          if (first !== 0 && first - second <= threshold) near++;
        }
      }
    }
  }
  return near;
}
