/**
 * Batch normalisation folded into the convolution or dense layer before it. In inference its statistics are constants, so
 *   gamma·(X·W + b − mean)/√(variance + epsilon) + beta = X·W′ + b′,
 *   W′ = W·s,  b′ = beta + (b − mean)·s,  s = gamma/√(variance + epsilon), for each filter.
 * A network so changed computes the same function with other roundings, and passes over each activation once less.
 */
import type { Backend, Tensor } from "../backend/backend.js";
import { activation } from "../layers/activation.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { Layer } from "../layers/layer.js";
import type { Graph, GraphNode } from "./graph.js";
import { parametersOf } from "./run.js";

/** Layers Y = X·W + b whose filters lie along the kernel's last axis. */
const LINEAR = new Set(["conv2d", "dense"]);

/**
 * The network and its weights for inference. Folded weights are computed by the backend, from those given, which stay; what
 * nothing can be folded into stays too: a normalisation behind another layer, or behind one that others read as well.
 */
export function foldNormalization<T extends Tensor>(
  backend: Backend<T>,
  graph: Graph,
  weights: ReadonlyMap<string, T>,
): { graph: Graph; weights: ReadonlyMap<string, T> } {
  const nodes = [...graph.nodes];
  const folded = new Map(weights);
  graph.nodes.forEach((node, index) => {
    const [before] = node.inputs;
    if (node.layer.kind !== "batch_normalization" || !folds(graph, before)) return;
    const linear = graph.nodes[before];
    const { gamma, beta, movingMean: mean, movingVariance: variance } = parametersOf(node, weights);
    const { kernel, bias } = parametersOf(linear, weights);
    const { epsilon } = node.options as BatchNormalizationOptions;
    const changed = backend.foldNormalization(kernel, bias, { mean, variance }, gamma, beta, epsilon);
    nodes[before] = {
      ...linear,
      options: { ...linear.options, useBias: true },
      specs: { ...linear.specs, bias: node.specs.beta },
    };
    nodes[index] = passThrough(node);
    folded.set(`${linear.name}/kernel`, changed.kernel).set(`${linear.name}/bias`, changed.bias);
  });
  return { graph: { ...graph, nodes }, weights: folded };
}

/** Whether a node is linear, and one other alone reads it. */
function folds({ nodes, output }: Graph, index: number): boolean {
  const { layer, options } = nodes[index];
  const readers = nodes.filter(({ inputs }) => inputs.includes(index));
  const linear = LINEAR.has(layer.kind) && (options as { activation?: string }).activation === "linear";
  return linear && readers.length === 1 && index !== output;
}

/** Its place stays, so that the others keep theirs. */
function passThrough(node: GraphNode): GraphNode {
  return { ...node, layer: activation as Layer, options: { activation: "linear" }, specs: {} };
}
