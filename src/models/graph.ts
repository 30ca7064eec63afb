/** A network as nodes in topological order: what `sequential` and `model` build, and what everything else walks. */
import {
  type InputShapes,
  type Layer,
  type ParameterSpec,
  type ParameterSpecs,
  snakeCase,
} from "../layers/layer.js";
import type { Shape } from "../shape.js";

export interface GraphNode {
  /** Unique: `conv2d`, `conv2d_1`, … numbered by kind in order of creation. */
  readonly name: string;
  readonly layer: Layer;
  /** Complete: what `layer.options()` returned. */
  readonly options: object;
  /** False: frozen, and so are all of its `specs`. */
  readonly trainable: boolean;
  /** Indices of the nodes that feed this one; none for the input. */
  readonly inputs: readonly number[];
  readonly inputShapes: InputShapes;
  /** One example's: no batch axis. */
  readonly outputShape: Shape;
  readonly specs: ParameterSpecs;
}

export interface Graph {
  readonly name: string;
  /** Node 0 is the input layer; every node comes after those that feed it. */
  readonly nodes: readonly GraphNode[];
  /** Index of the node whose output is the network's. */
  readonly output: number;
}

export interface WeightSpec extends ParameterSpec {
  /** `conv2d/kernel`, `batch_normalization/moving_mean`. */
  readonly name: string;
  readonly node: number;
  /** The layer's own name for it: `kernel`, `movingMean`. */
  readonly parameter: string;
}

/** All weights in order: node by node, within a node as the layer lists them. */
export function weightSpecs(graph: Graph): WeightSpec[] {
  return graph.nodes.flatMap((node, index) =>
    Object.entries(node.specs).map(([parameter, spec]) => ({
      ...spec,
      name: `${node.name}/${snakeCase(parameter)}`,
      node: index,
      parameter,
    })),
  );
}

/** What a node has to learn; nothing when it is frozen. */
export function specsOf(
  layer: Layer,
  inputShapes: InputShapes,
  options: object,
  trainable: boolean,
): ParameterSpecs {
  const specs = layer.parameterSpecs(inputShapes, options);
  if (trainable) return specs;
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { ...spec, trainable }]));
}

/** The same network with these layers frozen, or learning again. */
export function withTrainable(graph: Graph, names: ReadonlySet<string>, trainable: boolean): Graph {
  const nodes = graph.nodes.map((node): GraphNode => {
    if (!names.has(node.name) || node.trainable === trainable) return node;
    return { ...node, trainable, specs: specsOf(node.layer, node.inputShapes, node.options, trainable) };
  });
  return { ...graph, nodes };
}
