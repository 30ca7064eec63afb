/** Sums over all axes but the last: what a bias gradient is. */
import { type NDArray, ndarray } from "./ndarray.js";

/** y[c] = Σ x[…, c]. x [N, …, C], y [C]. */
export function channelSums(x: NDArray): NDArray {
  const channels = x.shape[x.shape.length - 1];
  const y = ndarray([channels]);
  for (let i = 0; i < x.data.length; i++) y.data[i % channels] += x.data[i];
  return y;
}
