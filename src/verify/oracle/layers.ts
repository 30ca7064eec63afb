/** Our layers in tfjs' operations. One switch, so that what each becomes can be read at a glance. */
import type * as T from "@tensorflow/tfjs";
import type { ActivationName } from "../../layers/activations.js";
import type { BatchNormalizationOptions } from "../../layers/batchNormalization.js";
import type { Conv2DOptions } from "../../layers/conv2d.js";
import type { Layer } from "../../layers/layer.js";
import { type PoolingOptions, poolingWindow } from "../../layers/pooling.js";
import { referenceDropout } from "../../reference/dropout.js";
import { ndarray } from "../../reference/ndarray.js";
import { type Window2D, windowGeometry } from "../../shape.js";
import type { Tfjs } from "./load.js";

export interface Applied {
  readonly y: T.Tensor;
  /** Of the batch, where the layer moves statistics. */
  readonly statistics?: { readonly mean: T.Tensor; readonly variance: T.Tensor };
}

export interface Application {
  readonly layer: Layer;
  readonly options: object;
  readonly xs: readonly T.Tensor[];
  /** By the layer's own names. */
  readonly parameters: Readonly<Record<string, T.Tensor>>;
  readonly training: boolean;
  readonly stream: number;
  /** Dropout's. */
  readonly seed: number;
  readonly step: number;
}

export function applyLayer(tf: Tfjs, application: Application): Applied {
  const { layer, options, xs, parameters } = application;
  const [x] = xs;
  switch (layer.kind) {
    case "input":
      return { y: x };
    case "conv2d": {
      const { kernelSize, strides, padding, activation } = options as Conv2DOptions;
      const window = { kernel: kernelSize, strides, padding };
      const y = conv2d(tf, x as T.Tensor4D, parameters.kernel as T.Tensor4D, window);
      return { y: activate(tf, activation, withBias(tf, y, parameters.bias)) };
    }
    case "dense": {
      const { activation } = options as { activation: ActivationName };
      const y = tf.matMul(x as T.Tensor2D, parameters.kernel as T.Tensor2D);
      return { y: activate(tf, activation, withBias(tf, y, parameters.bias)) };
    }
    case "batch_normalization":
      return normalize(tf, application);
    case "activation":
      return { y: activate(tf, (options as { activation: ActivationName }).activation, x) };
    case "leaky_re_lu":
      return { y: tf.leakyRelu(x, (options as { alpha: number }).alpha) };
    case "max_pooling2d": {
      const { poolSize, strides, padding } = options as PoolingOptions;
      return { y: tf.maxPool(x as T.Tensor4D, [...poolSize], [...strides], padding) };
    }
    case "average_pooling2d": {
      return { y: averagePool(tf, x as T.Tensor4D, poolingWindow(options as PoolingOptions)) };
    }
    case "global_average_pooling2d":
      return { y: tf.mean(x, [1, 2]) };
    case "dropout": {
      const { rate } = options as { rate: number };
      return { y: rate === 0 ? x : tf.mul(x, dropoutMask(tf, application, rate)) };
    }
    case "flatten":
      return { y: tf.reshape(x, [x.shape[0], -1]) };
    case "add":
      return { y: tf.addN([...xs]) };
    case "concatenate":
      return { y: tf.concat([...xs], -1) };
    default:
      throw new Error(`the oracle knows no layer ${layer.kind}`);
  }
}

/** Our random numbers, their arithmetic: 1/(1 − rate) where an element is kept. */
function dropoutMask(tf: Tfjs, { xs: [x], stream, seed, step }: Application, rate: number): T.Tensor {
  const ones = ndarray(x.shape, new Float64Array(x.size).fill(1));
  const { y } = referenceDropout(seed, step).dropout(ones, rate, stream);
  return tf.tensor(Float32Array.from(y.data), x.shape);
}

function normalize(tf: Tfjs, { options, xs: [x], parameters, training }: Application): Applied {
  const { epsilon, statistics } = options as BatchNormalizationOptions;
  const { gamma, beta, movingMean, movingVariance } = parameters;
  const scaled = (centred: T.Tensor, variance: T.Tensor) =>
    tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), gamma), beta);
  if (!training || statistics === "moving") return { y: scaled(tf.sub(x, movingMean), movingVariance) };
  const axes = x.shape.map((_, axis) => axis).slice(0, -1);
  const mean = tf.mean(x, axes);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), axes);
  return { y: scaled(centred, variance), statistics: { mean, variance } };
}

/**
 * tfjs' gradient of avgPool divides by the whole window where its forward divides by the real elements, on every backend. So the
 * picture is padded with zeros, windows averaged whole, and the means corrected by area/count: where nothing is padded, its gradient is right.
 */
function averagePool(tf: Tfjs, x: T.Tensor4D, window: Window2D): T.Tensor {
  const [, height, width] = x.shape;
  const { outHeight, outWidth, ...pads } = windowGeometry("averagePooling2d", height, width, window);
  const padded = tf.pad(x, [
    [0, 0],
    [pads.padTop, pads.padBottom],
    [pads.padLeft, pads.padRight],
    [0, 0],
  ]);
  const [kh, kw] = window.kernel;
  const [sh, sw] = window.strides;
  const real = (out: number, stride: number, before: number, kernel: number, size: number) =>
    Math.min(out * stride - before + kernel, size) - Math.max(out * stride - before, 0);
  const corrections = Float32Array.from({ length: outHeight * outWidth }, (_, at) => {
    const rows = real(Math.floor(at / outWidth), sh, pads.padTop, kh, height);
    const columns = real(at % outWidth, sw, pads.padLeft, kw, width);
    return (kh * kw) / (rows * columns);
  });
  const means = tf.avgPool(padded as T.Tensor4D, [kh, kw], [sh, sw], "valid");
  return tf.mul(means, tf.tensor(corrections, [1, outHeight, outWidth, 1]));
}

function withBias(tf: Tfjs, y: T.Tensor, bias: T.Tensor | undefined): T.Tensor {
  return bias ? tf.add(y, bias) : y;
}

function activate(tf: Tfjs, name: ActivationName, x: T.Tensor): T.Tensor {
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

/**
 * Convolution with a gradient of our own making: tfjs' wasm backend has no Conv2DBackpropFilter. The filter gradient is a
 * forward convolution with batch and channel exchanged, and the stride as dilation.
 */
function conv2d(tf: Tfjs, x: T.Tensor4D, kernel: T.Tensor4D, window: Window2D): T.Tensor4D {
  const [height, width] = x.shape.slice(1, 3);
  const { padTop, padBottom, padLeft, padRight } = windowGeometry("conv2d", height, width, window);
  const strides = window.strides as [number, number];
  const operation = tf.customGrad((...args) => {
    const [input, filter, save] = args as unknown as [T.Tensor4D, T.Tensor4D, T.GradSaveFunc];
    save([input, filter]);
    const value = tf.conv2d(input, filter, strides, window.padding);
    const gradFunc = (dY: T.Tensor, saved: T.Tensor[]) => {
      const [savedX, savedKernel] = saved as [T.Tensor4D, T.Tensor4D];
      const upstream = dY as T.Tensor4D;
      const dX = tf.conv2dTranspose(upstream, savedKernel, savedX.shape, strides, window.padding);
      const padded = tf.pad(savedX, [
        [0, 0],
        [padTop, padBottom],
        [padLeft, padRight],
        [0, 0],
      ]);
      const exchanged = tf.transpose(padded, [3, 1, 2, 0]) as T.Tensor4D;
      const filters = tf.transpose(upstream, [1, 2, 0, 3]) as T.Tensor4D;
      const wide = tf.conv2d(exchanged, filters, 1, "valid", "NHWC", strides);
      const [kh, kw, channels, count] = savedKernel.shape;
      const cropped = tf.slice(wide, [0, 0, 0, 0], [channels, kh, kw, count]);
      return [dX, tf.transpose(cropped, [1, 2, 0, 3])];
    };
    return { value, gradFunc };
  });
  return operation(x, kernel) as T.Tensor4D;
}
