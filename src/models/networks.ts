/** The six networks, as lists of layers. */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import type { SymbolicTensor } from "../layers/call.js";
import * as layers from "../layers/index.js";
import type { Padding, Pair, Shape } from "../shape.js";
import { buildModel, buildSequential } from "./build.js";
import type { Graph } from "./graph.js";

export interface NetworkOptions {
  readonly classes?: number; // 10
  /** [height, width, channels] */
  readonly inputShape?: Shape; // [32, 32, 3]
  /** Multiplies every count of filters and units but the classes: max(1, ⌊n·width⌋). */
  readonly width?: number; // 1
}

export interface InceptionOptions extends NetworkOptions {
  /** "moving" reproduces the tutorial's listing, whose normalisation uses moving statistics even while training. */
  readonly statistics?: "batch" | "moving";
}

interface Resolved {
  readonly classes: number;
  readonly inputShape: Shape;
  /** A count of filters or units, scaled by the width. */
  readonly scaled: (count: number) => number;
}

function resolve(name: string, options: NetworkOptions, known: readonly string[] = []): Resolved {
  rejectUnknownKeys(name, options, ["classes", "inputShape", "width", ...known]);
  const { classes = 10, inputShape = [32, 32, 3], width = 1 } = options;
  if (!Number.isInteger(classes) || classes < 1) {
    throw new OptionError(mustBe(name, "classes", "be a positive integer", classes));
  }
  if (!(Number.isFinite(width) && width > 0)) {
    throw new OptionError(mustBe(name, "width", "be a positive number", width));
  }
  return { classes, inputShape, scaled: (count) => Math.max(1, Math.floor(count * width)) };
}

export function baseline(options: NetworkOptions = {}): Graph {
  const { classes, inputShape, scaled } = resolve("baseline", options);
  return buildSequential("baseline", [
    layers.conv2d({ filters: scaled(6), kernelSize: 5, padding: "same", inputShape }),
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
    layers.maxPooling2d({ poolSize: 2, strides: 2, padding: "same" }),
    layers.dropout({ rate: 0.2 }),
    layers.flatten(),
    layers.dense({ units: scaled(128), activation: "relu" }),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: classes, activation: "softmax" }),
  ]);
}

/** LeCun et al. 1998, with max pooling as in the tutorial. */
export function lenet5(options: NetworkOptions = {}): Graph {
  const { classes, inputShape, scaled } = resolve("lenet5", options);
  return buildSequential("lenet5", [
    layers.conv2d({ filters: scaled(6), kernelSize: 5, activation: "sigmoid", inputShape }),
    layers.maxPooling2d({ poolSize: 2, strides: 2 }),
    layers.conv2d({ filters: scaled(16), kernelSize: 5, activation: "sigmoid" }),
    layers.maxPooling2d({ poolSize: 2, strides: 2 }),
    layers.flatten(),
    layers.dense({ units: scaled(120), activation: "sigmoid" }),
    layers.dense({ units: scaled(84), activation: "sigmoid" }),
    layers.dense({ units: classes, activation: "softmax" }),
  ]);
}

/** Krizhevsky et al. 2012, fitted to 32×32 images. */
export function alexnet8(options: NetworkOptions = {}): Graph {
  const { classes, inputShape, scaled } = resolve("alexnet8", options);
  const normalizedPool = () => [
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
    layers.maxPooling2d({ poolSize: 3, strides: 2 }),
  ];
  const convRelu = (filters: number) =>
    layers.conv2d({ filters: scaled(filters), kernelSize: 3, padding: "same", activation: "relu" });
  return buildSequential("alexnet8", [
    layers.conv2d({ filters: scaled(96), kernelSize: 3, inputShape }),
    ...normalizedPool(),
    layers.conv2d({ filters: scaled(256), kernelSize: 3 }),
    ...normalizedPool(),
    convRelu(384),
    convRelu(384),
    convRelu(256),
    layers.maxPooling2d({ poolSize: 3, strides: 2 }),
    layers.flatten(),
    layers.dense({ units: scaled(2048), activation: "relu" }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: scaled(2048), activation: "relu" }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: classes, activation: "softmax" }),
  ]);
}

/** Simonyan & Zisserman 2014, configuration D, with batch normalisation and dropout. */
export function vgg16(options: NetworkOptions = {}): Graph {
  const { classes, inputShape, scaled } = resolve("vgg16", options);
  const stages = [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ];
  const convolution = (filters: number, first: boolean) => [
    layers.conv2d({
      filters: scaled(filters),
      kernelSize: 3,
      padding: "same",
      inputShape: first ? inputShape : undefined,
    }),
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
  ];
  const hidden = () => [
    layers.dense({ units: scaled(512), activation: "relu" }),
    layers.dropout({ rate: 0.2 }),
  ];
  return buildSequential("vgg16", [
    ...stages.flatMap((stage, s) => [
      ...stage.flatMap((filters, i) => convolution(filters, s === 0 && i === 0)),
      layers.maxPooling2d({ poolSize: 2, strides: 2, padding: "same" }),
      layers.dropout({ rate: 0.2 }),
    ]),
    layers.flatten(),
    ...hidden(),
    ...hidden(),
    layers.dense({ units: classes, activation: "softmax" }),
  ]);
}

/** After Szegedy et al. 2014: four branches a block, joined along the channels. */
export function inception10(options: InceptionOptions = {}): Graph {
  const { classes, inputShape, scaled } = resolve("inception10", options, ["statistics"]);
  const { statistics = "batch" } = options;
  const convBnRelu = (x: SymbolicTensor, filters: number, kernelSize: number, strides: number) => {
    const y = layers.conv2d({ filters: scaled(filters), kernelSize, strides, padding: "same" }).apply(x);
    const normalized = layers.batchNormalization({ statistics }).apply(y);
    return layers.activation({ activation: "relu" }).apply(normalized);
  };
  const block = (x: SymbolicTensor, filters: number, strides: number) => {
    const branch1 = convBnRelu(x, filters, 1, strides);
    const branch3 = convBnRelu(convBnRelu(x, filters, 1, strides), filters, 3, 1);
    const branch5 = convBnRelu(convBnRelu(x, filters, 1, strides), filters, 5, 1);
    const pooled = layers.maxPooling2d({ poolSize: 3, strides: 1, padding: "same" }).apply(x);
    return layers.concatenate().apply([branch1, branch3, branch5, convBnRelu(pooled, filters, 1, strides)]);
  };
  const inputs = layers.input({ shape: inputShape });
  let x = convBnRelu(inputs, 16, 3, 1);
  x = block(x, 16, 2);
  x = block(x, 16, 1);
  x = block(x, 32, 2);
  x = block(x, 32, 1);
  x = layers.globalAveragePooling2d().apply(x);
  const outputs = layers.dense({ units: classes, activation: "softmax" }).apply(x);
  return buildModel({ inputs, outputs, name: "inception10" });
}

/** He et al. 2015, for 32×32 images: a 3×3 first convolution, no pooling after it. */
export function resnet18(options: NetworkOptions = {}): Graph {
  const { classes, inputShape, scaled } = resolve("resnet18", options);
  const relu = (x: SymbolicTensor) => layers.activation({ activation: "relu" }).apply(x);
  const convBn = (x: SymbolicTensor, filters: number, kernelSize: number, strides: number | Pair) => {
    const padding: Padding = "same";
    const conv = layers.conv2d({ filters: scaled(filters), kernelSize, strides, padding, useBias: false });
    return layers.batchNormalization().apply(conv.apply(x));
  };
  const block = (x: SymbolicTensor, filters: number, strides: number) => {
    const residual = convBn(relu(convBn(x, filters, 3, strides)), filters, 3, 1);
    const shortcut = strides === 1 ? x : convBn(x, filters, 1, strides);
    return relu(layers.add().apply([residual, shortcut]));
  };
  const inputs = layers.input({ shape: inputShape });
  let x = relu(convBn(inputs, 64, 3, 1));
  [64, 128, 256, 512].forEach((filters, stage) => {
    x = block(x, filters, stage === 0 ? 1 : 2);
    x = block(x, filters, 1);
  });
  x = layers.globalAveragePooling2d().apply(x);
  const output = layers.dense({
    units: classes,
    activation: "softmax",
    kernelRegularizer: layers.l2(0.01),
  });
  return buildModel({ inputs, outputs: output.apply(x), name: "resnet18" });
}

export const NETWORKS = { baseline, lenet5, alexnet8, vgg16, inception10, resnet18 } as const;
export type NetworkName = keyof typeof NETWORKS;
export const NETWORK_NAMES = Object.keys(NETWORKS) as NetworkName[];
