/** Small networks with every kind of layer, and a step of each, on both engines. */

import {
  type ExplainedStep,
  explainStep,
  runExplained,
  type StepCase,
  startState,
} from "../../src/explain/step.js";
import type { SymbolicTensor } from "../../src/layers/call.js";
import * as layers from "../../src/layers/index.js";
import { buildModel, buildSequential } from "../../src/models/build.js";
import { type Graph, weightSpecs } from "../../src/models/graph.js";
import { NETWORKS } from "../../src/models/networks.js";
import { ndarray } from "../../src/reference/ndarray.js";
import { referenceEngine } from "../../src/verify/engine.js";
import type { Machine } from "../../src/verify/machine.js";
import { randomArray, tieFree } from "./arrays.js";

function convBnRelu(x: SymbolicTensor, filters: number, kernelSize: number, strides = 1): SymbolicTensor {
  const y = layers.conv2d({ filters, kernelSize, strides, padding: "same", useBias: false }).apply(x);
  return layers.activation({ activation: "relu" }).apply(layers.batchNormalization().apply(y));
}

/** A block with a strided shortcut, and one whose input is read three times. */
function residual(): Graph {
  const inputs = layers.input({ shape: [9, 7, 3] });
  const x = convBnRelu(inputs, 4, 3);
  const inner = layers
    .batchNormalization()
    .apply(layers.conv2d({ filters: 5, kernelSize: 3, padding: "same" }).apply(convBnRelu(x, 5, 3, 2)));
  const shortcut = layers.conv2d({ filters: 5, kernelSize: 1, strides: 2 }).apply(x);
  const joined = layers.activation({ activation: "tanh" }).apply(layers.add().apply([inner, shortcut]));
  const more = layers
    .conv2d({ filters: 5, kernelSize: 3, padding: "same", activation: "sigmoid" })
    .apply(joined);
  const last = layers.add().apply([joined, more, joined]);
  const pooled = layers.globalAveragePooling2d().apply(last);
  const kernelRegularizer = layers.l2(0.01);
  const outputs = layers.dense({ units: 4, activation: "softmax", kernelRegularizer }).apply(pooled);
  return buildModel({ inputs, outputs, name: "residual" });
}

function inception(): Graph {
  const inputs = layers.input({ shape: [8, 6, 3] });
  const x = convBnRelu(inputs, 4, 3);
  const pooled = layers.maxPooling2d({ poolSize: 3, strides: 1, padding: "same" }).apply(x);
  const averaged = layers.averagePooling2d({ poolSize: 3, strides: 1, padding: "same" }).apply(x);
  const joined = layers
    .concatenate()
    .apply([convBnRelu(x, 2, 1), convBnRelu(convBnRelu(x, 3, 1), 3, 5), convBnRelu(pooled, 2, 1), averaged]);
  const y = layers.batchNormalization({ statistics: "moving" }).apply(joined);
  const outputs = layers
    .dense({ units: 3, activation: "softmax" })
    .apply(layers.dropout({ rate: 0.25 }).apply(layers.flatten().apply(y)));
  return buildModel({ inputs, outputs, name: "inception" });
}

export const EXPLAINED: Readonly<Record<string, () => Graph>> = {
  lenet5: () => NETWORKS.lenet5({ inputShape: [18, 20, 3], width: 0.5 }),
  baseline: () => NETWORKS.baseline({ inputShape: [9, 10, 3], width: 0.5 }),
  residual,
  inception,
  // What none of the six has: a softmax in the middle, a normalised vector, logits at the end.
  logits: () =>
    buildSequential("logits", [
      layers.averagePooling2d({ poolSize: 2, inputShape: [5, 6, 2] } as object),
      layers.flatten(),
      layers.dense({ units: 7, activation: "softmax" }),
      layers.batchNormalization(),
      layers.batchNormalization({ trainable: false }),
      layers.leakyReLU({ alpha: 0.25 }),
      layers.dense({ units: 3 }),
    ]),
};

export function explainedCase(name: string, batch = 3): StepCase {
  const graph = EXPLAINED[name]();
  const shape = graph.nodes[0].outputShape;
  const weights = new Map(
    weightSpecs(graph).map((spec, i) => {
      const { data } = randomArray(spec.shape, 20 + i);
      // Moving variances must be positive; and no more than makes sums of about 1, so that nothing saturates.
      const fan = Math.max(1, data.length / spec.shape[spec.shape.length - 1]);
      return [
        spec.name,
        data.map((v) => (spec.trainable ? v * Math.sqrt(2 / fan) : Math.abs(v) + 0.5)).map(Math.fround),
      ];
    }),
  );
  const classes = graph.nodes[graph.output].outputShape[0];
  return {
    graph,
    x: tieFreeSmall([batch, ...shape]),
    labels: ndarray(
      [batch],
      Array.from({ length: batch }, (_, n) => (2 * n + 1) % classes),
    ),
    state: startState(graph, weights),
    seed: 5,
  };
}

function tieFreeSmall(shape: number[]) {
  const { data } = tieFree(shape, 2);
  return ndarray(
    shape,
    data.map((value) => value / 8),
  );
}

export function bothSteps(
  machine: Machine,
  given: StepCase,
): { wasm: ExplainedStep; reference: ExplainedStep } {
  return { wasm: explainStep(machine, given), reference: runExplained(referenceEngine, given) };
}
