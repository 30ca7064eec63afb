/**
 * How far each tensor of a network case may be off: their numbers are float32 sums in an order of their own, or float64.
 * docs/check.md explains the figures.
 */
import { type Graph, type GraphNode, weightSpecs } from "../models/graph.js";
import { INPUT } from "../models/run.js";
import type { NDArray } from "../reference/ndarray.js";
import { type AdamStep, adamLearningRate } from "../reference/optimizer.js";
import { sizeOf } from "../shape.js";
import type { Allowance } from "./compare.js";
import { ROUNDOFF, sumError } from "./description.js";
import type { Results } from "./layer.js";
import type { NetworkCase } from "./network.js";
import { largest, normOf } from "./values.js";
import type { KinkCount } from "./watch.js";

/** The loss relative to itself but at least to 1, as it is a difference of logits; probabilities absolute. */
export const LOSS = 1e-6;
export const PROBABILITIES = 1e-6;
/** Of a whole network, float32 PyTorch reaches 5e-6. */
export const GRADIENTS = 3e-5;
/** ‖difference‖/‖gradient‖ where units near a kink may fall to the other side. */
export const KINK_NORM = 2e-2;

/** Float32 error of a pre-activation relative to the largest of its tensor, from the network's longest sum. */
export function preactivationError({ nodes }: Graph): number {
  const lengths = nodes.flatMap(({ specs }) =>
    Object.values(specs).map(({ shape }) => sizeOf(shape.slice(0, -1))),
  );
  return sumError(Math.max(...lengths));
}

/** Relative error that no float32 computation can have of a whole network: such numbers were computed in float64. */
export const PRECISE = 1e-9;

export interface Circumstances {
  /** Of each step, in the order of the forward pass; undefined when nobody looked: then any may be near. */
  readonly kinks: readonly (readonly KinkCount[])[] | undefined;
  /** When their first step agrees to PRECISE: then there are no roundings to allow for in later ones. */
  readonly precise?: boolean;
  /** What roundings come to in an ill-conditioned network, by tensor: absolute. */
  readonly floors?: ReadonlyMap<string, number>;
}

/** @param ours what `runNetwork` gave */
export function networkAllowances(
  given: NetworkCase,
  ours: Results,
  { kinks, precise = false, floors }: Circumstances,
): (name: string) => Allowance {
  const { graph } = given;
  const accuracy = precise ? 10 * PRECISE : GRADIENTS;
  const zeros = zeroGradients(graph);
  const floor = (name: string) => floors?.get(name) ?? 0;
  const specs = new Map(weightSpecs(graph).map((spec) => [spec.name, spec]));
  const near = (step: number) => nearKinks(graph, kinks?.[step]);
  const steps = Array.from({ length: Math.max(given.steps, 1) }, (_, step) => afterKinks(graph, near(step)));
  const anyBefore = (k: number) => !precise && steps.slice(0, k - 1).some((nodes) => nodes.includes(true));
  return (name) => {
    const value = ours.get(name)!;
    if (name === "loss")
      return { tolerance: Math.max(floor(name), LOSS * Math.max(1, Math.abs(value.data[0]))) };
    if (name === "probabilities") return { tolerance: Math.max(floor(name), PROBABILITIES) };
    if (name === "logits") return { tolerance: Math.max(floor(name), GRADIENTS * largest(value)) };
    const [folder, ...rest] = name.split("/");
    if (folder === "gradients") {
      const weight = rest.join("/");
      const kernel = zeros.get(weight);
      if (kernel) {
        const scale = largest(ours.get(`gradients/${kernel}`)!);
        return { tolerance: Math.max(floor(name), GRADIENTS * scale), scale, remark: ZERO };
      }
      const node = weight === INPUT ? 0 : specs.get(weight)!.node;
      const norm = steps[0][node] ? KINK_NORM * normOf(value) : undefined;
      const tolerance = Math.max(floor(name), GRADIENTS * gradientScale(graph, ours, weight, node));
      return { tolerance, norm };
    }
    const k = Number(rest[0]);
    const weight = rest.slice(1).join("/");
    if (zeros.has(weight)) return { tolerance: 0, skip: true, remark: ZERO };
    const { node: index, trainable, parameter } = specs.get(weight)!;
    const node = graph.nodes[index];
    if (!trainable) {
      const walks = zeros.has(`${graph.nodes[node.inputs[0]].name}/bias`);
      return movingAllowance({ given, ours, k, node, parameter, walks, accuracy, kinked: anyBefore(k) });
    }
    const gradient = ours.get(`gradients/${weight}`)!;
    const kinked = anyBefore(k) || (!precise && steps[k - 1][index]);
    const own = accuracy * gradientScale(graph, ours, weight, index);
    const delta = precise ? own : Math.max(own, floor(`gradients/${weight}`));
    const tolerance = updateTolerance(given, gradient, k, weight, delta);
    if (!kinked) return { tolerance };
    const spread = (KINK_NORM * normOf(gradient)) / Math.sqrt(gradient.data.length);
    return { tolerance, norm: normOf({ data: updateTolerance(given, gradient, k, weight, spread) }) };
  };
}

const ZERO = "zero in exact arithmetic";

/**
 * The largest of a kernel's or the input's gradient. Gradients of bias, gamma and beta are sums over a whole batch, in which
 * almost everything may cancel, as where all units of a beta's channel are active and the next normalisation takes it out
 * again: they are as exact as the largest gradient of their layer.
 */
function gradientScale({ nodes }: Graph, ours: Results, weight: string, node: number): number {
  const own = largest(ours.get(`gradients/${weight}`)!);
  if (weight === INPUT || weight.endsWith("/kernel")) return own;
  const { name, specs } = nodes[node];
  const trainable = Object.keys(specs).filter((parameter) => specs[parameter].trainable);
  return Math.max(...trainable.map((parameter) => largest(ours.get(`gradients/${name}/${parameter}`)!)));
}

/**
 * Biases that a normalisation with batch statistics takes out again: their gradients are 0, but for roundings.
 * @returns each such bias, and its layer's kernel
 */
export function zeroGradients({ nodes }: Graph): Map<string, string> {
  const zeros = new Map<string, string>();
  nodes.forEach((node, index) => {
    const { activation } = node.options as { activation?: string };
    if (!node.specs.bias || activation !== "linear") return;
    const consumers = nodes.filter(({ inputs }) => inputs.includes(index));
    const normalised = consumers.every(
      ({ layer, options }) =>
        layer.kind === "batch_normalization" && (options as { statistics: string }).statistics === "batch",
    );
    if (consumers.length > 0 && normalised) zeros.set(`${node.name}/bias`, `${node.name}/kernel`);
  });
  return zeros;
}

/** For each node: whether a unit of its own lies near a kink. */
function nearKinks({ nodes }: Graph, kinks: readonly KinkCount[] | undefined): boolean[] {
  let next = 0;
  return nodes.map((node) => hasKink(node) && (kinks ? kinks[next++].near > 0 : true));
}

/** For each node: whether a unit near a kink lies in it or behind it, so that its gradients may jump. */
function afterKinks({ nodes }: Graph, near: readonly boolean[]): boolean[] {
  const affected = [...near];
  for (let index = nodes.length - 1; index >= 0; index--) {
    if (affected[index]) for (const input of nodes[index].inputs) affected[input] = true;
  }
  return affected;
}

function hasKink({ layer, options }: GraphNode): boolean {
  return layer.kind === "max_pooling2d" || (options as { activation?: string }).activation === "relu";
}

/**
 * w after k steps, each element. Its first gradient g may be off by δ. A step is at most `largestStep`, whatever happens.
 *   step 1:  lr·g/(|g| + ε′), ε′ = ε/√(1 − β₂), whose slope is ε′/(|g| + ε′)²;
 *   later:   m/√v depends on all gradients so far, with slopes that sum to at most 2k/|g|, as √v ≥ √(1 − β₂)·|g|.
 */
function updateTolerance(
  { adam, weights }: NetworkCase,
  gradient: NDArray,
  k: number,
  weight: string,
  delta: number,
): Float64Array {
  const rounding = 2 * k * ROUNDOFF * largest(weights.get(weight)!);
  const effective = adam.epsilon / Math.sqrt(1 - adam.beta2);
  const most = Array.from({ length: k }, (_, step) => 2 * largestStep(adam, step + 1));
  return gradient.data.map((value) => {
    const size = Math.max(Math.abs(value) - delta, 0);
    let tolerance = rounding;
    for (let step = 1; step <= k; step++) {
      const slope = step === 1 ? effective / (size + effective) ** 2 : (2 * step) / size;
      tolerance += Math.min(most[step - 1], adam.learningRate * slope * delta);
    }
    return tolerance;
  });
}

/** Cauchy–Schwarz: |m| = |Σ (1 − β₁)β₁ⁱg| ≤ √Σ((1 − β₁)β₁ⁱ)²/((1 − β₂)β₂ⁱ)·√v. Near lr in the first steps. */
export function largestStep(adam: Omit<AdamStep, "step">, step: number): number {
  const { learningRate, beta1, beta2 } = adam;
  let sum = 0;
  for (let i = 0; i < step; i++) sum += ((1 - beta1) * beta1 ** i) ** 2 / ((1 - beta2) * beta2 ** i);
  return adamLearningRate(learningRate, step, beta1, beta2) * Math.sqrt(sum);
}

interface Moving {
  readonly given: NetworkCase;
  readonly ours: Results;
  readonly k: number;
  readonly node: GraphNode;
  readonly parameter: string;
  /** A bias whose gradient is zero stands before the normalisation. */
  readonly walks: boolean;
  readonly accuracy: number;
  /** A unit near a kink may have changed a step before. */
  readonly kinked: boolean;
}

/**
 * Moving statistics after k steps: (1 − momentum) of the error of each step's batch statistics, relative to the standard
 * deviation and the mean, or to the variance. And the mean moves with a bias before it, which walks at random once Adam has made
 * steps of its gradient's roundings: two of them are up to 2·(largest step) apart after each.
 */
function movingAllowance({ given, ours, k, node, parameter, walks, accuracy, kinked }: Moving): Allowance {
  const { adam, weights } = given;
  const { momentum, statistics } = node.options as { momentum: number; statistics: string };
  if (statistics === "moving") return { tolerance: 0 };
  const share = 1 - momentum;
  const before = (name: string) =>
    (k === 1 ? weights.get(`${node.name}/${name}`) : ours.get(`after/${k - 1}/${node.name}/${name}`))!;
  const batch = (name: string): Float64Array => {
    const old = before(name).data;
    const { data } = ours.get(`after/${k}/${node.name}/${name}`)!;
    return data.map((value, c) => (value - momentum * old[c]) / share);
  };
  const variance = batch("moving_variance");
  const mean = batch("moving_mean");
  const isMean = parameter === "movingMean";
  const sizes = isMean ? variance.map((v, c) => Math.sqrt(Math.max(v, 0)) + Math.abs(mean[c])) : variance;
  const rounding = 2 * k * ROUNDOFF * largest(before(isMean ? "moving_mean" : "moving_variance"));
  let walk = 0;
  let apart = 0;
  if (walks && isMean) {
    for (let step = 1; step < k; step++) {
      apart += 2 * largestStep(adam, step);
      walk = momentum * walk + share * apart;
    }
  }
  const tolerance = rounding + walk + share * k * accuracy * largest({ data: sizes });
  const drift = share * (k - 1) * KINK_NORM * normOf({ data: sizes });
  return { tolerance, norm: kinked ? drift + walk * Math.sqrt(sizes.length) : undefined };
}
