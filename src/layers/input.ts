/** Where a network's data enters: names the shape of one example. */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import type { Shape } from "../shape.js";
import type { Layer } from "./layer.js";

export interface InputOptions {
  /** [H, W, C] or [features], without the batch axis. */
  readonly shape: Shape;
}

export const input: Layer<InputOptions> = {
  kind: "input",
  title: "InputLayer",

  options(given) {
    rejectUnknownKeys("input", given, ["shape"]);
    const { shape } = given as InputOptions;
    const valid =
      Array.isArray(shape) &&
      (shape.length === 1 || shape.length === 3) &&
      shape.every((size) => Number.isInteger(size) && size > 0);
    if (!valid) {
      const rule = "be [height, width, channels] or [features], positive integers without the batch axis";
      throw new OptionError(mustBe("input", "shape", rule, shape));
    }
    return { shape };
  },

  outputShape: (_inputs, { shape }) => shape,
  parameterSpecs: () => ({}),
  forward: (_backend, [x]) => ({ y: x, cache: {} }),
  backward: (_backend, dY) => ({ dXs: [dY], parameters: {} }),
  flops: () => 0,
  receptiveField: (field) => field,
};
