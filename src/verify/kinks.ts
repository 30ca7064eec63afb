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
        eachGap(x, window, (gap) => {
          margin = Math.min(margin, gap);
        });
        const pooled = backend.maxPooling2d(x, window);
        pooled.argMax.data.forEach(note);
        return pooled;
      },
    },
    margin: () => margin,
    pattern: () => pattern,
  };
}

/**
 * The gap between the two largest of each pooling window. Not of those whose largest is 0: zeros are what relu makes of negative
 * numbers, it has slope 0 there, and so it does not matter which of them the gradient goes to.
 */
export function eachGap(x: NDArray, window: Window2D, visit: (gap: number) => void): void {
  const [N, H, W, C] = x.shape;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("maxPooling2d", H, W, window);
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
              } else second = Math.max(second, value);
            }
          }
          if (first !== 0) visit(first - second);
        }
      }
    }
  }
}
