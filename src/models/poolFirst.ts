/**
 * Pooling before activation, for inference. A function that never falls keeps the order of numbers, so
 *   max f(x) = f(max x),
 * and f is computed on what pooling leaves: a quarter, with windows of 2×2. Results agree to roundings of f, which may put two
 * neighbouring floats the other way round (sigmoid does), and to the sign of a zero.
 */
import { type ActivationOptions, activation } from "../layers/activation.js";
import { type ActivationName, applyActivation } from "../layers/activations.js";
import { conv2d } from "../layers/conv2d.js";
import type { Layer } from "../layers/layer.js";
import { maxPooling2d } from "../layers/maxPooling2d.js";
import { sizeOf } from "../shape.js";
import type { Graph, GraphNode } from "./graph.js";

const RISING: ReadonlySet<ActivationName> = new Set(["relu", "sigmoid", "tanh"]);

/** Layers that end in the activation that they name. */
const ACTIVE: ReadonlySet<string> = new Set([activation.kind, conv2d.kind]);

/** The network for inference alone: pooling behind such an activation comes first, where nobody else reads what it pools. */
export function poolFirst(graph: Graph): Graph {
  const nodes = [...graph.nodes];
  graph.nodes.forEach((node, index) => {
    if (node.layer.kind !== "max_pooling2d" || sizeOf(node.outputShape) >= sizeOf(node.inputShapes[0]))
      return;
    // Folding leaves linear activations in the way.
    let before = node.inputs[0];
    while (isAlone(graph, before) && isLinear(nodes[before])) before = nodes[before].inputs[0];
    const source = nodes[before];
    const { activation: name } = source.options as Partial<ActivationOptions>;
    if (!isAlone(graph, before) || !ACTIVE.has(source.layer.kind) || !name || !RISING.has(name)) return;
    nodes[before] = { ...source, options: { ...source.options, activation: "linear" } };
    nodes[index] = { ...node, layer: pooledThen(name) };
  });
  return { ...graph, nodes };
}

/** Whether one other node alone reads a node's output. */
function isAlone({ nodes, output }: Graph, index: number): boolean {
  return index !== output && nodes.filter(({ inputs }) => inputs.includes(index)).length === 1;
}

function isLinear({ layer, options }: GraphNode): boolean {
  return layer.kind === activation.kind && (options as ActivationOptions).activation === "linear";
}

function pooledThen(name: ActivationName): Layer {
  const pooling = maxPooling2d as Layer;
  return {
    ...pooling,
    forward(backend, inputs, parameters, options, context) {
      const { y, cache } = pooling.forward(backend, inputs, parameters, options, context);
      return { y: applyActivation(backend, name, y), cache };
    },
  };
}
