/** Joins branches by addition, y = Σ x_i, as a residual block does. Each branch gets the whole gradient: dX_i = dY. */
import { rejectUnknownKeys, ShapeError, show } from "../errors.js";
import { sameShape, sizeOf } from "../shape.js";
import type { Layer } from "./layer.js";

export const add: Layer = {
  kind: "add",
  title: "Add",

  options(given) {
    rejectUnknownKeys("add", given, []);
    return {};
  },

  outputShape(inputs, _options, name) {
    const [first, ...others] = inputs;
    if (others.length === 0)
      throw new ShapeError(`${name}: inputs must be at least two; got one, ${show(first)}.`);
    for (const other of others) {
      if (!sameShape(first, other)) {
        throw new ShapeError(
          `${name}: inputs must have equal shapes; got ${show(first)} and ${show(other)}.`,
        );
      }
    }
    return first;
  },

  parameterSpecs: () => ({}),

  forward(backend, xs) {
    return { y: xs.reduce((sum, x) => backend.add(sum, x)), cache: {} };
  },

  backward(_backend, dY, _parameters, _cache, _options, { inputs }) {
    return { dXs: inputs.map(() => dY), parameters: {} };
  },

  flops: (inputs) => (inputs.length - 1) * sizeOf(inputs[0]),
  receptiveField: (field) => field,
};
