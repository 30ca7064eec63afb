/** The leaky rectifier, and its gradient from the output y. */
import { type NDArray, ndarray } from "./ndarray.js";

/** y = x < 0 ? alpha·x : x. NaN stays NaN.  @param alpha  ≥ 0 */
export function leakyReLU({ shape, data }: NDArray, alpha: number): NDArray {
  return ndarray(
    shape,
    data.map((x) => (x < 0 ? alpha * x : x)),
  );
}

/** y is above 0 exactly where x is, so dX = y > 0 ? dY : alpha·dY. The slope at 0 is alpha. */
export function leakyReLUGradient(y: NDArray, dY: NDArray, alpha: number): NDArray {
  return ndarray(
    y.shape,
    dY.data.map((d, i) => (y.data[i] > 0 ? d : alpha * d)),
  );
}
