/** [N, H, W, C] → [N, H·W·C], row-major: the same values in another shape, forward and backward. */
import { rejectUnknownKeys } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { Layer } from "./layer.js";

export const flatten: Layer = {
  kind: "flatten",
  title: "Flatten",

  options(given) {
    rejectUnknownKeys("flatten", given, []);
    return {};
  },

  outputShape: ([input]) => [sizeOf(input)],
  parameterSpecs: () => ({}),

  forward(backend, [x]) {
    return { y: backend.reshape(x, [x.shape[0], sizeOf(x.shape.slice(1))]), cache: {} };
  },

  backward(backend, dY, _parameters, _cache, _options, { inputs }) {
    return { dXs: [backend.reshape(dY, [dY.shape[0], ...inputs[0]])], parameters: {} };
  },

  flops: () => 0,
  receptiveField: (field) => field,
};
