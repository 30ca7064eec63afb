/** Sums over all axes but the last. */
import { type NDArray, ndarray } from "./ndarray.js";

/** x [..., C] → [C]. A bias is added to every position, so its gradient is the sum over them. */
export function channelSums(x: NDArray): NDArray {
  const channels = x.shape[x.shape.length - 1];
  const sums = ndarray([channels]);
  for (let i = 0; i < x.data.length; i++) sums.data[i % channels] += x.data[i];
  return sums;
}
