/** Runs a graph on a backend: forward node by node, backward in reverse. Written once for every backend. */
import type { Backend, Tensor } from "../backend/backend.js";
import { type Parameters, snakeCase } from "../layers/layer.js";
import type { Graph, GraphNode } from "./graph.js";

/** Called before a node's operations: for labels and profiles. */
type OnNode = (name: string, phase: "forward" | "backward") => void;

type Cache<T> = Readonly<Record<string, T>>;
type Weights<T> = ReadonlyMap<string, T>;

export interface ForwardOptions {
  readonly training: boolean;
  readonly onNode?: OnNode;
}

export interface BackwardOptions {
  readonly onNode?: OnNode;
  /** Also the gradient with respect to the network's input, under the name `INPUT`. */
  readonly inputGradient?: boolean;
}

/** The input's name among the gradients; no weight has it: theirs contain a slash. */
export const INPUT = "x";

/**
 * @param x [N, …input shape]
 * @param weights by name, `conv2d/kernel`; moving statistics are updated in place while training
 * @returns the output [N, classes], and each node's cache for `backwardGraph`
 */
export function forwardGraph<T extends Tensor>(
  backend: Backend<T>,
  graph: Graph,
  x: T,
  weights: Weights<T>,
  { training, onNode }: ForwardOptions,
): { y: T; caches: readonly Cache<T>[] } {
  const outputs: T[] = [];
  const caches: Cache<T>[] = [];
  graph.nodes.forEach((node, stream) => {
    onNode?.(node.name, "forward");
    const xs = node.layer.kind === "input" ? [x] : node.inputs.map((index) => outputs[index]);
    const context = { training, stream, frozen: !node.trainable };
    const { y, cache } = node.layer.forward(backend, xs, parametersOf(node, weights), node.options, context);
    outputs.push(y);
    caches.push(cache);
  });
  return { y: outputs[graph.output], caches };
}

/**
 * Reverse mode: a node whose output feeds several others gets the sum of what comes back from them, in the order of those
 * nodes from last to first. dX is not computed where no trainable weight lies before it.
 * @param dY gradient of the loss with respect to the output
 * @returns the gradient of every trainable weight, by name; L2 penalties included
 */
export function backwardGraph<T extends Tensor>(
  backend: Backend<T>,
  graph: Graph,
  dY: T,
  weights: Weights<T>,
  caches: readonly Cache<T>[],
  { onNode, inputGradient = false }: BackwardOptions = {},
): Map<string, T> {
  const gradients = new Map<string, T>();
  const dOutputs: (T | undefined)[] = [];
  dOutputs[graph.output] = dY;
  const wanted = wantsGradient(graph, inputGradient);
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const node = graph.nodes[index];
    const dOutput = dOutputs[index];
    if (!dOutput || !wanted[index]) continue;
    if (node.layer.kind === "input") {
      gradients.set(INPUT, dOutput);
      continue;
    }
    onNode?.(node.name, "backward");
    const parameters = parametersOf(node, weights);
    const context = {
      dX: node.inputs.some((input) => wanted[input]),
      inputs: node.inputShapes,
      frozen: !node.trainable,
    };
    const back = node.layer.backward(backend, dOutput, parameters, caches[index], node.options, context);
    for (const [parameter, gradient] of Object.entries(back.parameters)) {
      const { l2, trainable } = node.specs[parameter];
      if (!trainable) continue;
      if (l2) backend.addL2Gradient(gradient, parameters[parameter], l2);
      gradients.set(weightName(node, parameter), gradient);
    }
    node.inputs.forEach((input, i) => {
      const dX = back.dXs[i];
      if (!dX || !wanted[input]) return;
      const sum = dOutputs[input];
      dOutputs[input] = sum ? backend.add(sum, dX) : dX;
    });
  }
  return gradients;
}

/** Σ rate·Σw² over all regularised weights that learn: a scalar; undefined when there are none. Keras leaves out frozen ones too. */
export function penalty<T extends Tensor>(
  backend: Backend<T>,
  graph: Graph,
  weights: Weights<T>,
): T | undefined {
  let sum: T | undefined;
  for (const node of graph.nodes) {
    for (const [parameter, { l2, trainable }] of Object.entries(node.specs)) {
      if (!l2 || !trainable) continue;
      const term = backend.l2(weights.get(weightName(node, parameter))!, l2);
      sum = sum ? backend.add(sum, term) : term;
    }
  }
  return sum;
}

/**
 * The same network without the softmax that it ends in, so that the loss can be computed stably from the logits.
 * Weights and their names stay.
 */
export function withLogits(graph: Graph): { graph: Graph; endsInSoftmax: boolean } {
  const last = graph.nodes[graph.output];
  if ((last.options as { activation?: string }).activation !== "softmax")
    return { graph, endsInSoftmax: false };
  const nodes = graph.nodes.map((node, index) =>
    index === graph.output ? { ...node, options: { ...node.options, activation: "linear" } } : node,
  );
  return { graph: { ...graph, nodes }, endsInSoftmax: true };
}

/** For each node: whether it, or any node before it, has trainable weights or is an input whose gradient is asked for. */
function wantsGradient(graph: Graph, inputGradient: boolean): boolean[] {
  const wanted: boolean[] = [];
  for (const node of graph.nodes) {
    const own =
      Object.values(node.specs).some((spec) => spec.trainable) ||
      (inputGradient && node.layer.kind === "input");
    wanted.push(own || node.inputs.some((index) => wanted[index]));
  }
  return wanted;
}

export function parametersOf<T>(node: GraphNode, weights: Weights<T>): Parameters<T> {
  const names = Object.keys(node.specs);
  return Object.fromEntries(names.map((parameter) => [parameter, weights.get(weightName(node, parameter))!]));
}

function weightName(node: GraphNode, parameter: string): string {
  return `${node.name}/${snakeCase(parameter)}`;
}
