/**
 * One training step of each of the six networks against tfjs-backend-wasm, written by others: loss, every gradient, moving
 * statistics, and the weights after the update. Both compute in float32, so they differ by roundings, which depth amplifies.
 */
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { type Graph, weightSpecs } from "../../src/models/graph.js";
import { NETWORKS } from "../../src/models/networks.js";
import { withLogits } from "../../src/models/run.js";
import { Model } from "../../src/train/model.js";
import { sgd } from "../../src/train/optimizers.js";
import { randomValues } from "../support/arrays.js";
import { expectClose } from "../support/close.js";
import { interpret, startTfjs } from "../support/tfjs.js";

const IMAGES = 4;
const LABELS = [3, 0, 9, 5];
/**
 * Chosen so that no unit lies within roundings of relu's kink: there the slope jumps, and two right float32 computations
 * differ by whole units (as both then do from the float64 reference, by the same amounts).
 */
const SEED = 10;
const LEARNING_RATE = 0.1;
const MOMENTUM = 0.99;

beforeAll(startTfjs);

/** Their loss, gradients and batch statistics, by weight name. */
function oracleStep(graph: Graph, images: Float32Array, weights: ReadonlyMap<string, Float32Array>) {
  tf.engine().startScope();
  try {
    const { graph: logits } = withLogits(graph);
    const specs = weightSpecs(graph);
    const trainable = specs.filter((spec) => spec.trainable);
    const tensors = trainable.map(({ name, shape }) => tf.tensor(weights.get(name)!, [...shape]));
    const x = tf.tensor(images, [IMAGES, ...graph.nodes[0].outputShape]);
    const statistics = new Map<string, Float32Array>();
    const loss = (...values: tf.Tensor[]) => {
      const named = new Map(trainable.map(({ name }, i) => [name, values[i]]));
      const result = interpret(logits, x, tf.tensor1d(LABELS, "int32"), named);
      for (const [node, { mean, variance }] of result.statistics) {
        statistics.set(`${node}/moving_mean`, mean.dataSync() as Float32Array);
        statistics.set(`${node}/moving_variance`, variance.dataSync() as Float32Array);
      }
      return result.loss;
    };
    const value = loss(...tensors).dataSync()[0];
    const grads = tf.grads(loss)(tensors);
    const gradients = new Map(trainable.map(({ name }, i) => [name, grads[i].dataSync() as Float32Array]));
    return { loss: value, gradients, statistics };
  } finally {
    tf.engine().endScope();
  }
}

describe("one training step against tfjs-backend-wasm", () => {
  // The three large networks at a quarter of their width: the same layers, and a test of seconds instead of minutes.
  it.each([
    ["baseline", 1],
    ["lenet5", 1],
    ["alexnet8", 0.25],
    ["vgg16", 0.25],
    ["inception10", 1],
    ["resnet18", 0.25],
  ] as const)("%s, width %d", async (name, width) => {
    const graph = NETWORKS[name]({ width });
    const model = new Model(graph).compile({
      optimizer: sgd({ learningRate: LEARNING_RATE }),
      loss: "sparseCategoricalCrossentropy",
    });
    const images = Float32Array.from(randomValues(IMAGES * 3072, SEED), (value) => (value + 1) / 2);
    const before = model.getWeights();
    const oracle = oracleStep(graph, images, before);

    const ours = await model.gradients(images, LABELS);
    expect(Math.abs(ours.loss - oracle.loss)).toBeLessThan(1e-5 * Math.abs(oracle.loss));
    expect(ours.gradients.size).toBe(oracle.gradients.size);
    let largest = 0;
    for (const values of oracle.gradients.values()) {
      for (const value of values) largest = Math.max(largest, Math.abs(value));
    }
    for (const [weight, expected] of oracle.gradients) {
      // Where a bias precedes normalisation its true gradient is 0, and both have roundings of the sums instead.
      expectClose(
        ours.gradients.get(weight)!,
        expected,
        { rtol: 1e-3, atol: 1e-5 * largest },
        `${name} ${weight}`,
      );
    }
    expect(model.getWeights()).toEqual(before);

    const logs = await model.trainOnBatch(images, LABELS);
    expect(logs.loss).toBe(ours.loss);
    for (const [weight, values] of model.getWeights()) {
      const old = before.get(weight)!;
      const batch = oracle.statistics.get(weight);
      const expected = old.map((value, i) =>
        batch
          ? MOMENTUM * value + (1 - MOMENTUM) * batch[i]
          : value - LEARNING_RATE * (oracle.gradients.get(weight)?.[i] ?? 0),
      );
      const atol = LEARNING_RATE * 1e-5 * largest;
      expectClose(values, expected, { rtol: 1e-4, atol }, `${name} ${weight} after the step`);
    }
  });
});
