/**
 * A network as stages, one operation each: an activation that a layer applies itself becomes a stage of its own, so that there is a map
 * before it and a map after it. Operations, their order and every bit stay: only what lies between them gets a name.
 */
import type { Tensor } from "../backend/backend.js";
import { activation } from "../layers/activation.js";
import type { ActivationName } from "../layers/activations.js";
import { type Layer, snakeCase } from "../layers/layer.js";
import type { Graph, GraphNode } from "../models/graph.js";
import { withLogits } from "../models/run.js";
import type { Padding, Pair, Shape, Window2D } from "../shape.js";

export interface Stage {
  readonly index: number;
  /** The layer's name, or for its activation `conv2d/sigmoid`. */
  readonly name: string;
  /** The layer that it is a part of. */
  readonly layer: string;
  /** Keras' name of what it does: `conv2d`, `activation`, `max_pooling2d`. */
  readonly kind: string;
  /** Set for kind `activation`. */
  readonly activation?: ActivationName;
  /** Of convolution and pooling. */
  readonly window?: Window2D;
  /** Indices of the stages that feed it; none for the input. */
  readonly inputs: readonly number[];
  /** Of one image. */
  readonly shape: Shape;
  /** Names of its weights by the layer's own: `kernel` → `conv2d/kernel`. */
  readonly weights: Readonly<Record<string, string>>;
}

/** What lies in a stage beyond its value: statistics, masks. */
export type Cache<T> = Readonly<Record<string, T>>;

/** What went through the stages, by their indices. */
export interface Trace<T> {
  readonly ys: T[];
  readonly caches: Cache<T>[];
  readonly dYs: (T | undefined)[];
  /** What a stage sends back to each of its inputs. */
  readonly dXs: (readonly (T | undefined)[])[];
}

export interface StagedGraph {
  readonly graph: Graph;
  /** Index of the layer in the network, which numbers its random stream. */
  readonly streams: readonly number[];
  readonly layers: readonly string[];
}

/** @param given ends in a softmax, which the loss takes over, or in logits */
export function staged(given: Graph): StagedGraph {
  const { graph } = withLogits(given);
  const nodes: GraphNode[] = [];
  const streams: number[] = [];
  const layers: string[] = [];
  const outputs: number[] = [];
  const push = (node: GraphNode, stream: number, layer: string) => {
    streams.push(stream);
    layers.push(layer);
    return nodes.push(node) - 1;
  };
  graph.nodes.forEach((node, stream) => {
    const inputs = node.inputs.map((index) => outputs[index]);
    const own = (node.options as { activation?: ActivationName }).activation;
    if (own === undefined || own === "linear" || node.layer.kind === "activation") {
      outputs.push(push({ ...node, inputs }, stream, node.name));
      return;
    }
    const options = { ...node.options, activation: "linear" };
    const linear = push({ ...node, inputs, options }, stream, node.name);
    const shaped = { inputShapes: [node.outputShape], outputShape: node.outputShape, specs: {} };
    const applied = {
      name: `${node.name}/${own}`,
      layer: activation as Layer,
      options: { activation: own },
      inputs: [linear],
      trainable: node.trainable,
      ...shaped,
    };
    outputs.push(push(applied, stream, node.name));
  });
  return { graph: { ...graph, nodes, output: outputs[graph.output] }, streams, layers };
}

/** The same graph, whose layers write down what goes through them. */
export function traced<T extends Tensor>({ graph, streams }: StagedGraph): { graph: Graph; trace: Trace<T> } {
  const trace: Trace<T> = { ys: [], caches: [], dYs: [], dXs: [] };
  const nodes = graph.nodes.map((node, index): GraphNode => {
    const { layer } = node;
    // A layer computes on any backend's tensors: here they are all T's.
    const watched: Layer = {
      ...layer,
      forward(backend, xs, parameters, options, context) {
        const own = { ...context, stream: streams[index] };
        const result = layer.forward(backend, xs, parameters, options, own);
        trace.ys[index] = result.y as unknown as T;
        trace.caches[index] = result.cache as unknown as Cache<T>;
        return result;
      },
      backward(backend, dY, parameters, cache, options, context) {
        const result = layer.backward(backend, dY, parameters, cache, options, context);
        trace.dYs[index] = dY as unknown as T;
        trace.dXs[index] = result.dXs as unknown as (T | undefined)[];
        return result;
      },
    };
    return { ...node, layer: watched };
  });
  return { graph: { ...graph, nodes }, trace };
}

/** What is told about each node of a staged graph. */
export function stagesOf({ graph, layers }: StagedGraph): Stage[] {
  return graph.nodes.map(({ name, layer, options, inputs, outputShape, specs }, index) => {
    const { activation, kernelSize, poolSize, strides, padding } = options as {
      activation?: ActivationName;
      kernelSize?: Pair;
      poolSize?: Pair;
      strides: Pair;
      padding: Padding;
    };
    const kernel = kernelSize ?? poolSize;
    return {
      index,
      name,
      layer: layers[index],
      kind: layer.kind,
      ...(layer.kind === "activation" && { activation }),
      ...(kernel && { window: { kernel, strides, padding } }),
      inputs,
      shape: outputShape,
      weights: Object.fromEntries(Object.keys(specs).map((own) => [own, `${name}/${snakeCase(own)}`])),
    };
  });
}
