/** Average pooling, NHWC: the mean of each window's real elements; padding does not count. */
import { type Shape, type Window2D, windowGeometry } from "../shape.js";
import { type NDArray, ndarray } from "./ndarray.js";

/**
 * y[n, i, j, c] = Σ_window x / count, where count is the number of the window's elements inside the input.
 * @param x  [N, H, W, C]        @returns  [N, Ho, Wo, C]
 */
export function averagePooling2d(x: NDArray, window: Window2D): NDArray {
  const [N, H, W, C] = x.shape;
  const { outHeight, outWidth } = windowGeometry("averagePooling2d", H, W, window);
  const y = ndarray([N, outHeight, outWidth, C]);
  forEachWindow(x.shape, window, (out, elements) => {
    let sum = 0;
    for (const index of elements) sum += x.data[index];
    y.data[out] = sum / elements.length;
  });
  return y;
}

/**
 * y depends on each of the count elements with slope 1/count, so each gets dY/count. Where windows overlap, it adds.
 * @returns  dX, of shape xShape
 */
export function averagePooling2dGradient(dY: NDArray, xShape: Shape, window: Window2D): NDArray {
  const dX = ndarray(xShape);
  forEachWindow(xShape, window, (out, elements) => {
    for (const index of elements) dX.data[index] += dY.data[out] / elements.length;
  });
  return dX;
}

/** Calls `visit` for each output, in row-major order, with the indices of its window's real elements. */
function forEachWindow(
  [N, H, W, C]: Shape,
  window: Window2D,
  visit: (out: number, elements: readonly number[]) => void,
): void {
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("averagePooling2d", H, W, window);
  let out = 0;
  for (let n = 0; n < N; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let c = 0; c < C; c++) {
          const elements: number[] = [];
          for (let a = 0; a < kh; a++) {
            for (let b = 0; b < kw; b++) {
              const row = i * sh + a - padTop;
              const column = j * sw + b - padLeft;
              if (row < 0 || row >= H || column < 0 || column >= W) continue;
              elements.push(((n * H + row) * W + column) * C + c);
            }
          }
          visit(out++, elements);
        }
      }
    }
  }
}
