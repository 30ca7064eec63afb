/** Where branches meet: addition and concatenation; and reshape, which changes no value. */
import type { Shape } from "../shape.js";
import { type NDArray, ndarray } from "./ndarray.js";

export function add(a: NDArray, b: NDArray): NDArray {
  return { shape: a.shape, data: a.data.map((value, i) => value + b.data[i]) };
}

/** Along the last axis. */
export function concatenate(xs: readonly NDArray[]): NDArray {
  const channels = xs.map((x) => x.shape[x.shape.length - 1]);
  const total = channels.reduce((sum, count) => sum + count, 0);
  const y = ndarray([...xs[0].shape.slice(0, -1), total]);
  let offset = 0;
  xs.forEach((x, k) => {
    for (let i = 0; i < x.data.length; i++) {
      const position = Math.floor(i / channels[k]);
      y.data[position * total + offset + (i % channels[k])] = x.data[i];
    }
    offset += channels[k];
  });
  return y;
}

/** Takes dY apart again: dX_k has the values of its `sizes[k]` channels. */
export function concatenateGradient(dY: NDArray, sizes: readonly number[]): NDArray[] {
  const total = dY.shape[dY.shape.length - 1];
  let offset = 0;
  return sizes.map((size) => {
    const dX = ndarray([...dY.shape.slice(0, -1), size]);
    for (let i = 0; i < dX.data.length; i++) {
      dX.data[i] = dY.data[Math.floor(i / size) * total + offset + (i % size)];
    }
    offset += size;
    return dX;
  });
}

export function reshape(x: NDArray, shape: Shape): NDArray {
  return ndarray(shape, x.data);
}
