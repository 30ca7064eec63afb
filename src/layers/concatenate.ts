/**
 * Y = [X₀ | X₁ | …] along the last axis.
 * Backward: each input went into Y unchanged, so dXᵢ is its own channels of dY.
 */
import { mustBe, rejectUnknownKeys, ShapeError, show } from "../errors.js";
import { type Shape, sameShape } from "../shape.js";
import type { Layer } from "./layer.js";

const channelsOf = (shape: Shape): number => shape[shape.length - 1];
const withoutChannels = (shape: Shape): Shape => shape.slice(0, -1);

export const concatenate: Layer = {
  kind: "concatenate",
  title: "Concatenate",
  joins: true,
  options(given) {
    rejectUnknownKeys("concatenate", given, []);
    return {};
  },
  outputShape(inputs, _options, name) {
    if (inputs.length < 2) throw new ShapeError(mustBe(name, "inputs", "be at least two", inputs.length));
    const [first] = inputs;
    const other = inputs.find((shape) => !sameShape(withoutChannels(shape), withoutChannels(first)));
    if (other) {
      throw new ShapeError(
        `${name}: inputs must have equal shapes but for the last axis; got ${show(first)} and ${show(other)}.`,
      );
    }
    return [...withoutChannels(first), inputs.reduce((sum, shape) => sum + channelsOf(shape), 0)];
  },
  parameterSpecs() {
    return {};
  },
  forward(backend, xs) {
    return { y: backend.concatenate(xs), cache: {} };
  },
  backward(backend, dY, _parameters, _cache, _options, { dX, inputs }) {
    const dXs = dX ? backend.concatenateGradient(dY, inputs.map(channelsOf)) : inputs.map(() => undefined);
    return { dXs, parameters: {} };
  },
  flops() {
    return 0;
  },
  receptiveField(field) {
    return field;
  },
};
