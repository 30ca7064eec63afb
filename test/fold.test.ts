/** Inference with batch normalisation folded into what is before it: the same function, with other roundings. */
import { describe, expect, it, test } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import { batchNormalizationOps } from "../src/backend/wasm/batchNormalization.js";
import { finishProgram } from "../src/backend/wasm/program.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { shapes } from "../src/data/shapes.js";
import * as layers from "../src/layers/index.js";
import { buildModel, buildSequential } from "../src/models/build.js";
import { foldNormalization } from "../src/models/fold.js";
import { type Graph, weightSpecs } from "../src/models/graph.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORK_NAMES, NETWORKS } from "../src/models/networks.js";
import { forwardGraph } from "../src/models/run.js";
import * as reference from "../src/reference/batchNormalization.js";
import { ndarray } from "../src/reference/ndarray.js";
import { Model } from "../src/train/model.js";
import { adam } from "../src/train/optimizers.js";
import { randomArray, randomValues } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

const backend = referenceBackend({ seed: 0, step: 0 });

/** Weights as after some training: no gamma is 1, no mean 0. */
function usedWeights(graph: Graph, seed: number): Map<string, Float32Array> {
  const weights = initialWeights(graph, seed);
  weightSpecs(graph).forEach(({ name, parameter }, i) => {
    const noise = randomValues(weights.get(name)!.length, seed + i);
    if (parameter === "kernel") return;
    weights.set(
      name,
      weights.get(name)!.map((value, k) => value + noise[k] * (parameter === "movingVariance" ? 0.5 : 0.3)),
    );
  });
  return weights;
}

function foldedOnReference(graph: Graph, weights: Map<string, Float32Array>) {
  const arrays = new Map(
    weightSpecs(graph).map(({ name, shape }) => [name, ndarray(shape, Array.from(weights.get(name)!))]),
  );
  return { arrays, ...foldNormalization(backend, graph, arrays) };
}

const kinds = (graph: Graph) =>
  graph.nodes.filter(({ specs }) => Object.keys(specs).length > 0).map(({ layer }) => layer.kind);

test("a worked example: scale 2, mean 1", () => {
  // gamma/√(variance + epsilon) = 4/√(3 + 1) = 2; (3·x + 5 − 1)·2 + 7 = 6·x + 15.
  const one = (value: number) => ndarray([1], [value]);
  const statistics = { mean: one(1), variance: one(3) };
  const kernel = ndarray([1, 1], [3]);
  expect(reference.foldNormalization(kernel, one(5), statistics, one(4), one(7), 1)).toEqual({
    kernel: ndarray([1, 1], [6]),
    bias: one(15),
  });
  expect(reference.foldNormalization(kernel, undefined, statistics, one(4), one(7), 1).bias).toEqual(one(5));
});

test.each([
  [[3, 3, 5, 7], true],
  [[3, 3, 5, 7], false],
  [[1, 2, 3, 16], true],
  [[11, 33], false],
  [[40, 1], true],
])("the core folds a kernel %j as the reference does, for any number of workers", (shape, withBias) => {
  const filters = shape[shape.length - 1];
  const kernel = randomArray(shape, 1);
  const vector = (seed: number) => randomArray([filters], seed);
  const variance = ndarray([filters], vector(3).data.map(Math.abs));
  const [mean, gamma, beta, bias] = [vector(2), vector(4), vector(5), withBias ? vector(6) : undefined];
  const expected = reference.foldNormalization(kernel, bias, { mean, variance }, gamma, beta, 1e-3);
  for (const workers of [1, 3]) {
    const [foldedKernel, foldedBias] = runRecorded(workers, ({ recorder, array }) => {
      const ops = batchNormalizationOps(recorder);
      const statistics = { mean: array(mean), variance: array(variance) };
      const b = bias && array(bias);
      const folded = ops.foldNormalization(array(kernel), b, statistics, array(gamma), array(beta), 1e-3);
      return [folded.kernel, folded.bias];
    });
    // Inputs and results are rounded, the root, the quotient, the products and sums.
    expectClose(foldedKernel, expected.kernel.data, { rtol: 8 * FLOAT32_EPSILON });
    expectClose(foldedBias, expected.bias.data, { rtol: 8 * FLOAT32_EPSILON, atol: 64 * FLOAT32_EPSILON });
  }
});

describe("a folded network", () => {
  it.each(NETWORK_NAMES)("%s: has no normalisation left, and computes the same function", (name) => {
    const graph = NETWORKS[name]({ width: 1 / 8 });
    const folded = foldedOnReference(graph, usedWeights(graph, 1));
    expect(kinds(folded.graph)).not.toContain("batch_normalization");
    expect(kinds(folded.graph).length).toBe(
      kinds(graph).filter((kind) => kind !== "batch_normalization").length,
    );
    const x = randomArray([2, ...graph.nodes[0].outputShape], 2);
    const plain = forwardGraph(backend, graph, x, folded.arrays, { training: false });
    const { y } = forwardGraph(backend, folded.graph, x, folded.weights, { training: false });
    // float64: what is left are roundings.
    expectClose(y.data, plain.y.data, { rtol: 1e-10, atol: 1e-12 });
  });

  it("keeps a normalisation behind an activation, another layer, or a convolution that others read", () => {
    const x = layers.input({ shape: [4, 4, 2] });
    const convolve = (activation?: "relu") => layers.conv2d({ filters: 2, kernelSize: 1, activation });
    const normalize = () => layers.batchNormalization();
    const end = () => [layers.flatten(), layers.dense({ units: 2 })];
    const sequences = [
      [convolve("relu"), normalize()],
      [convolve(), layers.maxPooling2d(), normalize()],
      [convolve(), normalize(), normalize()],
    ];
    const graphs = sequences.map((list, i) =>
      buildSequential(`s${i}`, [layers.input({ shape: [4, 4, 2] }), ...list, ...end()]),
    );
    const read = convolve().apply(x);
    const joined = layers.flatten().apply(layers.add().apply([read, normalize().apply(read)]));
    graphs.push(buildModel({ inputs: x, outputs: layers.dense({ units: 2 }).apply(joined) }));
    for (const graph of graphs) {
      const folded = foldedOnReference(graph, usedWeights(graph, 1));
      expect(kinds(folded.graph).filter((kind) => kind === "batch_normalization").length, graph.name).toBe(1);
    }
  });
});

describe("evaluate and predict", () => {
  it.each(NETWORK_NAMES)("%s: as the unfolded reference, to float32's roundings", async (name) => {
    const graph = NETWORKS[name]({ width: 1 / 4 });
    const weights = usedWeights(graph, 3);
    const { test: data } = shapes({ train: 1, test: 5, seed: 2 });
    const model = new Model(graph).compile({
      optimizer: adam(),
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
    });
    model.setWeights(weights);
    const outputs = await model.predict(data, { batchSize: 2 });
    const arrays = new Map(
      weightSpecs(graph).map(({ name: weight, shape }) => [
        weight,
        ndarray(shape, Array.from(weights.get(weight)!)),
      ]),
    );
    const x = ndarray(
      [5, ...graph.nodes[0].outputShape],
      Array.from(data.images, (byte) => byte / 255),
    );
    const expected = forwardGraph(backend, graph, x, arrays, { training: false }).y.data;
    expectClose(outputs, expected, { atol: 2e-5 });
    const loss = -expected.reduce(
      (sum, p, i) => sum + (data.labels[Math.floor(i / 10)] === i % 10 ? Math.log(p) : 0),
      0,
    );
    const logs = await model.evaluate(data, { batchSize: 2, workers: 2 });
    let penalty = 0;
    for (const { name: weight, l2 = 0 } of weightSpecs(graph)) {
      penalty += l2 * weights.get(weight)!.reduce((sum, value) => sum + value * value, 0);
    }
    expect(logs.loss).toBeCloseTo(loss / 5 + penalty, 4);
    expect(await model.predict(data, { batchSize: 2, workers: 3 })).toEqual(outputs);
  });

  it("see weights that changed since", async () => {
    const graph = NETWORKS.baseline({ width: 1 / 2 });
    const { train, test: data } = shapes({ train: 40, test: 20, seed: 2 });
    const compiled = { optimizer: adam(), loss: "sparseCategoricalCrossentropy" } as const;
    const model = new Model(graph).compile(compiled);
    const { history } = await model.fit(train, { batchSize: 8, epochs: 3, validationData: data });
    const { loss } = await model.evaluate(data, { batchSize: 8 });
    // The session of fit evaluated after each epoch, with that epoch's weights.
    expect(history.logs.val_loss.at(-1)).toBeCloseTo(loss, 6);
    expect(new Set(history.logs.val_loss).size).toBe(3);
  });
});

describe("the prologue", () => {
  it("has what depends on weights alone, and nothing else", () => {
    const recorder = new Recorder();
    const weight = recorder.tensor([8, 16], "float32", 4096);
    const scale = recorder.tensor([16], "float32", 8192);
    const order = recorder.tensor([4], "int32", 12288);
    const record = (kernel: string, output: ReturnType<Recorder["tensor"]>, ...inputs: (typeof output)[]) =>
      recorder.record(
        kernel,
        { by: "images", count: 2 },
        { buffer: output.buffer, writes: true, reach: "own" },
        ...inputs.map(({ buffer }) => ({ buffer, writes: false, reach: "all" as const })),
      );
    const [packed, scaled, x, y] = Array.from({ length: 4 }, () => recorder.tensor([2, 16]));
    const results = recorder.tensor([2, 16], "float32", 20480);
    recorder.record(
      "gather",
      { by: "images", count: 2 },
      { buffer: x.buffer, writes: true, reach: "own" },
      { stepState: true },
      { buffer: order.buffer, writes: false, reach: "all" },
    );
    record("pack", packed, weight);
    record("scale", scaled, packed, scale);
    record("product", y, x, scaled);
    record("accumulate", results, y);
    record("readsResults", recorder.tensor([2, 16]), results);
    const { prologue, calls } = finishProgram(recorder, 65536, { prologue: true, unfused: true });
    expect(prologue.map(({ kernel }) => kernel)).toEqual(["pack", "scale"]);
    expect(calls.map(({ kernel }) => kernel)).toEqual(["gather", "product", "accumulate", "readsResults"]);
    // What lasts shares memory with nothing in a step.
    const lasting = scaled.buffer.address!;
    for (const { buffer } of [x, y]) expect(Math.abs(buffer.address! - lasting)).toBeGreaterThanOrEqual(128);
  });
});
