/** Dropout: an element is kept with probability 1 − rate and then divided by it, so that its mean stays. */
import { Purpose, philox } from "../random.js";
import { type NDArray, ndarray } from "./ndarray.js";

export interface ReferenceDropout {
  /** mask: 1 where an element was kept, else 0. */
  dropout(x: NDArray, rate: number, stream: number): { y: NDArray; mask: NDArray };
  dropoutGradient(mask: NDArray, dY: NDArray, rate: number): NDArray;
}

/**
 * Dropout at one training step. Which elements fall is a function of seed, step, stream (the layer), image and element:
 * element e of image n is kept when lane e mod 4 of philox(⌊e/4⌋, n, step, stream; seed, Purpose.Dropout) ≥ ⌊rate·2³²⌋.
 */
export function referenceDropout(seed: number, step: number): ReferenceDropout {
  function dropoutGradient(mask: NDArray, dY: NDArray, rate: number): NDArray {
    return ndarray(
      dY.shape,
      dY.data.map((d, i) => (mask.data[i] ? d / (1 - rate) : 0)),
    );
  }
  return {
    dropoutGradient,
    dropout(x, rate, stream) {
      const size = x.data.length / x.shape[0];
      const threshold = Math.floor(rate * 2 ** 32);
      const mask = ndarray(x.shape);
      for (let i = 0; i < x.data.length; i++) {
        const n = Math.floor(i / size);
        const e = i % size;
        const words = philox(Math.floor(e / 4), n, step, stream, seed, Purpose.Dropout);
        mask.data[i] = words[e % 4] >= threshold ? 1 : 0;
      }
      // y is linear in x, with the mask as its slope: forward and backward are the same function.
      return { y: dropoutGradient(mask, x, rate), mask };
    },
  };
}
