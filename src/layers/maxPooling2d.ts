/**
 * Max pooling, NHWC: each output copies the largest element of its window.
 *   y[n, i, j, c] = max_{a, b} x[n, i·sh + a − padTop, j·sw + b − padLeft, c], over positions inside x
 * Backward: y has slope 1 in the element that it copies and 0 in all others, so
 *   dX[argMax] += dY; where windows overlap, it adds.
 * Ties go to the first maximum in row-major order.
 */
import type { Layer } from "./layer.js";
import {
  type PoolingOptions,
  pooledField,
  pooledShape,
  poolingFlops,
  poolingOptions,
  poolingWindow,
} from "./pooling.js";

export type MaxPooling2DOptions = PoolingOptions;

export const maxPooling2d: Layer<MaxPooling2DOptions> = {
  kind: "max_pooling2d",
  title: "MaxPooling2D",
  options: (given) => poolingOptions("maxPooling2d", given),
  outputShape: pooledShape,
  parameterSpecs: () => ({}),
  forward(backend, [x], _parameters, options) {
    const { y, argMax } = backend.maxPooling2d(x, poolingWindow(options));
    return { y, cache: { argMax } };
  },
  backward(backend, dY, _parameters, { argMax }, options, { dX: wanted, inputs: [input] }) {
    if (!wanted) return { dXs: [undefined], parameters: {} };
    const xShape = [dY.shape[0], ...input];
    const dX = backend.maxPooling2dGradient(argMax, dY, xShape, poolingWindow(options));
    return { dXs: [dX], parameters: {} };
  },
  flops: poolingFlops,
  receptiveField: pooledField,
};
