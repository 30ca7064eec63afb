/** The layers as users write them: `layers.conv2d({ filters: 6, kernelSize: 5 })`. */
import { type ActivationOptions, activation as activationLayer } from "./activation.js";
import { add as addLayer } from "./add.js";
import { averagePooling2d as averagePooling2dLayer } from "./averagePooling2d.js";
import {
  type BatchNormalizationOptions,
  batchNormalization as batchNormalizationLayer,
} from "./batchNormalization.js";
import { callable, type LayerCall, type LayerNaming, SymbolicTensor } from "./call.js";
import { concatenate as concatenateLayer } from "./concatenate.js";
import { type Conv2DArguments, conv2d as conv2dLayer } from "./conv2d.js";
import { type DenseArguments, dense as denseLayer } from "./dense.js";
import { type DropoutOptions, dropout as dropoutLayer } from "./dropout.js";
import { flatten as flattenLayer } from "./flatten.js";
import { globalAveragePooling2d as globalAveragePooling2dLayer } from "./globalAveragePooling2d.js";
import { type InputOptions, input as inputLayer } from "./input.js";
import type { Layer } from "./layer.js";
import { type LeakyReLUOptions, leakyReLU as leakyReLULayer } from "./leakyReLU.js";
import { maxPooling2d as maxPooling2dLayer } from "./maxPooling2d.js";
import type { PoolingArguments } from "./pooling.js";

export const conv2d = callable<Conv2DArguments>(conv2dLayer);
export const dense = callable<DenseArguments>(denseLayer);
export const activation = callable<ActivationOptions>(activationLayer);
export const dropout = callable<DropoutOptions>(dropoutLayer);
export const batchNormalization = optional<Partial<BatchNormalizationOptions>>(batchNormalizationLayer);
export const maxPooling2d = optional<PoolingArguments>(maxPooling2dLayer);
export const averagePooling2d = optional<PoolingArguments>(averagePooling2dLayer);
export const globalAveragePooling2d = optional<object>(globalAveragePooling2dLayer);
export const leakyReLU = optional<Partial<LeakyReLUOptions>>(leakyReLULayer);
export const flatten = optional<object>(flattenLayer);
export const add = optional<object>(addLayer);
export const concatenate = optional<object>(concatenateLayer);

/** The input of a functional network. */
export function input(given: InputOptions & LayerNaming): SymbolicTensor {
  return new SymbolicTensor(callable<InputOptions>(inputLayer)(given), []);
}

/** Every kind by its Keras name, for reading saved networks. */
export const KINDS: Readonly<Record<string, Layer>> = Object.fromEntries(
  [
    inputLayer,
    conv2dLayer,
    denseLayer,
    activationLayer,
    leakyReLULayer,
    dropoutLayer,
    batchNormalizationLayer,
    maxPooling2dLayer,
    averagePooling2dLayer,
    globalAveragePooling2dLayer,
    flattenLayer,
    addLayer,
    concatenateLayer,
  ].map((layer) => [layer.kind, layer as Layer]),
);

/** For layers that may be called without any option. */
function optional<Arguments extends object>(layer: Layer): (given?: Arguments & LayerNaming) => LayerCall {
  const call = callable<Arguments>(layer);
  return (given = {} as Arguments) => call(given);
}

export type { ActivationOptions } from "./activation.js";
export type { BatchNormalizationOptions } from "./batchNormalization.js";
export type { LayerCall, LayerNaming, SymbolicTensor } from "./call.js";
export type { Conv2DArguments } from "./conv2d.js";
export type { DenseArguments } from "./dense.js";
export type { DropoutOptions } from "./dropout.js";
export type { InputOptions } from "./input.js";
export { l2, type Regularizer } from "./l2.js";
export type { PoolingArguments } from "./pooling.js";
