import fc from "fast-check";
import { type DenseOptions, dense as layer } from "../../layers/dense.js";
import { type LayerDescription, randomLayerValues } from "../description.js";
import { elementwise, sizeUpTo } from "./arbitraries.js";
import { productTolerances, reluMargin } from "./products.js";

export const dense: LayerDescription = {
  name: "dense",
  cases({ batch, size, channels }) {
    return fc
      .record({
        units: sizeUpTo(channels * 2),
        inputs: sizeUpTo(size * channels),
        activation: fc.oneof(elementwise, fc.constant("softmax" as const)),
        useBias: fc.boolean(),
        batch: sizeUpTo(batch),
      })
      .map(({ inputs, batch, ...options }) => ({
        layer,
        options: layer.options(options),
        inputs: [[inputs]],
        batch,
        training: true,
      }));
  },
  values: randomLayerValues,
  tolerances(given, values) {
    const { units } = given.options as DenseOptions;
    const { batch, inputs } = given;
    return productTolerances(given, values, { y: inputs[0][0] + 1, dX: units, dKernel: batch, dBias: batch });
  },
  margin: reluMargin,
};
