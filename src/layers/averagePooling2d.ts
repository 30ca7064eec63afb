/**
 * y = the mean of each window's real elements: padding does not count.
 * Backward: each of a window's n elements had the share 1/n, so dX += dY/n for each of them.
 */
import { sizeOf } from "../shape.js";
import type { Layer } from "./layer.js";
import {
  type PoolingOptions,
  poolingOptions,
  poolingOutputShape,
  poolingReceptiveField,
  poolingWindow,
} from "./pooling.js";

export const averagePooling2d: Layer<PoolingOptions> = {
  kind: "average_pooling2d",
  title: "AveragePooling2D",
  options: (given) => poolingOptions("averagePooling2d", given),
  outputShape: poolingOutputShape,
  parameterSpecs: () => ({}),

  forward(backend, [x], _parameters, options) {
    return { y: backend.averagePooling2d(x, poolingWindow(options)), cache: {} };
  },

  backward(backend, dY, _parameters, _cache, options, { inputs }) {
    const xShape = [dY.shape[0], ...inputs[0]];
    return { dXs: [backend.averagePooling2dGradient(dY, xShape, poolingWindow(options))], parameters: {} };
  },

  /** An addition for each element of each window, and a division. */
  flops(inputs, options) {
    const outputs = sizeOf(poolingOutputShape(inputs, options, "averagePooling2d"));
    return outputs * (options.poolSize[0] * options.poolSize[1] + 1);
  },

  receptiveField: poolingReceptiveField,
};
