/** Max pooling, NHWC: y[n, i, j, c] = max over the window of x; padding is never seen. */
import { type Shape, type Window2D, windowGeometry } from "../shape.js";
import { type NDArray, ndarray } from "./ndarray.js";

/**
 * The largest value of each window, and where it was found.
 * Ties go to the first maximum in row-major order. A NaN in the window wins, the first one if there are several.
 * @param x  [N, H, W, C]
 * @returns  y [N, Ho, Wo, C]; argMax likewise, the flat index of that value within its image [H, W, C]
 */
export function maxPooling2d(x: NDArray, window: Window2D): { y: NDArray; argMax: NDArray } {
  const [N, H, W, C] = x.shape;
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("maxPooling2d", H, W, window);
  const y = ndarray([N, outHeight, outWidth, C]);
  const argMax = ndarray(y.shape);
  let out = 0;
  for (let n = 0; n < N; n++) {
    const image = n * H * W * C;
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let c = 0; c < C; c++) {
          let best = Number.NEGATIVE_INFINITY;
          let at = -1;
          for (let a = 0; a < kh; a++) {
            for (let b = 0; b < kw; b++) {
              const row = i * sh + a - padTop;
              const column = j * sw + b - padLeft;
              if (row < 0 || row >= H || column < 0 || column >= W) continue;
              const index = (row * W + column) * C + c;
              const value = x.data[image + index];
              // at < 0: the window's first real element counts whatever it is, even -Infinity.
              if (at < 0 || value > best || (Number.isNaN(value) && !Number.isNaN(best))) {
                best = value;
                at = index;
              }
            }
          }
          y.data[out] = best;
          argMax.data[out++] = at;
        }
      }
    }
  }
  return { y, argMax };
}

/**
 * y copies one element of x, so that element gets all of dY, and the others none. Where windows overlap, it adds.
 * @param argMax  what maxPooling2d returned, [N, Ho, Wo, C]
 * @returns  dX, of shape xShape
 */
export function maxPooling2dGradient(
  argMax: NDArray,
  dY: NDArray,
  xShape: Shape,
  _window: Window2D,
): NDArray {
  const dX = ndarray(xShape);
  const [N, H, W, C] = xShape;
  const outputs = dY.data.length / N; // of one image
  for (let k = 0; k < dY.data.length; k++) {
    const n = Math.floor(k / outputs);
    dX.data[n * H * W * C + argMax.data[k]] += dY.data[k];
  }
  return dX;
}
