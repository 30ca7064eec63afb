/** Random networks with the neighbourhoods that training programs have: for tests of what is done to recorded programs. */
import fc from "fast-check";
import { wasmBackend } from "../../src/backend/wasm/backend.js";
import { Recorder } from "../../src/backend/wasm/recorder.js";
import * as layers from "../../src/layers/index.js";
import { buildModel } from "../../src/models/build.js";
import { type Graph, weightSpecs } from "../../src/models/graph.js";
import { backwardGraph, forwardGraph } from "../../src/models/run.js";

type Tensor = ReturnType<typeof layers.input>;
interface Block {
  readonly kind: keyof typeof BLOCKS;
  readonly kernelSize: number;
}

const normalize = (x: Tensor) => layers.batchNormalization({ momentum: 0.5 }).apply(x);
const relu = (x: Tensor) => layers.activation({ activation: "relu" }).apply(x);
const convolve = (x: Tensor, filters: number, kernelSize: number, useBias = true) =>
  layers.conv2d({ filters, kernelSize, padding: "same", useBias }).apply(x);

/** By kind: a part with `filters` channels in and out. */
const BLOCKS = {
  plain: (x: Tensor, filters: number, k: number) => relu(normalize(convolve(x, filters, k))),
  residual: (x: Tensor, filters: number, k: number) =>
    relu(layers.add().apply([normalize(convolve(x, filters, k, false)), x])),
  residualLast: (x: Tensor, filters: number, k: number) =>
    relu(layers.add().apply([x, normalize(convolve(x, filters, k, false))])),
  twoNormalized: (x: Tensor, filters: number, k: number) =>
    relu(layers.add().apply([normalize(convolve(x, filters, k)), normalize(convolve(x, filters, 1, false))])),
  sum: (x: Tensor, filters: number, k: number) =>
    relu(layers.add().apply([convolve(x, filters, k), layers.dropout({ rate: 0.25 }).apply(x)])),
  normalizedSum: (x: Tensor, filters: number, k: number) =>
    layers.add().apply([normalize(convolve(x, filters, k)), x]),
  /** Read twice: nothing may be fused across it. */
  readTwice: (x: Tensor, filters: number, k: number) => {
    const normalized = normalize(convolve(x, filters, k));
    return layers.add().apply([relu(normalized), normalized]);
  },
  branches: (x: Tensor, filters: number, k: number) => {
    const left = relu(normalize(convolve(x, filters, k)));
    const right = relu(normalize(convolve(x, 1, 1)));
    const pooled = layers.maxPooling2d({ poolSize: 3, strides: 1, padding: "same" }).apply(x);
    return convolve(layers.concatenate().apply([left, right, pooled]), filters, 1);
  },
  /** Concatenations of what relu made, one within another; a part is read twice, another is no relu's. */
  joined: (x: Tensor, filters: number, k: number) => {
    const shared = relu(normalize(convolve(x, 3, 1)));
    const inner = layers
      .concatenate()
      .apply([relu(convolve(x, 5, k)), relu(normalize(convolve(x, filters, k)))]);
    const outer = layers.concatenate().apply([shared, inner, relu(convolve(shared, 4, 1, false)), shared]);
    return convolve(outer, filters, 1);
  },
  /** The last one's output is read by a relu of its own, so that its gradient is a sum. */
  joinedTwice: (x: Tensor, filters: number, k: number) => {
    const left = relu(normalize(convolve(x, 6, k)));
    const join = layers.concatenate().apply([left, relu(convolve(x, 2, k))]);
    const again = layers.concatenate().apply([relu(join), join]);
    return convolve(again, filters, 1);
  },
  normalizeFirst: (x: Tensor, filters: number, k: number) => convolve(relu(normalize(x)), filters, k),
  movingStatistics: (x: Tensor, filters: number, k: number) =>
    relu(layers.batchNormalization({ statistics: "moving" }).apply(convolve(x, filters, k))),
};

const kinds = Object.keys(BLOCKS) as (keyof typeof BLOCKS)[];

export interface RandomNetwork {
  readonly graph: Graph;
  readonly batch: number;
  readonly seed: number;
}

export const randomNetworks: fc.Arbitrary<RandomNetwork> = fc
  .record({
    shape: fc.tuple(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 2, max: 7 })),
    filters: fc.constantFrom(1, 3, 4, 8, 17),
    blocks: fc.array(fc.record({ kind: fc.constantFrom(...kinds), kernelSize: fc.constantFrom(1, 3) }), {
      minLength: 1,
      maxLength: 4,
    }),
    batch: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(),
  })
  .map(({ shape, filters, blocks, batch, seed }) => ({ graph: build(shape, filters, blocks), batch, seed }));

function build(shape: readonly [number, number], filters: number, blocks: readonly Block[]): Graph {
  const inputs = layers.input({ shape: [...shape, 2] });
  const stem = convolve(inputs, filters, 3);
  const body = blocks.reduce<Tensor>((x, { kind, kernelSize }) => BLOCKS[kind](x, filters, kernelSize), stem);
  const pooled = layers.globalAveragePooling2d().apply(body);
  return buildModel({ inputs, outputs: layers.dense({ units: 3 }).apply(pooled) });
}

/** A network's training on any dY: forward and backward. */
export function recordPasses({ graph, batch }: Pick<RandomNetwork, "graph" | "batch">): Recorder {
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const weights = new Map(weightSpecs(graph).map(({ name, shape }) => [name, recorder.tensor(shape)]));
  const x = recorder.tensor([batch, ...graph.nodes[0].outputShape]);
  const { y, caches } = forwardGraph(backend, graph, x, weights, { training: true });
  backwardGraph(backend, graph, recorder.tensor(y.shape), weights, caches);
  return recorder;
}
