/**
 * The textbook: every kernel in float64, as plain functions on arrays. Public as `cbapd/reference`.
 * Arrays are { shape, data: Float64Array } in row-major order: `ndarray([2, 3], [1, 2, 3, 4, 5, 6])`.
 */
import { type Padding, type Pair, toPair, type Window2D } from "../shape.js";
import * as average from "./averagePooling2d.js";
import * as convolution from "./conv2d.js";
import * as maximum from "./maxPooling2d.js";
import type { NDArray } from "./ndarray.js";

export interface ConvolutionOptions {
  readonly strides?: number | Pair; // 1
  readonly padding?: Padding; // "valid"
}

export interface PoolingOptions {
  readonly poolSize?: number | Pair; // 2
  readonly strides?: number | Pair; // poolSize
  readonly padding?: Padding; // "valid"
}

/** x [N, H, W, C], kernel [kh, kw, C, F], bias [F] → [N, Ho, Wo, F]. @throws OptionError, ShapeError */
export function conv2d(
  x: NDArray,
  kernel: NDArray,
  bias?: NDArray,
  options: ConvolutionOptions = {},
): NDArray {
  return convolution.conv2d(x, kernel, bias, convolutionWindow(kernel, options));
}

/** Gradients of conv2d for the upstream gradient dY [N, Ho, Wo, F]: dX, dKernel, dBias. */
export function conv2dGradients(
  x: NDArray,
  kernel: NDArray,
  dY: NDArray,
  options: ConvolutionOptions = {},
): convolution.KernelGradients {
  return convolution.conv2dGradients(x, kernel, dY, convolutionWindow(kernel, options));
}

/** y, and argMax for the gradient. Ties go to the first maximum in row-major order. */
export function maxPooling2d(x: NDArray, options: PoolingOptions = {}): { y: NDArray; argMax: NDArray } {
  return maximum.maxPooling2d(x, poolingWindow("maxPooling2d", options));
}

/** dX of shape `xShape`; argMax as maxPooling2d returned it. */
export function maxPooling2dGradient(
  argMax: NDArray,
  dY: NDArray,
  xShape: readonly number[],
  options: PoolingOptions = {},
): NDArray {
  return maximum.maxPooling2dGradient(argMax, dY, xShape, poolingWindow("maxPooling2d", options));
}

/** Divides by the number of real elements: padding does not count. */
export function averagePooling2d(x: NDArray, options: PoolingOptions = {}): NDArray {
  return average.averagePooling2d(x, poolingWindow("averagePooling2d", options));
}

export function averagePooling2dGradient(
  dY: NDArray,
  xShape: readonly number[],
  options: PoolingOptions = {},
): NDArray {
  return average.averagePooling2dGradient(dY, xShape, poolingWindow("averagePooling2d", options));
}

function convolutionWindow(
  kernel: NDArray,
  { strides = 1, padding = "valid" }: ConvolutionOptions,
): Window2D {
  return {
    kernel: [kernel.shape[0], kernel.shape[1]],
    strides: toPair("conv2d", "strides", strides),
    padding,
  };
}

function poolingWindow(
  where: string,
  { poolSize = 2, strides = poolSize, padding = "valid" }: PoolingOptions,
): Window2D {
  return { kernel: toPair(where, "poolSize", poolSize), strides: toPair(where, "strides", strides), padding };
}

export * from "./activation.js";
export * from "./add.js";
export * from "./augmentation.js";
export * from "./batchNormalization.js";
export * from "./clip.js";
export * from "./concatenate.js";
export type { KernelGradients } from "./conv2d.js";
export * from "./crossEntropy.js";
export * from "./dense.js";
export * from "./dropout.js";
export * from "./globalAveragePooling2d.js";
export * from "./l2.js";
export * from "./leakyReLU.js";
export * from "./metrics.js";
export * from "./mix.js";
export * from "./ndarray.js";
export * from "./optimizer.js";
export * from "./reshape.js";
export * from "./sums.js";
