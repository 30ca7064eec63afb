/** Y = X₀ + X₁ + …, element by element. Each input has slope 1, so every dX is dY. */
import { mustBe, rejectUnknownKeys, ShapeError, show } from "../errors.js";
import { sameShape, sizeOf } from "../shape.js";
import type { Layer } from "./layer.js";

export const add: Layer = {
  kind: "add",
  title: "Add",
  joins: true,
  options(given) {
    rejectUnknownKeys("add", given, []);
    return {};
  },
  outputShape(inputs, _options, name) {
    if (inputs.length < 2) throw new ShapeError(mustBe(name, "inputs", "be at least two", inputs.length));
    const [first] = inputs;
    const other = inputs.find((shape) => !sameShape(shape, first));
    if (other) {
      throw new ShapeError(`${name}: inputs must have equal shapes; got ${show(first)} and ${show(other)}.`);
    }
    return first;
  },
  parameterSpecs() {
    return {};
  },
  forward(backend, xs) {
    return { y: xs.reduce((sum, x) => backend.add(sum, x)), cache: {} };
  },
  backward(_backend, dY, _parameters, _cache, _options, { dX, inputs }) {
    return { dXs: inputs.map(() => (dX ? dY : undefined)), parameters: {} };
  },
  flops(inputs) {
    return (inputs.length - 1) * sizeOf(inputs[0]);
  },
  receptiveField(field) {
    return field;
  },
};
