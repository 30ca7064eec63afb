/** A network as JSON: what a saved model says about its own layers. readConfig.ts reads it. */
import type { Graph } from "./graph.js";

export interface GraphConfig {
  readonly name: string;
  readonly output: number;
  readonly nodes: readonly {
    readonly kind: string;
    readonly name: string;
    readonly options: Readonly<Record<string, unknown>>;
    readonly trainable?: boolean; // true
    /** Indices of nodes before it. */
    readonly inputs: readonly number[];
  }[];
}

export function graphToConfig(graph: Graph): GraphConfig {
  return {
    name: graph.name,
    output: graph.output,
    nodes: graph.nodes.map((node) => ({
      kind: node.layer.kind,
      name: node.name,
      options: { ...node.options },
      ...(!node.trainable && { trainable: false }),
      inputs: [...node.inputs],
    })),
  };
}
