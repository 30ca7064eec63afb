/** Networks as Keras' `model.to_json()` describes them. Keras 3 reads version 3; Keras 2 and tfjs read version 2. */
import { OptionError, show } from "../errors.js";
import { ownKinds } from "../layers/define.js";
import type { Graph, GraphNode } from "./graph.js";
import { type Json, KERAS_CLASSES, type KerasClass, NOT_IN_KERAS } from "./kerasLayers.js";

export interface KerasOptions {
  readonly version?: 2 | 3; // 3
}

/** @throws OptionError for what Keras has not */
export function graphToKeras(graph: Graph, { version = 3 }: KerasOptions = {}): Json {
  if (version !== 2 && version !== 3)
    throw new OptionError(`toKeras: version must be 2 or 3; got ${show(version)}.`);
  const chain = graph.nodes.every(({ inputs }, i) => i === 0 || (inputs.length === 1 && inputs[0] === i - 1));
  const sequential = chain && graph.output === graph.nodes.length - 1;
  const layers = graph.nodes.map((node) => {
    const layer = layerOf(node, version);
    if (sequential) return layer;
    return { ...layer, name: node.name, inbound_nodes: inboundNodes(graph, node, version) };
  });
  const end = (node: GraphNode) => [[node.name, 0, 0]];
  const ends = sequential
    ? {}
    : { input_layers: end(graph.nodes[0]), output_layers: end(graph.nodes[graph.output]) };
  return {
    ...(version === 3 && { module: sequential ? "keras" : "keras.src.models.functional" }),
    class_name: sequential ? "Sequential" : "Functional",
    config: { name: graph.name, layers, ...ends },
    ...(version === 2 && { keras_version: "2.15.0", backend: "tensorflow" }),
  };
}

function layerOf(node: GraphNode, version: 2 | 3): Json {
  const { layer, name, trainable } = node;
  const common = { name, trainable, dtype: "float32" };
  if (layer.kind === "input") {
    const shape = [null, ...node.outputShape];
    const key = version === 3 ? "batch_shape" : "batch_input_shape";
    return described("InputLayer", { [key]: shape, dtype: "float32", sparse: false, name }, version);
  }
  if (ownKinds().has(layer.kind)) {
    return {
      ...(version === 3 && { module: null }),
      class_name: layer.title,
      config: { ...common, ...node.options },
      registered_name: `cbapd>${layer.kind}`,
    };
  }
  const [className, known] = classOf(layer.kind);
  const options = node.options as Json;
  for (const [option, must] of Object.entries(NOT_IN_KERAS[layer.kind] ?? {})) {
    if (options[option] === must) continue;
    throw new OptionError(
      `${name}: Keras has no ${option} ${show(options[option])}; it can be exported with ${show(must)} only.`,
    );
  }
  const own = Object.entries(known.options)
    .filter(([, option]) => option.ours || version === 3)
    .map(([key, option]) => [key, plain(option.write(option.ours && options[option.ours]), version)]);
  return described(className, { ...common, ...Object.fromEntries(own) }, version);
}

/** Version 2 writes an initializer or regularizer without its module; L2 is a case of L1L2, which tfjs knows alone. */
function plain(value: unknown, version: 2 | 3): unknown {
  if (version === 3 || typeof value !== "object" || value === null || !("class_name" in value)) return value;
  const { class_name, config } = value as { class_name: string; config: Json };
  return class_name === "L2" ? { class_name: "L1L2", config: { l1: 0, ...config } } : { class_name, config };
}

function described(className: string, config: Json, version: 2 | 3): Json {
  if (version === 2) return { class_name: className, config };
  return { module: "keras.layers", class_name: className, config, registered_name: null };
}

function classOf(kind: string): readonly [string, KerasClass] {
  return Object.entries(KERAS_CLASSES).find(([, known]) => known.kind === kind && !known.implied)!;
}

function inboundNodes(graph: Graph, { inputs, layer }: GraphNode, version: 2 | 3): unknown[] {
  if (inputs.length === 0) return [];
  const sources = inputs.map((index) => graph.nodes[index]);
  if (version === 2) return [sources.map(({ name }) => [name, 0, 0, {}])];
  const tensors = sources.map(({ name, outputShape }) => ({
    class_name: "__keras_tensor__",
    config: { shape: [null, ...outputShape], dtype: "float32", keras_history: [name, 0, 0] },
  }));
  return [{ args: layer.joins ? [tensors] : tensors, kwargs: {} }];
}
