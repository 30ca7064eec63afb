/**
 * One training step on one batch, with everything that it computes: each stage's value and gradient, what each stage sends back to
 * each of its inputs, every weight's gradient, and the weights after Adam's update. Written for any engine; what is shown comes from wasm.
 */
import type { Tensor } from "../backend/backend.js";
import { mustBe, OptionError, ShapeError } from "../errors.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { DropoutOptions } from "../layers/dropout.js";
import { type Graph, type GraphNode, weightSpecs } from "../models/graph.js";
import { backwardGraph, forwardGraph, INPUT, penalty } from "../models/run.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import type { AdamStep } from "../reference/optimizer.js";
import { sizeOf } from "../shape.js";
import type { TrainingState } from "../train/types.js";
import { type Engine, type StepOptions, wasmEngine } from "../verify/engine.js";
import type { Machine } from "../verify/machine.js";
import { type Cache, type Stage, staged, stagesOf, traced } from "./stages.js";

/** Weights by name, Adam's averages, and how many steps led there. */
export interface StepState {
  readonly weights: ReadonlyMap<string, NDArray>;
  readonly m: ReadonlyMap<string, NDArray>;
  readonly v: ReadonlyMap<string, NDArray>;
  readonly steps: number;
}

export interface StepCase {
  /** Ends in a softmax, or in logits. */
  readonly graph: Graph;
  /** [N, …input shape] */
  readonly x: NDArray;
  /** Class indices [N]. */
  readonly labels: NDArray;
  readonly state: StepState;
  readonly adam?: Partial<Omit<AdamStep, "step">>;
  /** Dropout's. */
  readonly seed?: number; // 0
}

/** Keras' defaults. */
const ADAM = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };

/** Before the first step: m and v are zero. @throws OptionError when a weight is missing, ShapeError when it has another size */
export function startState(graph: Graph, weights: ReadonlyMap<string, ArrayLike<number>>): StepState {
  const specs = weightSpecs(graph);
  const zeros = () =>
    new Map(specs.filter(({ trainable }) => trainable).map(({ name, shape }) => [name, ndarray(shape)]));
  const held = specs.map(({ name, shape }): [string, NDArray] => {
    const values = weights.get(name);
    if (!values) throw new OptionError(`${graph.name}: weights must have ${name}; got none.`);
    return [name, ndarray(shape, values)];
  });
  return { weights: new Map(held), m: zeros(), v: zeros(), steps: 0 };
}

/**
 * Where a run with Adam stands: `fit`'s training state, as numbers that a step can be explained from.
 * @throws OptionError when a weight or a moment is missing, ShapeError when it has another size
 */
export function trainedState(
  graph: Graph,
  { weights, slots, step }: Pick<TrainingState, "weights" | "slots" | "step">,
): StepState {
  const moments = (slot: "m" | "v") =>
    new Map(
      weightSpecs(graph)
        .filter(({ trainable }) => trainable)
        .map(({ name, shape }): [string, NDArray] => {
          const values = slots.get(`adam/${slot}/${name}`);
          if (!values)
            throw new OptionError(`${graph.name}: slots must have adam/${slot}/${name}; got none.`);
          return [name, ndarray(shape, values)];
        }),
    );
  return { ...startState(graph, weights), m: moments("m"), v: moments("v"), steps: step };
}

export interface ExplainedStep {
  readonly stages: readonly Stage[];
  /** Of the staged graph; in the order of `stages`. */
  readonly nodes: readonly GraphNode[];
  /** Index of the stage whose value are the logits. */
  readonly logits: number;
  readonly batch: number;
  readonly labels: NDArray;
  readonly classes: number;
  /** Mean over the batch, with the penalty. */
  readonly loss: number;
  /** [N] */
  readonly losses: NDArray;
  /** [N, K] */
  readonly probabilities: NDArray;
  /** Σ rate·Σw² over all regularised weights. */
  readonly penalty: number;
  /** By stage, [N, …shape]. */
  readonly values: readonly NDArray[];
  /** Of the loss with respect to each stage's value; undefined where no trainable weight lies before it, nor the input. */
  readonly gradients: readonly (NDArray | undefined)[];
  /** What each stage sends back to each of its inputs. */
  readonly sent: readonly (readonly (NDArray | undefined)[])[];
  /** Batch normalisation's mean and variance, by stage. */
  readonly statistics: readonly Cache<NDArray>[];
  /** Dropout's streams, by stage. */
  readonly streams: readonly number[];
  /** By weight. */
  readonly weightGradients: ReadonlyMap<string, NDArray>;
  readonly before: StepState;
  readonly after: StepState;
  /** Of this update: t counts from 1. */
  readonly adam: AdamStep;
  readonly seed: number;
}

/** On the wasm kernels, by one worker on the calling thread: the same bits as in training. */
export function explainStep(machine: Machine, given: StepCase): ExplainedStep {
  return runExplained((at) => wasmEngine(machine, at), given);
}

/** @param open a fresh engine @throws ShapeError, OptionError */
export function runExplained<T extends Tensor>(
  open: (at: StepOptions) => Engine<T>,
  given: StepCase,
): ExplainedStep {
  const { x, labels, state, seed = 0 } = given;
  checkBatch(given);
  const adam: AdamStep = { ...ADAM, ...given.adam, step: state.steps + 1 };
  const engine = open({ seed, step: state.steps });
  const { backend } = engine;
  const put = (arrays: ReadonlyMap<string, NDArray>) =>
    new Map(Array.from(arrays, ([name, array]) => [name, engine.put(array)]));
  const [weights, m, v] = [put(state.weights), put(state.m), put(state.v)];
  const plan = staged(given.graph);
  const stages = stagesOf(plan);
  const { graph, trace } = traced<T>(plan);
  const { y, caches } = forwardGraph(backend, graph, engine.put(x), weights, { training: true });
  const { losses, probabilities, dLogits } = backend.softmaxCrossEntropy(y, engine.put(labels, "int32"));
  const l2 = penalty(backend, graph, weights);
  const gradients = backwardGraph(backend, graph, dLogits, weights, caches, { inputGradient: true });
  trace.dYs[0] = gradients.get(INPUT);
  for (const [name, gradient] of gradients) {
    if (name !== INPUT) engine.adam(weights.get(name)!, m.get(name)!, v.get(name)!, gradient, adam);
  }
  const normalizes = (index: number) => stages[index].kind === "batch_normalization";
  const statistics = trace.caches.map(
    ({ mean, variance }, index): Cache<T> => (normalizes(index) ? { mean, variance } : {}),
  );
  const defined = (tensor: T | undefined): tensor is T => tensor !== undefined;
  engine.run([
    ...trace.ys,
    ...trace.dYs.filter(defined),
    ...trace.dXs.flat().filter(defined),
    ...statistics.flatMap((cache) => Object.values(cache)),
    ...gradients.values(),
    ...[losses, probabilities, l2].filter(defined),
  ]);

  // Several names may stand for one tensor: it is read once.
  const copies = new Map<T, NDArray>();
  const read = (tensor: T): NDArray => {
    const copy = copies.get(tensor) ?? engine.read(tensor);
    copies.set(tensor, copy);
    return copy;
  };
  const readMap = (tensors: ReadonlyMap<string, T>) =>
    new Map(Array.from(tensors, ([name, tensor]) => [name, read(tensor)]));
  const batch = x.shape[0];
  const each = read(losses);
  const held = l2 ? read(l2).data[0] : 0;
  const weightGradients = readMap(gradients);
  weightGradients.delete(INPUT);
  return {
    stages,
    nodes: plan.graph.nodes,
    logits: graph.output,
    batch,
    labels,
    classes: sizeOf(stages[graph.output].shape),
    loss: each.data.reduce((sum, loss) => sum + loss, 0) / batch + held,
    losses: each,
    probabilities: read(probabilities),
    penalty: held,
    values: trace.ys.map(read),
    gradients: stages.map(({ index }) => {
      const tensor = trace.dYs[index];
      return tensor && read(tensor);
    }),
    sent: stages.map(({ index, inputs }) => {
      const dXs = trace.dXs[index] ?? [];
      return inputs.map((_, i) => {
        const tensor = dXs[i];
        return tensor && read(tensor);
      });
    }),
    statistics: statistics.map((cache) =>
      Object.fromEntries(Object.entries(cache).map(([name, tensor]) => [name, read(tensor)])),
    ),
    streams: plan.streams,
    weightGradients,
    before: state,
    after: { weights: readMap(weights), m: readMap(m), v: readMap(v), steps: state.steps + 1 },
    adam,
    seed,
  };
}

/** @throws ShapeError, OptionError */
function checkBatch({ graph, x, labels }: StepCase): void {
  const [batch, ...shape] = x.shape;
  const wanted = graph.nodes[0].outputShape;
  if (shape.join() !== wanted.join()) {
    throw new ShapeError(mustBe(graph.name, "x", `have the shape [batch, ${wanted.join(", ")}]`, x.shape));
  }
  if (labels.data.length !== batch) {
    throw new ShapeError(mustBe(graph.name, "labels", `be ${batch} class indices`, labels.data.length));
  }
  const classes = sizeOf(graph.nodes[graph.output].outputShape);
  for (const label of labels.data) {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new OptionError(mustBe(graph.name, "labels", `lie in 0 … ${classes - 1}`, label));
    }
  }
}

/** The layer's complete options, where a stage's explanation needs them. */
export const normalizationOf = (node: GraphNode) => node.options as BatchNormalizationOptions;
export const dropoutOf = (node: GraphNode) => node.options as DropoutOptions;
