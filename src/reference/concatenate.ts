/** Joining along the last axis, and taking a gradient apart again. */
import { type NDArray, ndarray } from "./ndarray.js";

const channelsOf = (x: NDArray): number => x.shape[x.shape.length - 1];

/** Row by row: the channels of x₀, then those of x₁, … */
export function concatenate(xs: readonly NDArray[]): NDArray {
  const total = xs.reduce((sum, x) => sum + channelsOf(x), 0);
  const y = ndarray([...xs[0].shape.slice(0, -1), total]);
  let first = 0;
  for (const x of xs) {
    const channels = channelsOf(x);
    x.data.forEach((value, i) => {
      y.data[Math.floor(i / channels) * total + first + (i % channels)] = value;
    });
    first += channels;
  }
  return y;
}

/** Each x went into y unchanged, so its dX is its own channels of dY. */
export function concatenateGradient(dY: NDArray, sizes: readonly number[]): NDArray[] {
  const total = channelsOf(dY);
  let first = 0;
  return sizes.map((channels) => {
    const dX = ndarray([...dY.shape.slice(0, -1), channels]);
    for (let i = 0; i < dX.data.length; i++) {
      dX.data[i] = dY.data[Math.floor(i / channels) * total + first + (i % channels)];
    }
    first += channels;
    return dX;
  });
}
