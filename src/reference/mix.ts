/** Softer training data: mixup and label smoothing. */
import { type NDArray, ndarray } from "./ndarray.js";

/**
 * λ·x[n] + (1 − λ)·x[n + 1] along the first axis, the last with the first: of images, and of labels [N, K] likewise.
 * Source: Zhang et al. 2018, arXiv:1710.09412.
 */
export function mix(x: NDArray, lambda: number): NDArray {
  const size = x.data.length / x.shape[0];
  return ndarray(
    x.shape,
    x.data.map((value, i) => lambda * value + (1 - lambda) * x.data[(i + size) % x.data.length]),
  );
}

/** (1 − s)·label + s/K. labels [N, K]. Source: Szegedy et al. 2016, arXiv:1512.00567, section 7. */
export function smoothLabels(labels: NDArray, smoothing: number): NDArray {
  const [, K] = labels.shape;
  return ndarray(
    labels.shape,
    labels.data.map((label) => (1 - smoothing) * label + smoothing / K),
  );
}
