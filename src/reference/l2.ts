/** L2 regularisation: the penalty rate·Σw², which pulls weights towards 0. Keras' `l2(rate)`, without the ½. */
import { type NDArray, ndarray } from "./ndarray.js";

/** In place, the penalty's gradient: d(rate·Σw²)/dw = 2·rate·w. */
export function addL2Gradient(dKernel: NDArray, kernel: NDArray, rate: number): void {
  for (let k = 0; k < kernel.data.length; k++) dKernel.data[k] += 2 * rate * kernel.data[k];
}

/** rate·Σw², a scalar. */
export function l2(kernel: NDArray, rate: number): NDArray {
  return ndarray([], [rate * kernel.data.reduce((sum, w) => sum + w * w, 0)]);
}
