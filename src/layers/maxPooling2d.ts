/**
 * y = the largest value in each window; ties go to the first in row-major order.
 * Backward: y is a copy of one input, so dY goes to that input, argMax, and adds where windows overlap.
 */
import type { Layer } from "./layer.js";
import {
  type PoolingOptions,
  poolingOptions,
  poolingOutputShape,
  poolingReceptiveField,
  poolingWindow,
} from "./pooling.js";

export const maxPooling2d: Layer<PoolingOptions> = {
  kind: "max_pooling2d",
  title: "MaxPooling2D",
  options: (given) => poolingOptions("maxPooling2d", given),
  outputShape: poolingOutputShape,
  parameterSpecs: () => ({}),

  forward(backend, [x], _parameters, options) {
    const { y, argMax } = backend.maxPooling2d(x, poolingWindow(options));
    return { y, cache: { argMax } };
  },

  backward(backend, dY, _parameters, { argMax }, options, { inputs }) {
    const xShape = [dY.shape[0], ...inputs[0]];
    return {
      dXs: [backend.maxPooling2dGradient(argMax, dY, xShape, poolingWindow(options))],
      parameters: {},
    };
  },

  flops: () => 0,
  receptiveField: poolingReceptiveField,
};
