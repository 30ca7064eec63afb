/** A whole network, trained for some steps on one batch, on any engine, and everything that it computes, by name. */
import type { Tensor } from "../backend/backend.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { backwardGraph, forwardGraph, INPUT, penalty, withLogits } from "../models/run.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import type { AdamStep } from "../reference/optimizer.js";
import type { Engine, StepOptions } from "./engine.js";
import type { Results } from "./layer.js";

export interface NetworkCase {
  /** Ends in a softmax, or in logits. */
  readonly graph: Graph;
  /** [N, …input shape] */
  readonly x: NDArray;
  /** Class indices [N]. */
  readonly labels: NDArray;
  /** All of them, by name. */
  readonly weights: ReadonlyMap<string, NDArray>;
  /** Adam's, all on this one batch; 0 leaves the weights as they are. */
  readonly steps: number;
  readonly adam: Omit<AdamStep, "step">;
  readonly seed: number;
}

/**
 * `logits`, `probabilities`, `loss`, `gradients/x`, `gradients/<weight>` of the first step, and `after/<k>/<weight>`, moving
 * statistics included, after step k.
 * @param open a fresh engine for each step
 */
export function runNetwork<T extends Tensor>(
  open: (at: StepOptions) => Engine<T>,
  given: NetworkCase,
): Results {
  const results: Results = new Map();
  let state = startState(given);
  for (let step = 0; step < Math.max(given.steps, 1); step++) {
    const engine = open({ seed: given.seed, step });
    const { computed, after } = runStep(engine, given, state, step < given.steps ? step + 1 : undefined);
    if (step === 0) for (const [name, value] of computed) results.set(name, value);
    state = after;
    if (step >= given.steps) break;
    for (const [name, value] of after.weights) results.set(`after/${step + 1}/${name}`, value);
  }
  return results;
}

interface State {
  readonly weights: ReadonlyMap<string, NDArray>;
  /** Adam's, by weight. */
  readonly m: ReadonlyMap<string, NDArray>;
  readonly v: ReadonlyMap<string, NDArray>;
}

function startState({ graph, weights }: NetworkCase): State {
  const zeros = () =>
    new Map(
      weightSpecs(graph)
        .filter((spec) => spec.trainable)
        .map(({ name, shape }) => [name, ndarray(shape)]),
    );
  return { weights, m: zeros(), v: zeros() };
}

/** @param t Adam's step, from 1; undefined: no update */
function runStep<T extends Tensor>(
  engine: Engine<T>,
  { graph, x, labels, adam }: NetworkCase,
  state: State,
  t: number | undefined,
): { computed: Results; after: State } {
  const { backend } = engine;
  const put = (arrays: ReadonlyMap<string, NDArray>) =>
    new Map(Array.from(arrays, ([name, array]) => [name, engine.put(array)]));
  const weights = put(state.weights);
  const m = put(state.m);
  const v = put(state.v);
  const { graph: trained } = withLogits(graph);
  const { y, caches } = forwardGraph(backend, trained, engine.put(x), weights, { training: true });
  const { losses, probabilities, dLogits } = backend.softmaxCrossEntropy(y, engine.put(labels, "int32"));
  const l2 = penalty(backend, trained, weights);
  const gradients = backwardGraph(backend, trained, dLogits, weights, caches, { inputGradient: true });
  if (t !== undefined) {
    for (const [name, gradient] of gradients) {
      if (name === INPUT) continue;
      engine.adam(weights.get(name)!, m.get(name)!, v.get(name)!, gradient, { ...adam, step: t });
    }
  }
  const wanted = [y, losses, probabilities, ...gradients.values(), ...(l2 ? [l2] : [])];
  engine.run(wanted);

  const read = (tensors: ReadonlyMap<string, T>) =>
    new Map(Array.from(tensors, ([name, tensor]) => [name, engine.read(tensor)]));
  const each = engine.read(losses).data;
  const mean = each.reduce((sum, loss) => sum + loss, 0) / each.length;
  const computed: Results = new Map([
    ["logits", engine.read(y)],
    ["probabilities", engine.read(probabilities)],
    ["loss", ndarray([], [mean + (l2 ? engine.read(l2).data[0] : 0)])],
  ]);
  for (const [name, gradient] of read(gradients)) computed.set(`gradients/${name}`, gradient);
  return { computed, after: { weights: read(weights), m: read(m), v: read(v) } };
}
