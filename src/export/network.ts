/** What is exported and imported: a network's graph with its weights. */
import type { Graph, GraphNode } from "../models/graph.js";
import type { Shape } from "../shape.js";

export type Weights = ReadonlyMap<string, Float32Array>;

export interface Network {
  readonly graph: Graph;
  /** By name, `conv2d/kernel`, all that the graph has. */
  readonly weights: Weights;
}

/** Whether each layer reads the one before it, and the last is the output. */
export function isChain({ nodes, output }: Graph): boolean {
  const chained = ({ inputs }: GraphNode, index: number) =>
    index === 0 ? inputs.length === 0 : inputs.length === 1 && inputs[0] === index - 1;
  return output === nodes.length - 1 && nodes.every(chained);
}

/** Axis i of the result is axis axes[i] of what is given. Row-major, as everywhere. */
export function transpose(values: Float32Array, shape: Shape, axes: readonly number[]): Float32Array {
  const strides: number[] = [];
  for (let axis = shape.length - 1, stride = 1; axis >= 0; stride *= shape[axis--]) strides[axis] = stride;
  const sizes = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => strides[axis]);
  const result = new Float32Array(values.length);
  const index = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = values[from];
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < sizes[axis]) break;
      from -= steps[axis] * sizes[axis];
      index[axis] = 0;
    }
  }
  return result;
}
