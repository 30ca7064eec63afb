/** A graph as Keras describes its models in JSON: what tfjs-layers, Keras 2 and Keras 3 all read. */
import type { ActivationOptions } from "../layers/activation.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { Conv2DOptions } from "../layers/conv2d.js";
import type { DenseOptions } from "../layers/dense.js";
import type { DropoutOptions } from "../layers/dropout.js";
import type { Regularizer } from "../layers/l2.js";
import type { Initializer } from "../layers/layer.js";
import type { PoolingOptions } from "../layers/pooling.js";
import type { Graph, GraphNode } from "../models/graph.js";
import { isChain } from "./network.js";

type Json = Record<string, unknown>;

export interface KerasLayer {
  readonly class_name: string;
  readonly config: Json;
}

/** Keras' class names of initializers. */
export const INITIALIZERS: Readonly<Record<Initializer, string>> = {
  glorotUniform: "GlorotUniform",
  heUniform: "HeUniform",
  zeros: "Zeros",
  ones: "Ones",
};

const initializer = (name: Initializer): Json => ({
  class_name: INITIALIZERS[name],
  config: name === "zeros" || name === "ones" ? {} : { seed: null },
});
const regularizer = (given: Regularizer | undefined): Json | null =>
  given ? { class_name: "L1L2", config: { l1: 0, l2: given.l2 } } : null;

/** What a convolution and a dense layer have in common. */
const linear = (options: Conv2DOptions | DenseOptions): Json => ({
  activation: options.activation,
  use_bias: options.useBias,
  kernel_initializer: initializer(options.kernelInitializer),
  bias_initializer: initializer(options.biasInitializer),
  kernel_regularizer: regularizer(options.kernelRegularizer),
  bias_regularizer: regularizer(options.biasRegularizer),
});
const pooling = (options: object): Json => {
  const { poolSize, strides, padding } = options as PoolingOptions;
  return { pool_size: poolSize, strides, padding, data_format: "channels_last" };
};

/** By kind: the class' own part of the configuration. */
const CONFIGS: Readonly<Record<string, (options: object) => Json>> = {
  conv2d(options) {
    const { filters, kernelSize, strides, padding } = options as Conv2DOptions;
    const window = { kernel_size: kernelSize, strides, padding, dilation_rate: [1, 1] };
    return { filters, ...window, data_format: "channels_last", ...linear(options as Conv2DOptions) };
  },
  dense: (options) => ({ units: (options as DenseOptions).units, ...linear(options as DenseOptions) }),
  activation: (options) => ({ activation: (options as ActivationOptions).activation }),
  leaky_re_lu: (options) => ({ alpha: (options as { alpha: number }).alpha }),
  batch_normalization(options) {
    const { momentum, epsilon, gammaRegularizer, betaRegularizer } = options as BatchNormalizationOptions;
    return {
      axis: -1,
      momentum,
      epsilon,
      center: true,
      scale: true,
      gamma_regularizer: regularizer(gammaRegularizer),
      beta_regularizer: regularizer(betaRegularizer),
    };
  },
  max_pooling2d: pooling,
  average_pooling2d: pooling,
  global_average_pooling2d: () => ({ data_format: "channels_last" }),
  dropout: (options) => ({ rate: (options as DropoutOptions).rate }),
  flatten: () => ({ data_format: "channels_last" }),
  add: () => ({}),
  concatenate: () => ({ axis: -1 }),
};

export function kerasLayer({ name, layer, options, trainable, outputShape }: GraphNode): KerasLayer {
  if (layer.kind === "input") {
    const batch_input_shape = [null, ...outputShape];
    return {
      class_name: "InputLayer",
      config: { name, batch_input_shape, dtype: "float32", sparse: false },
    };
  }
  const own = CONFIGS[layer.kind](options);
  return { class_name: layer.title, config: { name, trainable, dtype: "float32", ...own } };
}

/** `Sequential` where each layer reads the one before it, else `Functional`. */
export function kerasConfig(graph: Graph): KerasLayer {
  const { name, nodes, output } = graph;
  if (isChain(graph)) return { class_name: "Sequential", config: { name, layers: nodes.map(kerasLayer) } };
  const layers = nodes.map((node) => ({
    ...kerasLayer(node),
    name: node.name,
    inbound_nodes: node.inputs.length === 0 ? [] : [node.inputs.map((index) => tensor(nodes[index], node))],
  }));
  return {
    class_name: "Functional",
    config: {
      name,
      layers,
      input_layers: [[nodes[0].name, 0, 0]],
      output_layers: [[nodes[output].name, 0, 0]],
    },
  };
}

/** The output of a layer, as the input of another. */
function tensor({ name }: GraphNode, { layer, options }: GraphNode): unknown[] {
  const moving =
    layer.kind === "batch_normalization" && (options as BatchNormalizationOptions).statistics === "moving";
  return [name, 0, 0, moving ? { training: false } : {}];
}
