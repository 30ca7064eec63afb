/** [N, H, W, C] → [N, H·W·C], the values as they lie in memory. Backward gives dY the input's shape again. */
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
  outputShape([input]) {
    return [sizeOf(input)];
  },
  parameterSpecs() {
    return {};
  },
  forward(backend, [x]) {
    const [images, ...rest] = x.shape;
    return { y: backend.reshape(x, [images, sizeOf(rest)]), cache: {} };
  },
  backward(backend, dY, _parameters, _cache, _options, { dX, inputs }) {
    const dXs = [dX ? backend.reshape(dY, [dY.shape[0], ...inputs[0]]) : undefined];
    return { dXs, parameters: {} };
  },
  flops() {
    return 0;
  },
  receptiveField(field) {
    return field;
  },
};
