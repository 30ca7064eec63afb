/** Where a network's examples come in: gives the other layers their first shape, and passes its one tensor on. */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import type { Shape } from "../shape.js";
import type { Layer } from "./layer.js";

export interface InputOptions {
  /** One example's: no batch axis. */
  readonly shape: Shape;
}

export const input: Layer<InputOptions> = {
  kind: "input",
  title: "InputLayer",
  options(given) {
    rejectUnknownKeys("input", given, ["shape"]);
    const { shape } = given as { shape?: unknown };
    const isSize = (size: unknown): size is number => Number.isInteger(size) && (size as number) > 0;
    if (!Array.isArray(shape) || shape.length === 0 || !shape.every(isSize)) {
      throw new OptionError(mustBe("input", "shape", "be a list of positive integers", shape));
    }
    return { shape: [...shape] };
  },
  outputShape(_inputs, { shape }) {
    return shape;
  },
  parameterSpecs() {
    return {};
  },
  forward(_backend, [x]) {
    return { y: x, cache: {} };
  },
  /** Nothing feeds it. */
  backward() {
    return { dXs: [], parameters: {} };
  },
  flops() {
    return 0;
  },
  receptiveField(field) {
    return field;
  },
};
