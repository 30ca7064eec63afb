/** Case files as other people would write them: from the reference, right or with a mistake planted. */
import { join } from "node:path";
import { referenceBackend } from "../../src/backend/reference.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import { KINDS } from "../../src/layers/index.js";
import { snakeCase } from "../../src/layers/layer.js";
import { weightSpecs } from "../../src/models/graph.js";
import { initialWeights } from "../../src/models/initializers.js";
import { NETWORKS, type NetworkName } from "../../src/models/networks.js";
import { type NDArray, ndarray } from "../../src/reference/ndarray.js";
import { sizeOf } from "../../src/shape.js";
import { referenceEngine, type StepOptions } from "../../src/verify/engine.js";
import { type LayerCase, type LayerValues, type Results, runLayer } from "../../src/verify/layer.js";
import type { Mistake } from "../../src/verify/mistakes.js";
import { type NetworkCase, runNetwork } from "../../src/verify/network.js";
import {
  type AdamCase,
  type L2Case,
  type LossCase,
  runAdam,
  runL2,
  runLoss,
} from "../../src/verify/parts.js";
import { randomArray } from "./arrays.js";
import { temporaryFolder } from "./temporary.js";

type Planted = Pick<Mistake, "plant" | "adam"> | undefined;

/** A case without numbers to compare, and what computes them. */
export interface Scene {
  readonly title: string;
  /** What mistakes it can show: kinds of layers, "loss", "adam", "l2". */
  readonly concerns: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: ReadonlyMap<string, NDArray>;
  run(mistake?: Planted): Results;
}

export async function writeCase(
  tensors: ReadonlyMap<string, NDArray>,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const path = join(temporaryFolder(), "case.safetensors");
  await writeSafetensors(path, tensors, metadata);
  return path;
}

/** A scene's file with the numbers that this mistake gives. */
export function writeScene(scene: Scene, mistake?: Planted): Promise<string> {
  return writeCase(new Map([...scene.inputs, ...scene.run(mistake)]), scene.metadata);
}

const engine = (mistake: Planted, at: StepOptions = {}) => {
  const backend = referenceBackend({ seed: at.seed ?? 0, step: at.step ?? 0 });
  return referenceEngine(at, mistake?.plant ? mistake.plant(backend) : backend, mistake?.adam);
};

/** @param xs one example's shapes, or the whole input */
export function layerScene(
  kind: string,
  written: object,
  shapes: readonly (readonly number[])[],
  { x = randomArray, batch = 3 }: { x?: typeof randomArray; batch?: number } = {},
): Scene {
  const layer = KINDS[kind];
  const options = layer.options(written);
  const given: LayerCase = { layer, options, inputs: shapes, batch, training: true };
  const output = [batch, ...layer.outputShape(shapes, options, kind)];
  const parameters = Object.entries(layer.parameterSpecs(shapes, options)).map(([name, { shape }], i) => [
    name,
    name === "movingVariance" ? positive(shape, 40 + i) : randomArray(shape, 40 + i),
  ]);
  const values: LayerValues = {
    xs: shapes.map((shape, i) => x([batch, ...shape], 7 + i)),
    parameters: Object.fromEntries(parameters),
    dY: randomArray(output, 90),
  };
  const { activation } = options as { activation?: string };
  return {
    title: `${kind} ${JSON.stringify(written)}`,
    concerns: [kind, ...(activation ? ["activation"] : [])],
    metadata: { kind: "layer", layer: kind, options: JSON.stringify(written) },
    inputs: new Map([
      ...values.xs.map((value, i) => [shapes.length === 1 ? "x" : `x${i}`, value] as const),
      ...Object.entries(values.parameters).map(([name, value]) => [snakeCase(name), value] as const),
      ["dY", values.dY] as const,
    ]),
    run: (mistake) => runLayer(engine(mistake), given, values),
  };
}

function positive(shape: readonly number[], seed: number): NDArray {
  return ndarray(
    shape,
    randomArray(shape, seed).data.map((value) => 1 + value / 2),
  );
}

/** Small integers: ties everywhere. */
export function tied(shape: readonly number[], seed: number): NDArray {
  return ndarray(
    shape,
    randomArray(shape, seed).data.map((value) => Math.round(2 * value)),
  );
}

export function lossScene(): Scene {
  const given: LossCase = { logits: randomArray([4, 5], 1), labels: ndarray([4], [0, 4, 2, 2]) };
  return {
    title: "softmaxCrossEntropy",
    concerns: ["loss"],
    metadata: { kind: "layer", layer: "softmaxCrossEntropy" },
    inputs: new Map([
      ["x", given.logits],
      ["labels", given.labels],
    ]),
    run: (mistake) => runLoss(engine(mistake), given),
  };
}

/** Gradients near epsilon, so that its place matters. */
export function adamScene(): Scene {
  const shape = [3, 4];
  const small = (seed: number, size: number) =>
    ndarray(
      shape,
      randomArray(shape, seed).data.map((value) => size * value),
    );
  const settings = { step: 3, learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
  const given: AdamCase = {
    weights: randomArray(shape, 1),
    gradients: small(2, 1e-4),
    m: small(3, 1e-5),
    v: ndarray(
      shape,
      small(4, 1e-10).data.map((value) => Math.abs(value)),
    ),
    at: settings,
  };
  return {
    title: "adam",
    concerns: ["adam"],
    metadata: { kind: "layer", layer: "adam", options: JSON.stringify(settings) },
    inputs: new Map([
      ["weights", given.weights],
      ["gradients", given.gradients],
      ["m", given.m],
      ["v", given.v],
    ]),
    run: (mistake) => runAdam(engine(mistake), given),
  };
}

export function l2Scene(): Scene {
  const given: L2Case = { kernel: randomArray([3, 4], 1), rate: 0.02 };
  return {
    title: "l2",
    concerns: ["l2"],
    metadata: { kind: "layer", layer: "l2", options: '{"l2": 0.02}' },
    inputs: new Map([["kernel", given.kernel]]),
    run: (mistake) => runL2(engine(mistake), given),
  };
}

export interface NetworkSceneOptions {
  readonly width?: number;
  readonly size?: number;
  readonly images?: number;
  readonly steps?: number;
  readonly dropout?: "off" | "on";
  readonly statistics?: "batch" | "moving";
}

/** Weights as they are at the start of training, biases and statistics too, so that no gradient hides behind a zero. */
export function networkScene(name: NetworkName, options: NetworkSceneOptions = {}): Scene {
  const { width = 1 / 16, size = 9, images = 3, steps = 2, dropout = "off", statistics = "batch" } = options;
  const built = NETWORKS[name]({ width, inputShape: [size, size, 3] });
  const nodes = built.nodes.map((node) => {
    const { kind } = node.layer;
    if (kind === "dropout" && dropout === "off") return { ...node, options: { rate: 0 } };
    return kind === "batch_normalization" ? { ...node, options: { ...node.options, statistics } } : node;
  });
  const graph = { ...built, nodes };
  const initial = initialWeights(graph, 3);
  const weights = new Map(
    weightSpecs(graph).map(({ name: weight, shape }, i) => {
      const noise = randomArray(shape, 500 + i).data.map((value) => Math.fround(0.2 * value));
      const values = initial.get(weight)!.map((value, k) => (shape.length > 1 ? value : value + noise[k]));
      return [weight, ndarray(shape, values)];
    }),
  );
  const x = randomArray([images, size, size, 3], 11);
  const labels = ndarray(
    [images],
    Array.from({ length: images }, (_, n) => (7 * n) % 10),
  );
  const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
  const given: NetworkCase = { graph, x, labels, weights, steps, adam, seed: 0 };
  const kinds = graph.nodes.map(({ layer }) => layer.kind);
  return {
    title: `${name}, width ${width}, ${size}×${size}`,
    concerns: ["loss", "adam", "activation", ...kinds, ...(name === "resnet18" ? ["l2"] : [])],
    metadata: { kind: "network", network: name, width: String(width), dropout, statistics },
    inputs: new Map([
      ["x", x],
      ["y", labels],
      ...Array.from(weights, ([weight, value]) => [`weights/${weight}`, value] as const),
    ]),
    run: (mistake) => runNetwork((at) => engine(mistake, at), given),
  };
}

/** Largest difference of any tensor, relative to its largest element. */
export function difference(a: Results, b: Results): number {
  let worst = 0;
  for (const [name, { data, shape }] of a) {
    const other = b.get(name)!.data;
    const scale = Math.max(...Array.from(data.subarray(0, sizeOf(shape)), Math.abs), 1e-30);
    data.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - other[i]) / scale);
    });
  }
  return worst;
}
