/** Inference with pooling before activation: the same function, by fewer sigmoids. */
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import * as layers from "../src/layers/index.js";
import { buildModel, buildSequential } from "../src/models/build.js";
import { foldNormalization } from "../src/models/fold.js";
import { type Graph, weightSpecs } from "../src/models/graph.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORK_NAMES, NETWORKS } from "../src/models/networks.js";
import { poolFirst } from "../src/models/poolFirst.js";
import { forwardGraph } from "../src/models/run.js";
import { ndarray } from "../src/reference/ndarray.js";
import { randomArray } from "./support/arrays.js";
import { expectClose } from "./support/close.js";

const backend = referenceBackend({ seed: 0, step: 0 });

function infer(graph: Graph, weights: ReadonlyMap<string, ReturnType<typeof ndarray>>) {
  const sizes: number[] = [];
  const counted = (f: typeof backend.relu) => (x: Parameters<typeof f>[0]) => {
    sizes.push(x.data.length);
    return f(x);
  };
  const counting = {
    ...backend,
    relu: counted(backend.relu),
    sigmoid: counted(backend.sigmoid),
    tanh: counted(backend.tanh),
  };
  const x = randomArray([2, ...graph.nodes[0].outputShape], 2);
  const { y } = forwardGraph(counting, graph, x, weights, { training: false });
  return { y: y.data, activated: sizes.reduce((a, b) => a + b, 0) };
}

function weightsOf(graph: Graph) {
  const values = initialWeights(graph, 1);
  return new Map(
    weightSpecs(graph).map(({ name, shape }) => [name, ndarray(shape, Array.from(values.get(name)!))]),
  );
}

describe("pooling first", () => {
  it.each(NETWORK_NAMES)("%s: gives the same numbers from no more activations", (name) => {
    const graph = NETWORKS[name]({ width: 1 / 8 });
    const folded = foldNormalization(backend, graph, weightsOf(graph));
    const before = infer(folded.graph, folded.weights);
    const after = infer(poolFirst(folded.graph), folded.weights);
    expectClose(after.y, before.y, { rtol: 1e-12, atol: 1e-15 });
    const pools = graph.nodes.some(({ layer }) => layer.kind === "max_pooling2d");
    if (pools && name !== "inception10") expect(after.activated).toBeLessThan(before.activated);
    else expect(after.activated).toBe(before.activated);
  });

  it.each(["relu", "sigmoid", "tanh"] as const)("%s of a convolution, and of a layer of its own", (name) => {
    const pool = () => layers.maxPooling2d({ poolSize: 3, strides: 2, padding: "same" });
    const convolve = (activation?: typeof name) => layers.conv2d({ filters: 3, kernelSize: 2, activation });
    for (const list of [
      [convolve(name), pool()],
      [convolve(), layers.activation({ activation: name }), pool()],
    ]) {
      const graph = buildSequential("s", [layers.input({ shape: [8, 7, 2] }), ...list, layers.flatten()]);
      const weights = weightsOf(graph);
      const after = infer(poolFirst(graph), weights);
      expectClose(after.y, infer(graph, weights).y, { rtol: 1e-12 });
      expect(after.activated).toBe(2 * 4 * 3 * 3);
    }
  });

  it("stays behind what others read, what falls, and what pooling does not shrink", () => {
    const x = layers.input({ shape: [6, 6, 2] });
    const end = (y: typeof x) => layers.dense({ units: 2 }).apply(layers.flatten().apply(y));
    const pool = layers.maxPooling2d();
    const active = layers.activation({ activation: "relu" }).apply(x);
    const both = [pool.apply(active), layers.averagePooling2d().apply(active)];
    const graphs = [
      buildModel({ inputs: x, outputs: end(layers.add().apply(both)) }),
      buildModel({
        inputs: x,
        outputs: end(layers.maxPooling2d().apply(layers.activation({ activation: "softmax" }).apply(x))),
      }),
      buildModel({
        inputs: x,
        outputs: end(
          layers
            .maxPooling2d({ poolSize: 3, strides: 1, padding: "same" })
            .apply(layers.activation({ activation: "relu" }).apply(x)),
        ),
      }),
    ];
    for (const graph of graphs) expect(poolFirst(graph).nodes).toEqual(graph.nodes);
  });
});
