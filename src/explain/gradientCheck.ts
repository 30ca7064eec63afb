/**
 * The gradient check that finds wrong backward passes, in the open: (f(w + ε) − f(w − ε))/2ε against what backward says, over a range of ε, in
 * float64 and in float32. Too large an ε bends (truncation grows as ε²), too small a one rounds (as 1/ε): a V. And the same with a mistake
 * planted, whose signs a student is to read.
 */
import type { Backend, Tensor } from "../backend/backend.js";
import { referenceBackend } from "../backend/reference.js";
import { mustBe, OptionError, unknownName } from "../errors.js";
import * as layers from "../layers/index.js";
import { buildSequential } from "../models/build.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { initialWeights } from "../models/initializers.js";
import { backwardGraph, forwardGraph, INPUT, penalty, withLogits } from "../models/run.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Engine, referenceEngine, wasmEngine } from "../verify/engine.js";
import type { Machine } from "../verify/machine.js";
import { MISTAKES, type Mistake } from "../verify/mistakes.js";
import { randomArray } from "../verify/values.js";

export interface CheckCase {
  readonly graph: Graph;
  /** [N, …input shape] */
  readonly x: NDArray;
  /** Class indices [N]. */
  readonly labels: NDArray;
  readonly weights: ReadonlyMap<string, NDArray>;
  readonly seed: number;
}

/** A kind of network small enough to check every weight of in a moment, and that has the layers that mistakes are made in. */
export function checkCase(seed = 0): CheckCase {
  const graph = buildSequential("checked", [
    layers.conv2d({ filters: 3, kernelSize: 3, padding: "same", strides: 2, inputShape: [9, 8, 2] }),
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
    layers.maxPooling2d({ poolSize: 3, strides: 1, padding: "same" }),
    layers.conv2d({ filters: 4, kernelSize: [2, 3], activation: "tanh" }),
    layers.averagePooling2d({ poolSize: 2, strides: 1, padding: "same" }),
    layers.flatten(),
    layers.dropout({ rate: 0.25 }),
    layers.dense({ units: 5, activation: "relu", kernelRegularizer: layers.l2(0.01) }),
    layers.dense({ units: 3, activation: "softmax" }),
  ]);
  const weights = initialWeights(graph, seed);
  const held = weightSpecs(graph).map(({ name, shape, trainable }, i): [string, NDArray] => {
    const values = weights.get(name)!;
    // Biases, gamma and beta off 0 and 1, where a mistake may be hidden by a product with nothing.
    const moved = trainable && shape.length === 1 ? randomArray(shape, seed + 50 + i).data : undefined;
    return [name, ndarray(shape, moved ? values.map((value, k) => value + 0.3 * moved[k]) : values)];
  });
  const batch = 4;
  return {
    graph,
    x: randomArray([batch, 9, 8, 2], seed + 1),
    labels: ndarray([batch], [0, 2, 1, 2]),
    weights: new Map(held),
    seed,
  };
}

/** A tensor that can be checked: a weight's name, or "x" for the input. */
export function checkedTensors({ graph }: CheckCase): { name: string; count: number }[] {
  const trained = weightSpecs(graph).filter(({ trainable }) => trainable);
  const sizes = trained.map(({ name, shape }) => ({ name, count: shape.reduce((n, size) => n * size, 1) }));
  return [{ name: INPUT, count: graph.nodes[0].outputShape.reduce((n, size) => n * size, 1) }, ...sizes];
}

/** @throws OptionError naming the nearest mistake */
export function mistakeNamed(name: string): Mistake {
  const found = MISTAKES.find((mistake) => mistake.name === name);
  if (!found)
    throw new OptionError(
      `mistake: ${unknownName(
        "mistake",
        name,
        MISTAKES.map((each) => each.name),
      )}`,
    );
  return found;
}

/** The mean loss and all gradients, on any engine. */
interface Computed {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, NDArray>;
}

type Compute = (given: CheckCase, wantsGradients: boolean) => Computed;

function compute<T extends Tensor>(engine: Engine<T>, given: CheckCase, wantsGradients: boolean): Computed {
  const { backend } = engine;
  const { graph } = withLogits(given.graph);
  const weights = new Map(Array.from(given.weights, ([name, value]) => [name, engine.put(copyOf(value))]));
  const { y, caches } = forwardGraph(backend, graph, engine.put(given.x), weights, { training: true });
  const { losses, dLogits } = backend.softmaxCrossEntropy(y, engine.put(given.labels, "int32"));
  const l2 = penalty(backend, graph, weights);
  const gradients = wantsGradients
    ? backwardGraph(backend, graph, dLogits, weights, caches, { inputGradient: true })
    : new Map<string, T>();
  engine.run([losses, ...(l2 ? [l2] : []), ...gradients.values()]);
  const { data } = engine.read(losses);
  const mean = data.reduce((sum, loss) => sum + loss, 0) / data.length;
  return {
    loss: mean + (l2 ? engine.read(l2).data[0] : 0),
    gradients: new Map(Array.from(gradients, ([name, tensor]) => [name, engine.read(tensor)])),
  };
}

/** The reference updates moving statistics in place: they are not the caller's. */
const copyOf = ({ shape, data }: NDArray): NDArray => ndarray(shape, data);

function inFloat64(mistake: Mistake | undefined): Compute {
  return (given, wantsGradients) => {
    const plain = referenceBackend({ seed: given.seed, step: 0 });
    const backend: Backend<NDArray> = mistake?.plant?.(plain) ?? plain;
    return compute(referenceEngine({ seed: given.seed }, backend), given, wantsGradients);
  };
}

function inFloat32(machine: Machine): Compute {
  return (given, wantsGradients) => compute(wasmEngine(machine, { seed: given.seed }), given, wantsGradients);
}

/** (f(w + ε) − f(w − ε))/2ε, or one-sided (f(w + ε) − f(w))/ε, of one element. */
function numericSlope(
  run: Compute,
  given: CheckCase,
  tensor: string,
  index: number,
  epsilon: number,
  central: boolean,
): number {
  const lossAt = (shift: number) => {
    const moved = (array: NDArray) => {
      const copy = copyOf(array);
      copy.data[index] += shift;
      return copy;
    };
    const shifted: CheckCase =
      tensor === INPUT
        ? { ...given, x: moved(given.x) }
        : { ...given, weights: new Map(given.weights).set(tensor, moved(given.weights.get(tensor)!)) };
    return run(shifted, false).loss;
  };
  if (!central) return (lossAt(epsilon) - lossAt(0)) / epsilon;
  return (lossAt(epsilon) - lossAt(-epsilon)) / (2 * epsilon);
}

export interface CurvePoint {
  readonly epsilon: number;
  readonly numeric: number;
  /** |analytic − numeric|/max(|analytic|, |numeric|) */
  readonly error: number;
}

export interface ErrorCurve {
  readonly tensor: string;
  readonly index: number;
  readonly precision: "float64" | "float32";
  readonly central: boolean;
  /** What backward says, in that precision. */
  readonly analytic: number;
  readonly points: readonly CurvePoint[];
}

export interface CurveOptions {
  readonly tensor: string;
  readonly index: number;
  readonly epsilons: readonly number[];
  /** One-sided differences err by ε, central ones by ε². */
  readonly central?: boolean; // true
  /** Name of a mistake; float64 only. */
  readonly mistake?: string;
  /** Float32 on the wasm kernels; without it, float64 on the reference. */
  readonly machine?: Machine;
}

/** @throws OptionError for a tensor or an element that is not there */
export function errorCurve(given: CheckCase, options: CurveOptions): ErrorCurve {
  const { tensor, index, epsilons, central = true, mistake, machine } = options;
  checkElement(given, tensor, index);
  for (const epsilon of epsilons) {
    if (!(epsilon > 0 && Number.isFinite(epsilon))) {
      throw new OptionError(mustBe("errorCurve", "epsilons", "be positive numbers", epsilon));
    }
  }
  const run = machine
    ? inFloat32(machine)
    : inFloat64(mistake === undefined ? undefined : mistakeNamed(mistake));
  const analytic = run(given, true).gradients.get(tensor)!.data[index];
  const points = epsilons.map((epsilon): CurvePoint => {
    const numeric = numericSlope(run, given, tensor, index, epsilon, central);
    return { epsilon, numeric, error: relativeError(analytic, numeric) };
  });
  return { tensor, index, precision: machine ? "float32" : "float64", central, analytic, points };
}

function checkElement(given: CheckCase, tensor: string, index: number): void {
  const known = checkedTensors(given);
  const found = known.find(({ name }) => name === tensor);
  if (!found) {
    throw new OptionError(
      `gradient check: ${unknownName(
        "tensor",
        tensor,
        known.map(({ name }) => name),
      )}`,
    );
  }
  const count = tensor === INPUT ? given.x.data.length : found.count;
  if (!(Number.isInteger(index) && index >= 0 && index < count)) {
    throw new OptionError(mustBe("gradient check", "index", `lie in 0 … ${count - 1}`, index, tensor));
  }
}

/** 0 where both are 0. */
export function relativeError(analytic: number, numeric: number): number {
  const scale = Math.max(Math.abs(analytic), Math.abs(numeric));
  return scale === 0 ? 0 : Math.abs(analytic - numeric) / scale;
}

/** What a check found of one tensor: its worst element. */
export interface CheckedTensor {
  readonly tensor: string;
  readonly ok: boolean;
  readonly index: number;
  readonly analytic: number;
  readonly numeric: number;
  /** Relative to the largest of the tensor's gradients. */
  readonly error: number;
}

/** Of ε = 10⁻⁵: truncation and rounding both stay below. */
const TOLERANCE = 1e-6;
const EPSILON = 1e-5;
/** Of each tensor, evenly spread: a mistake shows in most of them. */
const MOST_ELEMENTS = 6;

/** All tensors, in float64, with a mistake or without: what a gradient check sees of it. */
export function checkNetwork(given: CheckCase, mistake?: string): CheckedTensor[] {
  const run = inFloat64(mistake === undefined ? undefined : mistakeNamed(mistake));
  const { gradients } = run(given, true);
  // A gradient that is zero in exact arithmetic (a bias before a normalisation) is held against the network's.
  let scale = 0;
  for (const { data } of gradients.values())
    for (const value of data) scale = Math.max(scale, Math.abs(value));
  return checkedTensors(given).map(({ name }): CheckedTensor => {
    const { data } = gradients.get(name)!;
    const own = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const every = Math.max(1, Math.floor(data.length / MOST_ELEMENTS));
    let worst: CheckedTensor | undefined;
    for (let index = 0; index < data.length; index += every) {
      const numeric = numericSlope(run, given, name, index, EPSILON, true);
      const analytic = data[index];
      const error = Math.abs(analytic - numeric) / Math.max(own, 1e-4 * scale);
      if (!worst || !(error <= worst.error)) {
        worst = { tensor: name, ok: error <= TOLERANCE, index, analytic, numeric, error };
      }
    }
    return worst!;
  });
}

/**
 * The mistakes that can be planted in the checked network. Not every one makes the check fail: one that is the same forward and backward is a right
 * gradient of a wrong network. No gradient check sees it; only a comparison with somebody else's numbers does, as `cbapd check` makes.
 */
export function plantable({ graph }: CheckCase): readonly Mistake[] {
  const kinds = new Set([...graph.nodes.map(({ layer }) => layer.kind), "loss", "l2"]);
  return MISTAKES.filter(({ plant, concerns }) => plant && concerns.some((kind) => kinds.has(kind)));
}
