/** Whole networks: the graph's backward against central differences, and the wasm backend against the reference. */
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import * as layers from "../src/layers/index.js";
import { buildModel } from "../src/models/build.js";
import { type Graph, weightSpecs } from "../src/models/graph.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORKS } from "../src/models/networks.js";
import { backwardGraph, forwardGraph, penalty, withLogits } from "../src/models/run.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { Model } from "../src/train/model.js";
import { numericGradient, randomArray, randomValues } from "./support/arrays.js";
import { expectClose } from "./support/close.js";

/** A branch, a join of either kind, normalisation, dropout, and L2 at a rate of its own for each kind of weight, small enough for central differences. */
function everything(): Graph {
  const inputs = layers.input({ shape: [6, 5, 2] });
  const stem = layers
    .conv2d({
      filters: 4,
      kernelSize: 3,
      padding: "same",
      activation: "tanh",
      kernelRegularizer: layers.l2(0.01),
      biasRegularizer: layers.l2(0.3),
    })
    .apply(inputs);
  const left = layers
    .batchNormalization({ gammaRegularizer: layers.l2(0.05), betaRegularizer: layers.l2(0.2) })
    .apply(layers.conv2d({ filters: 4, kernelSize: [1, 3], padding: "same", useBias: false }).apply(stem));
  const sum = layers.activation({ activation: "sigmoid" }).apply(layers.add().apply([left, stem]));
  const pooled = layers.averagePooling2d({ poolSize: 3, strides: 2, padding: "same" }).apply(sum);
  const strided = layers.conv2d({ filters: 3, kernelSize: 2, strides: 2, padding: "same" }).apply(stem);
  const joined = layers.dropout({ rate: 0.3 }).apply(layers.concatenate().apply([pooled, strided]));
  const flat = layers.flatten().apply(layers.maxPooling2d().apply(joined));
  const dense = layers.dense({ units: 5, activation: "softmax", kernelRegularizer: layers.l2(0.02) });
  return buildModel({ inputs, outputs: dense.apply(flat) });
}

function randomWeights(graph: Graph, seed: number): Map<string, NDArray> {
  const initial = initialWeights(graph, seed);
  return new Map(
    weightSpecs(graph).map(({ name, shape }, i) => {
      const noise = randomValues(initial.get(name)!.length, seed + i);
      const values = Array.from(initial.get(name)!, (value, k) => Math.fround(value + 0.1 * noise[k]));
      return [name, ndarray(shape, values)];
    }),
  );
}

function lossAndGradients(graph: Graph, x: NDArray, labels: NDArray, weights: Map<string, NDArray>) {
  const backend = referenceBackend({ seed: 0, step: 0 });
  const { graph: logits } = withLogits(graph);
  // Forward moves the moving statistics: on copies, so that the weights stay.
  const copies = new Map(Array.from(weights, ([name, { shape, data }]) => [name, ndarray(shape, data)]));
  const { y, caches } = forwardGraph(backend, logits, x, copies, { training: true });
  const { losses, dLogits } = backend.softmaxCrossEntropy(y, labels);
  const mean = losses.data.reduce((sum, value) => sum + value, 0) / losses.data.length;
  const loss = mean + (penalty(backend, logits, copies)?.data[0] ?? 0);
  return { loss, gradients: () => backwardGraph(backend, logits, dLogits, copies, caches) };
}

describe("backwardGraph", () => {
  it("agrees with central differences in every weight of a network with branches and joins", () => {
    const graph = everything();
    const x = randomArray([3, 6, 5, 2], 1);
    const labels = ndarray([3], [0, 4, 2]);
    const weights = randomWeights(graph, 5);
    const gradients = lossAndGradients(graph, x, labels, weights).gradients();
    const trainable = weightSpecs(graph).filter((spec) => spec.trainable);
    expect([...gradients.keys()].sort()).toEqual(trainable.map(({ name }) => name).sort());
    for (const { name } of trainable) {
      const numeric = numericGradient(
        () => lossAndGradients(graph, x, labels, weights).loss,
        weights.get(name)!,
      );
      // Central differences in float64 are good to about 1e-10 of the loss's scale, which is 1.
      expectClose(gradients.get(name)!.data, numeric, { atol: 3e-9, rtol: 1e-7 }, name);
    }
  });
});

describe("one training step of the wasm backend against the reference", () => {
  it.each([
    ["everything", everything()],
    ["baseline", NETWORKS.baseline({ inputShape: [12, 10, 3] })],
    ["lenet5", NETWORKS.lenet5({ inputShape: [20, 18, 3] })],
    ["alexnet8", NETWORKS.alexnet8({ inputShape: [32, 32, 3], width: 0.05 })],
    ["vgg16", NETWORKS.vgg16({ inputShape: [18, 20, 3], width: 0.1 })],
    ["inception10", NETWORKS.inception10({ inputShape: [9, 10, 3], width: 0.5 })],
    ["inception10, moving", NETWORKS.inception10({ inputShape: [9, 10, 3], statistics: "moving" })],
    ["resnet18", NETWORKS.resnet18({ inputShape: [8, 10, 3], width: 0.25 })],
  ])("%s: loss and every gradient", async (_name, graph) => {
    const images = 5;
    const [height, width, channels] = graph.nodes[0].outputShape;
    const x = randomArray([images, height, width, channels], 2);
    const labels = ndarray([images], [0, 4, 2, 1, 3]);
    const weights = randomWeights(graph, 9);
    const model = new Model(graph).compile({ optimizer: "sgd", loss: "sparseCategoricalCrossentropy" });
    model.setWeights(new Map(Array.from(weights, ([name, { data }]) => [name, Float32Array.from(data)])));
    const { loss, gradients } = await model.gradients(Float32Array.from(x.data), Array.from(labels.data));
    const expected = lossAndGradients(graph, x, labels, weights);
    expect(Math.abs(loss - expected.loss)).toBeLessThan(2e-5 * Math.max(1, expected.loss));
    const expectedGradients = expected.gradients();
    let largest = 0;
    for (const { data } of expectedGradients.values())
      for (const value of data) largest = Math.max(largest, Math.abs(value));
    for (const [name, { data }] of expectedGradients) {
      // Deep networks amplify float32 roundings; a wrong kernel is off by its whole size, not by a thousandth.
      expectClose(gradients.get(name)!, data, { rtol: 2e-3, atol: 2e-5 * largest }, name);
    }
  });
});
