/** The chain of proof for whole networks: narrow ones, on batches that stay clear of kinks. */
import { referenceBackend } from "../backend/reference.js";
import { CbapdError } from "../errors.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { initialWeights } from "../models/initializers.js";
import { NETWORKS, type NetworkName, type NetworkOptions } from "../models/networks.js";
import { forwardGraph, INPUT, penalty, withLogits } from "../models/run.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import type { LinkOptions, LinkReport, Worst } from "./chain.js";
import { ROUNDOFF } from "./description.js";
import { referenceEngine, type StepOptions, wasmEngine } from "./engine.js";
import { type KinkWatch, watchKinks } from "./kinks.js";
import type { Results } from "./layer.js";
import type { Machine } from "./machine.js";
import { type NetworkCase, runNetwork } from "./network.js";
import { roundedBackend } from "./rounded.js";
import { largest, randomArray, randomValues } from "./values.js";

/** Small enough for seconds, with every layer and path: a share of the filters and units, and pictures that still fit. */
const SHAPES: Readonly<Record<NetworkName, NetworkOptions>> = {
  baseline: { inputShape: [17, 14, 3] },
  lenet5: { inputShape: [22, 26, 3] },
  alexnet8: { width: 1 / 16, inputShape: [32, 28, 3] },
  vgg16: { width: 1 / 16, inputShape: [20, 24, 3] },
  inception10: { width: 1 / 2, inputShape: [9, 12, 3] },
  resnet18: { width: 1 / 16, inputShape: [13, 16, 3] },
};
/** Normalisation over few values multiplies roundings: the deepest maps are 2×2. */
const IMAGES = 4;
const ADAM_STEPS = 3;
/**
 * A large epsilon, which makes the update smooth: with Keras' 1e-7, entries whose sign only roundings decide take whole steps of
 * ± the learning rate. (Single updates with 1e-7 are tested in test/optimizer.test.ts.)
 */
const ADAM = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-2 };
/** A unit nearer to its kink than this may be on either side of it in float32. */
const FLOAT32_MARGIN = 2e-6;
const MOST_SEEDS = 300;

/**
 * What float32 may differ by through a well-conditioned network, where no kink is passed: the loss relatively, a probability
 * absolutely, a gradient relative to its tensor's largest. Where single roundings are carried further (`roundedBackend`), the
 * tolerance is CONDITION times what they come to: each of our sums has √terms of them, up to some 30, where that has one.
 */
const CONDITION = 30;
const LOSS_TOLERANCE = 1e-6;
const PROBABILITY_TOLERANCE = 1e-6;
const GRADIENT_TOLERANCE = 3e-5;
/** |∂step/∂g| ≤ learningRate·√(1 − β₂ᵗ)/epsilon, which is 5.5·learningRate at the third step; gradients may grow until then. */
const STEP_SLOPE = 20;

/** A foreign oracle: the same results by the same names. */
export type NetworkOracle = (given: NetworkCase) => Results;

/** A batch and weights, seeded, with no unit near a kink; `margin` is the distance of the nearest. */
export function networkCase(name: NetworkName, seed: number): { given: NetworkCase; margin: number } {
  const graph = NETWORKS[name](SHAPES[name]);
  let best: { given: NetworkCase; margin: number } | undefined;
  for (let attempt = 0; attempt < MOST_SEEDS; attempt++) {
    const given = drawCase(graph, seed * MOST_SEEDS + attempt);
    const margin = marginOf(given, ADAM_STEPS);
    if (!best || margin > best.margin) best = { given, margin };
    if (margin > FLOAT32_MARGIN) return best;
  }
  return best!;
}

/** The nearest kink in any of the steps; the first one alone rules most batches out. */
function marginOf(given: NetworkCase, steps: number): number {
  const watches: KinkWatch[] = [];
  const open = (at: StepOptions) => {
    const watch = watchKinks(referenceBackend({ seed: given.seed, step: 0, ...at }));
    watches.push(watch);
    return referenceEngine(at, watch.backend);
  };
  runNetwork(open, { ...given, steps: 0 });
  if (watches[0].margin() > FLOAT32_MARGIN) runNetwork(open, { ...given, steps });
  return Math.min(...watches.map((watch) => watch.margin()));
}

/** Every weight and the input against central differences, each in a random direction, which sums over all its elements. */
export function networkDifferences(name: NetworkName, { cases, seed, onCase }: LinkOptions): LinkReport {
  return runCases(name, "differences", cases, (index, report) => {
    const { given } = networkCase(name, seed + index);
    const expected = runNetwork(referenceEngine, { ...given, steps: 0 });
    const tensors = new Map([[INPUT, given.x], ...given.weights]);
    for (const [tensor, at] of tensors) {
      const gradient = expected.get(`gradients/${tensor}`);
      if (!gradient) continue; // moving statistics
      const probe = probeDirection(given, tensor, at, gradient);
      if (probe) report(`gradients/${tensor}`, probe.error, probe.tolerance);
    }
    onCase?.();
  });
}

export function networkAgainstReference(
  name: NetworkName,
  machine: Machine,
  { cases, seed, onCase }: LinkOptions,
): LinkReport {
  return runCases(name, "reference", cases, (index, report) => {
    const { given } = networkCase(name, seed + index);
    const expected = runNetwork(referenceEngine, given);
    const actual = runNetwork((at) => wasmEngine(machine, at), given);
    compareNetworks(given, actual, expected, 1, report);
    const workers = 2 + (index % 3);
    const split = runNetwork((at) => wasmEngine(machine, { ...at, workers, placement: "planned" }), given);
    for (const [tensor, { data }] of actual) {
      const other = split.get(tensor)!.data;
      if (!data.every((value, i) => Object.is(value, other[i]))) {
        throw new CbapdError(
          `${tensor} must not depend on the workers; ${workers} gave other bits than one.`,
        );
      }
    }
    onCase?.();
  });
}

export function networkAgainstOracle(
  name: NetworkName,
  machine: Machine,
  oracle: NetworkOracle,
  { cases, seed, onCase }: LinkOptions,
): LinkReport {
  return runCases(name, "tfjs", cases, (index, report) => {
    const { given } = networkCase(name, seed + index);
    const theirs = oracle(given);
    const expected = runNetwork(referenceEngine, given);
    compareNetworks(given, theirs, expected, 1, report);
    // Both of these are float32: either may be off by its tolerance.
    const ours = runNetwork((at) => wasmEngine(machine, at), given);
    compareNetworks(given, ours, theirs, 2, report);
    onCase?.();
  });
}

type Report = (tensor: string, error: number, tolerance: number) => void;

/** @throws CbapdError when a tensor is missing */
function compareNetworks(
  given: NetworkCase,
  actual: Results,
  expected: Results,
  factor: number,
  report: Report,
): void {
  const normalised = normalisedBiases(given.graph);
  const rounded = runNetwork(
    (at) => referenceEngine(at, roundedBackend(referenceBackend({ seed: given.seed, step: 0, ...at }))),
    given,
  );
  for (const [tensor, array] of expected) {
    const other = actual.get(tensor);
    if (!other) throw new CbapdError(`${tensor} is missing.`);
    const condition = CONDITION * worstError(rounded.get(tensor)!, array);
    const tolerance = Math.max(toleranceOf(tensor, array, expected, normalised), condition);
    report(tensor, worstError(other, array), factor * tolerance);
  }
}

/** NaN when any is. */
function worstError(actual: NDArray, expected: NDArray): number {
  let worst = 0;
  expected.data.forEach((value, i) => {
    const error = Math.abs(actual.data[i] - value);
    if (!(error <= worst)) worst = error;
  });
  return worst;
}

function toleranceOf(
  tensor: string,
  array: NDArray,
  expected: Results,
  normalised: ReadonlySet<string>,
): number {
  if (tensor === "loss") return LOSS_TOLERANCE * Math.abs(array.data[0]);
  if (tensor === "probabilities") return PROBABILITY_TOLERANCE;
  if (tensor === "logits") return GRADIENT_TOLERANCE * largest(array);
  const [, prefix, weight] = /^(gradients|after\/\d+)\/(.*)$/.exec(tensor) ?? [];
  if (prefix === "gradients") {
    // Zero in exact arithmetic: what remains are roundings of the kernel's own sums.
    const scale = normalised.has(weight) ? expected.get(`gradients/${kernelOf(weight)}`)! : array;
    return GRADIENT_TOLERANCE * largest(scale);
  }
  const steps = Number(prefix.slice("after/".length));
  const rounding = 4 * steps * ROUNDOFF * largest(array);
  const gradient = expected.get(`gradients/${weight}`);
  if (!gradient) return GRADIENT_TOLERANCE * largest(array); // moving statistics
  return rounding + steps * STEP_SLOPE * ADAM.learningRate * GRADIENT_TOLERANCE * largest(gradient);
}

function kernelOf(bias: string): string {
  return bias.replace(/bias$/, "kernel");
}

/**
 * Biases whose output goes straight into a normalisation, which takes the mean away again: their gradient is zero in exact
 * arithmetic. Only roundings are left of it, which Adam, with its usual epsilon, makes whole steps of.
 */
export function normalisedBiases(graph: Graph): Set<string> {
  const biases = new Set<string>();
  for (const { layer, inputs, options } of graph.nodes) {
    if (layer.kind !== "batch_normalization") continue;
    if ((options as { statistics: string }).statistics !== "batch") continue;
    const before = graph.nodes[inputs[0]];
    const readers = graph.nodes.filter((node) => node.inputs.includes(inputs[0])).length;
    const { activation } = before.options as { activation?: string };
    if (before.specs.bias && readers === 1 && activation === "linear") biases.add(`${before.name}/bias`);
  }
  return biases;
}

function drawCase(graph: Graph, seed: number): NetworkCase {
  const initial = initialWeights(graph, seed);
  const weights = weightSpecs(graph).map(({ name, shape, trainable }, i) => {
    const values = Float64Array.from(initial.get(name)!);
    // Biases, gamma and beta off their first values, or half of what they do goes unseen.
    if (trainable && shape.length === 1) {
      const noise = randomValues(values.length, seed + i);
      values.forEach((value, k) => {
        values[k] = Math.fround(value + 0.1 * noise[k]);
      });
    }
    return [name, ndarray(shape, values)] as const;
  });
  const [{ outputShape: input }, output] = [graph.nodes[0], graph.nodes[graph.output]];
  const [classes] = output.outputShape;
  const x = randomArray([IMAGES, ...input], seed);
  return {
    graph,
    x: ndarray(
      x.shape,
      x.data.map((value) => Math.fround((value + 1) / 2)),
    ),
    labels: ndarray(
      [IMAGES],
      Array.from({ length: IMAGES }, (_, i) => (seed + 3 * i) % classes),
    ),
    weights: new Map(weights),
    steps: ADAM_STEPS,
    adam: ADAM,
    seed,
  };
}

/** The loss that training differentiates, L2 included, in float64. */
function lossOf(
  { backend }: KinkWatch,
  { graph, labels, weights }: NetworkCase,
  x: NDArray,
  changed: ReadonlyMap<string, NDArray>,
): number {
  const moving = new Map(
    weightSpecs(graph)
      .filter(({ trainable }) => !trainable)
      .map(({ name, shape }) => [name, ndarray(shape, weights.get(name)!.data)]),
  );
  const all = new Map([...changed, ...moving]); // copies of what forward moves
  const { graph: trained } = withLogits(graph);
  const { y } = forwardGraph(backend, trained, x, all, { training: true });
  const { losses } = backend.softmaxCrossEntropy(y, labels);
  const mean = losses.data.reduce((sum, loss) => sum + loss, 0) / losses.data.length;
  return mean + (penalty(backend, trained, all)?.data[0] ?? 0);
}

/** Random, of length 1 or so: every element counts. */
function direction(count: number, seed: number): Float64Array {
  return randomValues(count, seed).map((value) => value * Math.sqrt(3 / count));
}

/** From large to small: a large step rounds less, a small one passes no kink. */
const STEPS = [2 ** -13, 2 ** -16, 2 ** -19, 2 ** -22];
const RELATIVE_TOLERANCE = 1e-7;

/**
 * Central differences of the loss along a random direction, with the largest step that passes no kink; undefined when all do.
 * Rounding: the loss is good to some 2⁻⁴⁸ of itself after up to 20 layers; 18 of them over 12 steps.
 */
function probeDirection(
  given: NetworkCase,
  tensor: string,
  at: NDArray,
  gradient: NDArray,
): { error: number; tolerance: number } | undefined {
  const along = direction(at.data.length, given.seed);
  const evaluate = (t: number) => {
    const moved = ndarray(
      at.shape,
      at.data.map((value, i) => value + t * along[i]),
    );
    const watch = watchKinks(referenceBackend({ seed: given.seed, step: 0 }));
    const isInput = tensor === INPUT;
    const weights = isInput ? given.weights : new Map([...given.weights, [tensor, moved]]);
    const loss = lossOf(watch, given, isInput ? moved : given.x, weights);
    return { loss, pattern: watch.pattern() };
  };
  const here = evaluate(0);
  for (const step of STEPS) {
    const [below2, above2] = [evaluate(-2 * step), evaluate(2 * step)];
    if (below2.pattern !== here.pattern || above2.pattern !== here.pattern) continue;
    const difference = 8 * (evaluate(step).loss - evaluate(-step).loss) - (above2.loss - below2.loss);
    const numeric = difference / (12 * step);
    const analytic = gradient.data.reduce((sum, g, i) => sum + g * along[i], 0);
    const noise = (18 * 2 ** -48 * here.loss) / (12 * step);
    const error = Math.abs(analytic - numeric);
    return { error, tolerance: RELATIVE_TOLERANCE * largest(gradient) + noise };
  }
  return undefined;
}

function runCases(
  name: NetworkName,
  link: LinkReport["link"],
  cases: number,
  run: (index: number, report: Report) => void,
): LinkReport {
  let worst: Worst | undefined;
  let failed: { index: number; message: string } | undefined;
  let done = 0;
  for (; done < cases && !failed; done++) {
    const report: Report = (tensor, error, tolerance) => {
      if (tolerance > 0 && (!worst || error * worst.tolerance > worst.error * tolerance)) {
        worst = { tensor, error, tolerance };
      }
      if (!(error <= tolerance)) {
        failed ??= { index: done, message: `${tensor} is off by ${error}; its tolerance is ${tolerance}.` };
      }
    };
    try {
      run(done, report);
    } catch (error) {
      if (!(error instanceof CbapdError)) throw error;
      failed ??= { index: done, message: error.message };
    }
  }
  const result: LinkReport = { layer: name, link, cases: done, worst };
  if (!failed) return result;
  const counterexample = `${name} ${JSON.stringify(SHAPES[name])}, case ${failed.index}`;
  return { ...result, failure: { message: failed.message, counterexample, seed: failed.index, path: "" } };
}
