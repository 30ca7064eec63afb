/** The outside oracle: our graphs, interpreted by tfjs-backend-wasm. */
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import type { ActivationName } from "../../src/layers/activations.js";
import type { BatchNormalizationOptions } from "../../src/layers/batchNormalization.js";
import type { Conv2DOptions } from "../../src/layers/conv2d.js";
import { snakeCase } from "../../src/layers/layer.js";
import type { PoolingOptions } from "../../src/layers/pooling.js";
import type { Graph, GraphNode } from "../../src/models/graph.js";
import { referenceDropout } from "../../src/reference/dropout.js";
import { ndarray } from "../../src/reference/ndarray.js";
import { type Window2D, windowGeometry } from "../../src/shape.js";

export async function startTfjs(): Promise<void> {
  const main = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(dirname(main) + sep);
  await tf.setBackend("wasm");
  await tf.ready();
}

type Weights = ReadonlyMap<string, tf.Tensor>;

/**
 * Convolution with a gradient of our own making: tfjs' wasm backend has no Conv2DBackpropFilter. The filter gradient is a
 * forward convolution with batch and channel exchanged, and the stride as dilation.
 */
export function conv2d(x: tf.Tensor4D, kernel: tf.Tensor4D, window: Window2D): tf.Tensor4D {
  const [height, width] = x.shape.slice(1, 3);
  const { padTop, padBottom, padLeft, padRight } = windowGeometry("conv2d", height, width, window);
  const strides = window.strides as [number, number];
  const operation = tf.customGrad((...args) => {
    const [input, filter, save] = args as unknown as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([input, filter]);
    const value = tf.conv2d(input, filter, strides, window.padding);
    const gradFunc = (dY: tf.Tensor, saved: tf.Tensor[]) => {
      const [savedX, savedKernel] = saved as [tf.Tensor4D, tf.Tensor4D];
      const upstream = dY as tf.Tensor4D;
      const dX = tf.conv2dTranspose(upstream, savedKernel, savedX.shape, strides, window.padding);
      const padded = tf.pad(savedX, [
        [0, 0],
        [padTop, padBottom],
        [padLeft, padRight],
        [0, 0],
      ]);
      const exchanged = tf.transpose(padded, [3, 1, 2, 0]) as tf.Tensor4D;
      const filters = tf.transpose(upstream, [1, 2, 0, 3]) as tf.Tensor4D;
      const wide = tf.conv2d(exchanged, filters, 1, "valid", "NHWC", strides);
      const [kh, kw, channels, count] = savedKernel.shape;
      const cropped = tf.slice(wide, [0, 0, 0, 0], [channels, kh, kw, count]);
      return [dX, tf.transpose(cropped, [1, 2, 0, 3])];
    };
    return { value, gradFunc };
  });
  return operation(x, kernel) as tf.Tensor4D;
}

/** The batch's mean loss and the logits, L2 included, for a graph whose softmax was taken off (`withLogits`). */
export function interpret(
  graph: Graph,
  x: tf.Tensor,
  labels: tf.Tensor1D,
  weights: Weights,
): { loss: tf.Scalar; statistics: Map<string, { mean: tf.Tensor; variance: tf.Tensor }> } {
  const statistics = new Map<string, { mean: tf.Tensor; variance: tf.Tensor }>();
  const outputs: tf.Tensor[] = [];
  let penalty = tf.scalar(0);
  graph.nodes.forEach((node, index) => {
    const xs = node.layer.kind === "input" ? [x] : node.inputs.map((input) => outputs[input]);
    const weight = (name: string) => weights.get(`${node.name}/${snakeCase(name)}`);
    outputs.push(run(node, index, xs, weight, statistics));
    for (const [parameter, { l2 }] of Object.entries(node.specs)) {
      if (l2) penalty = tf.add(penalty, tf.mul(l2, tf.sum(tf.square(weight(parameter)!))));
    }
  });
  const logits = outputs[graph.output] as tf.Tensor2D;
  const chosen = tf.sum(tf.mul(logits, tf.oneHot(labels, logits.shape[1])), 1);
  const loss = tf.add(tf.mean(tf.sub(tf.logSumExp(logits, 1), chosen)), penalty) as tf.Scalar;
  return { loss, statistics };
}

function run(
  node: GraphNode,
  index: number,
  xs: tf.Tensor[],
  weight: (name: string) => tf.Tensor | undefined,
  statistics: Map<string, { mean: tf.Tensor; variance: tf.Tensor }>,
): tf.Tensor {
  const [x] = xs;
  switch (node.layer.kind) {
    case "input":
      return x;
    case "conv2d": {
      const { kernelSize, strides, padding, activation } = node.options as Conv2DOptions;
      const window = { kernel: kernelSize, strides, padding };
      const y = conv2d(x as tf.Tensor4D, weight("kernel") as tf.Tensor4D, window);
      return activate(activation, withBias(y, weight("bias")));
    }
    case "dense": {
      const { activation } = node.options as { activation: ActivationName };
      const y = tf.matMul(x as tf.Tensor2D, weight("kernel") as tf.Tensor2D);
      return activate(activation, withBias(y, weight("bias")));
    }
    case "batch_normalization": {
      const { epsilon } = node.options as BatchNormalizationOptions;
      const axes = x.shape.map((_, axis) => axis).slice(0, -1);
      const mean = tf.mean(x, axes);
      const centered = tf.sub(x, mean);
      const variance = tf.mean(tf.square(centered), axes);
      statistics.set(node.name, { mean, variance });
      const xHat = tf.mul(centered, tf.rsqrt(tf.add(variance, epsilon)));
      return tf.add(tf.mul(xHat, weight("gamma")!), weight("beta")!);
    }
    case "activation":
      return activate((node.options as { activation: ActivationName }).activation, x);
    case "max_pooling2d": {
      const { poolSize, strides, padding } = node.options as PoolingOptions;
      return tf.maxPool(x as tf.Tensor4D, [...poolSize], [...strides], padding);
    }
    case "global_average_pooling2d":
      return tf.mean(x, [1, 2]);
    case "dropout": {
      const { rate } = node.options as { rate: number };
      const ones = ndarray(x.shape, new Float64Array(x.size).fill(1));
      return tf.mul(
        x,
        tf.tensor(Float32Array.from(referenceDropout(0, 0).dropout(ones, rate, index).y.data), x.shape),
      );
    }
    case "flatten":
      return tf.reshape(x, [x.shape[0], -1]);
    case "add":
      return tf.addN(xs);
    case "concatenate":
      return tf.concat(xs, -1);
    default:
      throw new Error(`the oracle knows no layer ${node.layer.kind}`);
  }
}

function withBias(y: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor {
  return bias ? tf.add(y, bias) : y;
}

function activate(name: ActivationName, x: tf.Tensor): tf.Tensor {
  switch (name) {
    case "linear":
      return x;
    case "relu":
      return tf.relu(x);
    case "sigmoid":
      return tf.sigmoid(x);
    case "tanh":
      return tf.tanh(x);
    case "softmax":
      return tf.softmax(x);
  }
}
