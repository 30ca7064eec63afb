/** Products and affine functions, element by element or channel by channel. */
import { type NDArray, ndarray } from "./ndarray.js";

/** y = a·b. */
export function multiply(a: NDArray, b: NDArray): NDArray {
  return ndarray(
    a.shape,
    a.data.map((value, i) => value * b.data[i]),
  );
}

/** y = factor·x + addend. */
export function affine(x: NDArray, factor: number, addend: number): NDArray {
  return ndarray(
    x.shape,
    x.data.map((value) => factor * value + addend),
  );
}

/** y[…, c] = x[…, c]·gain[c]. x [N, …, C], gain [C]. */
export function multiplyChannels(x: NDArray, gain: NDArray): NDArray {
  const [channels] = gain.shape;
  return ndarray(
    x.shape,
    x.data.map((value, i) => value * gain.data[i % channels]),
  );
}
