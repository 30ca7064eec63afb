/** Global average pooling: the mean of each channel over height and width. */
import type { Shape } from "../shape.js";
import { type NDArray, ndarray } from "./ndarray.js";

/** y[n, c] = Σ_{h, w} x[n, h, w, c] / (H·W).  @param x  [N, H, W, C]  @returns  [N, C] */
export function globalAveragePooling2d(x: NDArray): NDArray {
  const [N, H, W, C] = x.shape;
  const y = ndarray([N, C]);
  for (let n = 0; n < N; n++) {
    for (let position = 0; position < H * W; position++) {
      for (let c = 0; c < C; c++) y.data[n * C + c] += x.data[(n * H * W + position) * C + c];
    }
  }
  for (let k = 0; k < y.data.length; k++) y.data[k] /= H * W;
  return y;
}

/** Every element of a channel has slope 1/(H·W): dX[n, h, w, c] = dY[n, c] / (H·W). */
export function globalAveragePooling2dGradient(dY: NDArray, xShape: Shape): NDArray {
  const [N, H, W, C] = xShape;
  const dX = ndarray(xShape);
  for (let n = 0; n < N; n++) {
    for (let position = 0; position < H * W; position++) {
      for (let c = 0; c < C; c++) dX.data[(n * H * W + position) * C + c] = dY.data[n * C + c] / (H * W);
    }
  }
  return dX;
}
