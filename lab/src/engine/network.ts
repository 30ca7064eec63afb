/** From the page's words for a network to the library's. */
import {
  type Graph,
  input,
  type LayerSummary,
  layers,
  type Model,
  models,
  OptionError,
  sequential,
  summaryData,
  unknownName,
} from "./library.js";
import type { Handlers } from "./protocol/index.js";
import type { GraphNodeView, LayerSpec, NetworkCalls, NetworkSpec, NetworkView } from "./protocol/network.js";

type LayerCall = ReturnType<typeof layers.conv2d>;

/** In the library's code layers have camel case's names. */
const CREATORS: Readonly<Record<string, (options: never) => LayerCall>> = {
  conv2d: layers.conv2d,
  dense: layers.dense,
  activation: layers.activation,
  leaky_re_lu: layers.leakyReLU,
  dropout: layers.dropout,
  batch_normalization: layers.batchNormalization,
  max_pooling2d: layers.maxPooling2d,
  average_pooling2d: layers.averagePooling2d,
  global_average_pooling2d: layers.globalAveragePooling2d,
  flatten: layers.flatten,
};

/** With fresh weights. @throws OptionError, ShapeError */
export function buildNetwork(spec: NetworkSpec): Model {
  const { network, width, inputShape, classes } = spec;
  if (network !== "own") return models[network]({ width, inputShape, classes });
  return sequential([input({ shape: inputShape }), ...(spec.layers ?? []).map(layerOf)], { name: "own" });
}

function layerOf({ kind, ...options }: LayerSpec): LayerCall {
  const create = Object.hasOwn(CREATORS, kind) ? CREATORS[kind] : undefined;
  if (!create) throw new OptionError(unknownName("layer", kind, Object.keys(CREATORS)));
  return create(options as never);
}

export function nodeView(node: Graph["nodes"][number], summary: LayerSummary): GraphNodeView {
  const { name, layer, options, inputs, outputShape } = node;
  const { parameters, receptiveField, macs } = summary;
  return {
    name,
    kind: layer.kind,
    title: layer.title,
    options: { ...options },
    inputs,
    outputShape,
    parameters,
    receptiveField,
    macs,
  };
}

function describeNetwork(spec: NetworkSpec): NetworkView {
  const model = buildNetwork(spec);
  const { graph } = model;
  const summary = summaryData(model);
  return {
    name: graph.name,
    nodes: graph.nodes.map((node, index) => nodeView(node, summary.layers[index])),
    totalParameters: summary.totalParameters,
    trainableParameters: summary.trainableParameters,
    macs: summary.macs,
  };
}

export const networkHandlers: Handlers<NetworkCalls> = { describeNetwork };
