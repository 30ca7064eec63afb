/** Joins branches along the channels, as an inception block does. Backward takes dY apart at the same places. */
import { rejectUnknownKeys, ShapeError, show } from "../errors.js";
import { sameShape } from "../shape.js";
import type { Layer } from "./layer.js";

export const concatenate: Layer = {
  kind: "concatenate",
  title: "Concatenate",

  options(given) {
    rejectUnknownKeys("concatenate", given, []);
    return {};
  },

  outputShape(inputs, _options, name) {
    const [first, ...others] = inputs;
    if (others.length === 0)
      throw new ShapeError(`${name}: inputs must be at least two; got one, ${show(first)}.`);
    for (const other of others) {
      if (!sameShape(first.slice(0, -1), other.slice(0, -1))) {
        throw new ShapeError(
          `${name}: inputs must have equal shapes but for the last axis; got ${show(first)} and ${show(other)}.`,
        );
      }
    }
    return [...first.slice(0, -1), inputs.reduce((sum, shape) => sum + shape[shape.length - 1], 0)];
  },

  parameterSpecs: () => ({}),

  forward(backend, xs) {
    return { y: backend.concatenate(xs), cache: {} };
  },

  backward(backend, dY, _parameters, _cache, _options, { inputs }) {
    const sizes = inputs.map((shape) => shape[shape.length - 1]);
    return { dXs: backend.concatenateGradient(dY, sizes), parameters: {} };
  },

  flops: () => 0,
  receptiveField: (field) => field,
};
