/** Fully connected layer: y[n, o] = bias[o] + Σ_i x[n, i]·kernel[i, o]. */
import type { KernelGradients, Wishes } from "./conv2d.js";
import { type NDArray, ndarray } from "./ndarray.js";
import { channelSums } from "./sums.js";

/** x [N, in], kernel [in, out], bias [out] → y [N, out]. */
export function dense(x: NDArray, kernel: NDArray, bias?: NDArray): NDArray {
  const [batch, inputs] = x.shape;
  const units = kernel.shape[1];
  const y = ndarray([batch, units]);
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < units; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = 0; i < inputs; i++) sum += x.data[n * inputs + i] * kernel.data[i * units + o];
      y.data[n * units + o] = sum;
    }
  }
  return y;
}

/** dX[n, i] = Σ_o dY[n, o]·kernel[i, o],  dKernel[i, o] = Σ_n x[n, i]·dY[n, o],  dBias[o] = Σ_n dY[n, o]. */
export function denseGradients(
  x: NDArray,
  kernel: NDArray,
  dY: NDArray,
  wishes: Wishes = { dX: true, dBias: true },
): KernelGradients {
  const [batch, inputs] = x.shape;
  const units = kernel.shape[1];
  const dX = ndarray(x.shape);
  const dKernel = ndarray(kernel.shape);
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < units; o++) {
        const slope = dY.data[n * units + o];
        dX.data[n * inputs + i] += slope * kernel.data[i * units + o];
        dKernel.data[i * units + o] += slope * x.data[n * inputs + i];
      }
    }
  }
  return { dX: wishes.dX ? dX : undefined, dKernel, dBias: wishes.dBias ? channelSums(dY) : undefined };
}
