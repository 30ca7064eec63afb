/** Layers that move numbers, join them, or leave some out. */
import fc from "fast-check";
import { add as addLayer } from "../../layers/add.js";
import { concatenate as concatenateLayer } from "../../layers/concatenate.js";
import { dropout as dropoutLayer } from "../../layers/dropout.js";
import { flatten as flattenLayer } from "../../layers/flatten.js";
import { exact, type LayerDescription, ROUNDOFF, randomLayerValues } from "../description.js";
import { largest } from "../values.js";
import { sizeUpTo } from "./arbitraries.js";

export const flatten: LayerDescription = {
  name: "flatten",
  cases: ({ batch, size, channels }) =>
    fc
      .record({ input: fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels)), batch: sizeUpTo(batch) })
      .map(({ input, batch }) => ({
        layer: flattenLayer,
        options: {},
        inputs: [input],
        batch,
        training: true,
      })),
  values: randomLayerValues,
  tolerances: exact,
};

export const dropout: LayerDescription = {
  name: "dropout",
  cases: ({ batch, size, channels }) =>
    fc
      .record({
        input: fc.oneof(
          fc.tuple(sizeUpTo(size * channels)),
          fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels)),
        ),
        rate: fc.constantFrom(0, 0.2, 0.5, 0.9),
        batch: sizeUpTo(batch),
      })
      .map(({ input, rate, batch }) => ({
        layer: dropoutLayer,
        options: dropoutLayer.options({ rate }),
        inputs: [input],
        batch,
        training: true,
      })),
  values: randomLayerValues,
  /** A rounded 1/(1 − rate), and a product. */
  tolerances(_given, _values, expected) {
    return new Map(Array.from(expected, ([name, value]) => [name, 3 * ROUNDOFF * largest(value)]));
  },
};

export const add: LayerDescription = {
  name: "add",
  cases: ({ batch, size, channels }) =>
    fc
      .record({
        input: fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels)),
        count: fc.integer({ min: 2, max: 4 }),
        batch: sizeUpTo(batch),
      })
      .map(({ input, count, batch }) => ({
        layer: addLayer,
        options: {},
        inputs: Array.from({ length: count }, () => input),
        batch,
        training: true,
      })),
  values: randomLayerValues,
  /** Each of count − 1 sums is below `count` and rounded once; the gradient is passed on as it is. */
  tolerances(given, values, expected) {
    const { length: count } = given.inputs;
    return exact(given, values, expected).set("y", (count - 1) * count * ROUNDOFF);
  },
};

export const concatenate: LayerDescription = {
  name: "concatenate",
  cases: ({ batch, size, channels }) =>
    fc
      .record({
        place: fc.oneof(fc.constant([]), fc.tuple(sizeUpTo(size), sizeUpTo(size))),
        channels: fc.array(sizeUpTo(channels), { minLength: 2, maxLength: 5 }),
        batch: sizeUpTo(batch),
      })
      .map(({ place, channels, batch }) => ({
        layer: concatenateLayer,
        options: {},
        inputs: channels.map((count) => [...place, count]),
        batch,
        training: true,
      })),
  values: randomLayerValues,
  tolerances: exact,
};
