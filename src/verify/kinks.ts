/**
 * Watches where a network is not smooth: at relu's kink, and where two values of a pooling window tie. A unit close to one
 * may end on either side of it in float32, or under a finite difference, and then whole gradient entries differ, rightly.
 */
import type { Backend } from "../backend/backend.js";
import type { NDArray } from "../reference/ndarray.js";
import { type Window2D, windowGeometry } from "../shape.js";

export interface KinkWatch {
  readonly backend: Backend<NDArray>;
  /** The smallest |x| before a relu, and the smallest gap between a pooling window's two largest, so far. */
  readonly margin: () => number;
  /** A hash of which units are active and which elements won; equal when no kink lies between. */
  readonly pattern: () => number;
}

/** @param backend what computes; it is passed on to, and watched */
export function watchKinks(backend: Backend<NDArray>): KinkWatch {
  let margin = Number.POSITIVE_INFINITY;
  let pattern = 0x811c9dc5;
  const note = (word: number) => {
    pattern = Math.imul(pattern ^ word, 0x01000193); // FNV-1a, a word at a time
  };
  return {
    backend: {
      ...backend,
      relu(x) {
        for (const value of x.data) {
          margin = Math.min(margin, Math.abs(value));
          note(value > 0 ? 1 : 0);
        }
        return backend.relu(x);
      },
      maxPooling2d(x, window) {
        margin = Math.min(margin, smallestGap(x, window));
        const pooled = backend.maxPooling2d(x, window);
        pooled.argMax.data.forEach(note);
        return pooled;
      },
    },
    margin: () => margin,
    pattern: () => pattern,
  };
}

/** Ties at zero do not count: there the relu before the pooling lets no gradient through. */
function smallestGap(x: NDArray, window: Window2D): number {
  const [N, H, W, C] = x.shape;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("maxPooling2d", H, W, window);
  let smallest = Number.POSITIVE_INFINITY;
  for (let n = 0; n < N; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let c = 0; c < C; c++) {
          let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
          for (let a = 0; a < window.kernel[0]; a++) {
            for (let b = 0; b < window.kernel[1]; b++) {
              const [row, column] = [i * window.strides[0] + a - padTop, j * window.strides[1] + b - padLeft];
              if (row < 0 || row >= H || column < 0 || column >= W) continue;
              const value = x.data[((n * H + row) * W + column) * C + c];
              if (value > first) [first, second] = [value, first];
              else second = Math.max(second, value);
            }
          }
          if (first !== 0) smallest = Math.min(smallest, first - second);
        }
      }
    }
  }
  return smallest;
}
