/**
 * Global average pooling: the mean of each channel over height and width, [N, H, W, C] → [N, C].
 *   y[n, c] = Σ_{h, w} x[n, h, w, c] / (H·W)
 * Backward: every element has slope 1/(H·W), so dX[n, h, w, c] = dY[n, c]/(H·W).
 */
import { rejectUnknownKeys } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { Layer } from "./layer.js";
import { imageShape } from "./pooling.js";

/** It has none. */
export type GlobalAveragePooling2DOptions = Readonly<Record<string, never>>;

export const globalAveragePooling2d: Layer<GlobalAveragePooling2DOptions> = {
  kind: "global_average_pooling2d",
  title: "GlobalAveragePooling2D",
  options(given) {
    rejectUnknownKeys("globalAveragePooling2d", given, []);
    return {};
  },
  outputShape(inputs, _options, name) {
    return [imageShape(inputs, name)[2]];
  },
  parameterSpecs: () => ({}),
  forward(backend, [x]) {
    return { y: backend.globalAveragePooling2d(x), cache: {} };
  },
  backward(backend, dY, _parameters, _cache, _options, { dX: wanted, inputs: [input] }) {
    if (!wanted) return { dXs: [undefined], parameters: {} };
    return {
      dXs: [backend.globalAveragePooling2dGradient(dY, [dY.shape[0], ...input])],
      parameters: {},
    };
  },
  flops(inputs) {
    return sizeOf(inputs[0]);
  },
  /** A unit sees the whole input, whatever its size: Infinity, as no input shape is known here. */
  receptiveField({ jump }) {
    return { size: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], jump };
  },
};
