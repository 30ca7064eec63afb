/** Convolution of stride 1 and its gradients by direct float64 sums, and what Winograd's transforms do to roundings. */
import { type Padding, type Shape, sizeOf, type Window2D, windowGeometry } from "../../src/shape.js";
import { randomValues } from "./arrays.js";

export interface ConvolutionCase {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly f: number;
  readonly padding: Padding;
  /** Side of the kernel; default 3. */
  readonly k?: number;
}

export const windowOf = ({ padding, k = 3 }: ConvolutionCase): Window2D => ({
  kernel: [k, k],
  strides: [1, 1],
  padding,
});

/** float32 inputs of a case, and its results by direct float64 sums. */
export function convolutionSums(test: ConvolutionCase) {
  const { n, h, w, c, f, k = 3 } = test;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("conv2d", h, w, windowOf(test));
  const values = (shape: Shape, seed: number) => randomValues(sizeOf(shape), seed);
  const x = values([n, h, w, c], 1);
  const kernel = values([k, k, c, f], 2);
  const bias = values([f], 3);
  const dY = values([n, outHeight, outWidth, f], 4);
  const y = new Float64Array(dY.length);
  const dX = new Float64Array(x.length);
  const dKernel = new Float64Array(kernel.length);
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        const at = ((image * outHeight + i) * outWidth + j) * f;
        for (let q = 0; q < f; q++) y[at + q] = bias[q];
        for (let tap = 0; tap < k * k; tap++) {
          const row = i + Math.floor(tap / k) - padTop;
          const column = j + (tap % k) - padLeft;
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          const pixel = ((image * h + row) * w + column) * c;
          for (let p = 0; p < c; p++) {
            const weights = (tap * c + p) * f;
            let sum = 0;
            for (let q = 0; q < f; q++) {
              y[at + q] += x[pixel + p] * kernel[weights + q];
              dKernel[weights + q] += x[pixel + p] * dY[at + q];
              sum += dY[at + q] * kernel[weights + q];
            }
            dX[pixel + p] += sum;
          }
        }
      }
    }
  }
  return { x, kernel, bias, dY, y, dX, dKernel, outHeight, outWidth };
}

/**
 * By how much Winograd's transforms amplify rounding against a direct sum. With independent inputs of variance 1, product i
 * has variance Σ_k left_ik²·Σ_k right_ik² for each channel; output r adds them with weights outer_ri², where a direct sum
 * has `terms`. So an error relative to the products appears in output r larger by √(Σ_i outer_ri²·left_i²·right_i² / terms);
 * in two dimensions alike by the square of that. The worst r counts.
 */
export function amplification(outer: number[][], left: number[][], right: number[][], terms: number): number {
  const square = (row: number[]) => row.reduce((sum, value) => sum + value * value, 0);
  const rows = outer.map((row) =>
    row.reduce((sum, value, i) => sum + value * value * square(left[i]) * square(right[i]), 0),
  );
  return Math.max(...rows) / terms;
}

export const transpose = (m: number[][]) => m[0].map((_, j) => m.map((row) => row[j]));

/** m·v. */
export const times = (m: number[][], v: ArrayLike<number>) =>
  m.map((row) => row.reduce((sum, value, k) => sum + value * v[k], 0));
