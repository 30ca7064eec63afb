/**
 * A network as an ONNX model, opset 17, for inference. ONNX convolves [N, C, H, W]: images are turned once at the beginning, and
 * back before they are flattened, so that a dense layer finds its inputs in the order in which it learned them.
 * Dropout is left out: it does nothing in inference.
 */
import { referenceBackend } from "../backend/reference.js";
import { FileError } from "../errors.js";
import type { ActivationName } from "../layers/activations.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { Conv2DOptions } from "../layers/conv2d.js";
import type { DenseOptions } from "../layers/dense.js";
import { type PoolingOptions, poolingWindow } from "../layers/pooling.js";
import { foldNormalization } from "../models/fold.js";
import { type Graph, type GraphNode, weightSpecs } from "../models/graph.js";
import { ndarray } from "../reference/ndarray.js";
import { type Window2D, windowGeometry } from "../shape.js";
import { type Network, transpose, type Weights } from "./network.js";
import { type Attribute, OnnxGraph } from "./onnxGraph.js";

export interface OnnxOptions {
  /** Batch normalisation goes into the convolution or dense layer before it, where there is one without activation. */
  readonly fold?: boolean; // false
  /** How images come in: [N, H, W, C] as here, or [N, C, H, W]. */
  readonly layout?: "nhwc" | "nchw"; // "nhwc"
}

/** Protocol buffers count their bytes in int32. */
const MAX_BYTES = 2 ** 31 - 1;
const TO_NCHW = { perm: { integers: [0, 3, 1, 2] } };
const TO_NHWC = { perm: { integers: [0, 2, 3, 1] } };

/** What a layer becomes: adds its operators, and returns the name of its output's value. */
type Lowering = (at: {
  readonly onnx: OnnxGraph;
  readonly node: GraphNode;
  readonly inputs: readonly string[];
  readonly weights: Weights;
}) => string;

/** The file's bytes in pieces. @throws FileError naming `path` when there would be more than the format can hold */
export function encodeOnnx(path: string, network: Network, options: OnnxOptions = {}): readonly Uint8Array[] {
  const { fold = false, layout = "nhwc" } = options;
  const { graph, weights } = fold ? folded(network) : network;
  const onnx = new OnnxGraph();
  const [first] = graph.nodes;
  const isImage = first.outputShape.length === 3;
  const [height, width, channels] = first.outputShape;
  const turned = isImage && layout === "nhwc";
  const shape = isImage && layout === "nchw" ? [channels, height, width] : first.outputShape;
  const input = { name: first.name, shape: ["N", ...shape] };
  const values = [turned ? onnx.node("Transpose", [input.name], `${input.name}/nchw`, TO_NCHW) : input.name];
  for (const node of graph.nodes.slice(1)) {
    const inputs = node.inputs.map((index) => values[index]);
    values.push(LOWERINGS[node.layer.kind]({ onnx, node, inputs, weights }));
  }
  const last = graph.nodes[graph.output];
  let name = values[graph.output];
  if (name === input.name) name = onnx.node("Identity", [name], `${name}/output`);
  const output = { name, shape: ["N", ...last.outputShape] };
  const model = onnx.model(graph.name, input, output, {
    layout: isImage ? layout : "",
    "batch normalisation": fold ? "folded" : "as operators",
  });
  if (model.byteLength > MAX_BYTES) {
    throw new FileError(
      `${path} would have ${model.byteLength} bytes; an ONNX file has at most ${MAX_BYTES}.`,
    );
  }
  return model.pieces;
}

/** Computed in float64, rounded once. */
function folded({ graph, weights }: Network): Network {
  const arrays = new Map(
    weightSpecs(graph).map(({ name, shape }) => [name, ndarray(shape, weights.get(name)!)]),
  );
  const after = foldNormalization(referenceBackend({ seed: 0, step: 0 }), graph, arrays);
  const rounded = Array.from(after.weights, ([name, { data }]) => [name, Float32Array.from(data)] as const);
  return { graph: after.graph as Graph, weights: new Map(rounded) };
}

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  conv2d({ onnx, node, inputs: [x], weights }) {
    const { kernelSize, strides, padding, activation, useBias } = node.options as Conv2DOptions;
    const { shape } = node.specs.kernel; // [kh, kw, C, F]
    const [kh, kw, channels, filters] = shape;
    const kernel = transpose(weights.get(`${node.name}/kernel`)!, shape, [3, 2, 0, 1]);
    const operands = [x, onnx.constant(`${node.name}/kernel`, [filters, channels, kh, kw], kernel)];
    if (useBias) operands.push(vector(onnx, node, "bias", weights));
    const window = { kernel: kernelSize, strides, padding };
    return activated(onnx, node, activation, (name) =>
      onnx.node("Conv", operands, name, windowOf(node, window)),
    );
  },

  dense({ onnx, node, inputs: [x], weights }) {
    const { activation, useBias } = node.options as DenseOptions;
    const kernel = onnx.constant(
      `${node.name}/kernel`,
      node.specs.kernel.shape,
      weights.get(`${node.name}/kernel`)!,
    );
    const operands = [x, kernel, ...(useBias ? [vector(onnx, node, "bias", weights)] : [])];
    return activated(onnx, node, activation, (name) => onnx.node("Gemm", operands, name));
  },

  activation({ onnx, node, inputs: [x] }) {
    const { activation } = node.options as { activation: ActivationName };
    return activated(onnx, node, activation, () => x);
  },

  batch_normalization({ onnx, node, inputs: [x], weights }) {
    const { epsilon } = node.options as BatchNormalizationOptions;
    const names = ["gamma", "beta", "moving_mean", "moving_variance"];
    if (channelsFirst(node) || node.outputShape.length === 1) {
      const statistics = names.map((name) => vector(onnx, node, name, weights));
      return onnx.node("BatchNormalization", [x, ...statistics], node.name, { epsilon: { float: epsilon } });
    }
    // The operator knows channels only as the second axis: here they are the last.
    const [gamma, beta, mean, variance] = names.map((name) => weights.get(`${node.name}/${name}`)!);
    const factor = gamma.map((value, c) => value / Math.sqrt(variance[c] + epsilon));
    const addend = beta.map((value, c) => value - mean[c] * factor[c]);
    const scaled = onnx.node(
      "Mul",
      [x, onnx.constant(`${node.name}/factor`, [factor.length], factor)],
      `${node.name}/scaled`,
    );
    return onnx.node(
      "Add",
      [scaled, onnx.constant(`${node.name}/addend`, [addend.length], addend)],
      node.name,
    );
  },

  leaky_re_lu({ onnx, node, inputs }) {
    const { alpha } = node.options as { alpha: number };
    return onnx.node("LeakyRelu", inputs, node.name, { alpha: { float: alpha } });
  },

  max_pooling2d({ onnx, node, inputs }) {
    return onnx.node("MaxPool", inputs, node.name, poolOf(node));
  },

  average_pooling2d({ onnx, node, inputs }) {
    const attributes = { ...poolOf(node), count_include_pad: { integer: 0 } };
    return onnx.node("AveragePool", inputs, node.name, attributes);
  },

  global_average_pooling2d({ onnx, node, inputs }) {
    const mean = onnx.node("GlobalAveragePool", inputs, `${node.name}/mean`); // [N, C, 1, 1]
    return onnx.node("Flatten", [mean], node.name);
  },

  flatten({ onnx, node, inputs: [x] }) {
    const images = node.inputShapes[0].length === 3;
    const turned = images ? onnx.node("Transpose", [x], `${node.name}/nhwc`, TO_NHWC) : x;
    return onnx.node("Flatten", [turned], node.name);
  },

  dropout({ inputs: [x] }) {
    return x;
  },

  add({ onnx, node, inputs: [first, ...others] }) {
    return others.reduce(
      (sum, x, i) => onnx.node("Add", [sum, x], i === others.length - 1 ? node.name : `${node.name}/${i}`),
      first,
    );
  },

  concatenate({ onnx, node, inputs }) {
    return onnx.node("Concat", inputs, node.name, { axis: { integer: channelsFirst(node) ? 1 : -1 } });
  },
};

const channelsFirst = ({ outputShape }: GraphNode): boolean => outputShape.length === 3;

function vector(onnx: OnnxGraph, node: GraphNode, parameter: string, weights: Weights): string {
  const name = `${node.name}/${parameter}`;
  const values = weights.get(name)!;
  return onnx.constant(name, [values.length], values);
}

const OPERATORS = { relu: "Relu", sigmoid: "Sigmoid", tanh: "Tanh", softmax: "Softmax" } as const;

/** The value that `linear` makes under the name it is given, and the activation behind it, which then has the node's name. */
function activated(
  onnx: OnnxGraph,
  node: GraphNode,
  activation: ActivationName,
  linear: (name: string) => string,
): string {
  if (activation === "linear") return linear(node.name);
  const axis = { integer: channelsFirst(node) ? 1 : -1 };
  const attributes: Record<string, Attribute> = activation === "softmax" ? { axis } : {};
  return onnx.node(OPERATORS[activation], [linear(`${node.name}/linear`)], node.name, attributes);
}

function poolOf(node: GraphNode): Record<string, Attribute> {
  return windowOf(node, poolingWindow(node.options as PoolingOptions));
}

/** TensorFlow's "same" depends on the input's size: the padding is written out. */
function windowOf(node: GraphNode, window: Window2D): Record<string, Attribute> {
  const [height, width] = node.inputShapes[0];
  const { padTop, padLeft, padBottom, padRight } = windowGeometry(node.name, height, width, window);
  return {
    kernel_shape: { integers: window.kernel },
    strides: { integers: window.strides },
    pads: { integers: [padTop, padLeft, padBottom, padRight] },
  };
}
