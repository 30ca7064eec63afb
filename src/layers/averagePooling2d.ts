/**
 * Average pooling, NHWC: each output is the mean of its window's elements inside the input; padding does not count.
 *   y[n, i, j, c] = Σ_{a, b} x[n, i·sh + a − padTop, j·sw + b − padLeft, c] / count(i, j)
 * Backward: y is linear in x, with slope 1/count in each element of the window, so
 *   dX[each element of the window] += dY/count; where windows overlap, it adds.
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

export type AveragePooling2DOptions = PoolingOptions;

export const averagePooling2d: Layer<AveragePooling2DOptions> = {
  kind: "average_pooling2d",
  title: "AveragePooling2D",
  options: (given) => poolingOptions("averagePooling2d", given),
  outputShape: pooledShape,
  parameterSpecs: () => ({}),
  forward(backend, [x], _parameters, options) {
    return { y: backend.averagePooling2d(x, poolingWindow(options)), cache: {} };
  },
  backward(backend, dY, _parameters, _cache, options, { dX: wanted, inputs: [input] }) {
    if (!wanted) return { dXs: [undefined], parameters: {} };
    const xShape = [dY.shape[0], ...input];
    return {
      dXs: [backend.averagePooling2dGradient(dY, xShape, poolingWindow(options))],
      parameters: {},
    };
  },
  flops: poolingFlops,
  receptiveField: pooledField,
};
