/** y = the mean of each channel over the whole image, [H, W, C] → [C]. Backward: dX = dY/(H·W) everywhere. */
import { rejectUnknownKeys } from "../errors.js";
import { sizeOf } from "../shape.js";
import { inputOfRank } from "./checks.js";
import type { Layer } from "./layer.js";

export const globalAveragePooling2d: Layer = {
  kind: "global_average_pooling2d",
  title: "GlobalAveragePooling2D",

  options(given) {
    rejectUnknownKeys("globalAveragePooling2d", given, []);
    return {};
  },

  outputShape(inputs, _options, name) {
    return [inputOfRank(name, inputs, 3)[2]];
  },

  parameterSpecs: () => ({}),

  forward(backend, [x]) {
    return { y: backend.globalAveragePooling2d(x), cache: {} };
  },

  backward(backend, dY, _parameters, _cache, _options, { inputs }) {
    return { dXs: [backend.globalAveragePooling2dGradient(dY, [dY.shape[0], ...inputs[0]])], parameters: {} };
  },

  flops: ([input]) => sizeOf(input) + input[2],
  /** One unit sees everything; no neighbours remain. */
  receptiveField: () => ({
    size: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    jump: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  }),
};
