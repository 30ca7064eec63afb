/** What the library offers wherever it runs; src/index.ts adds what needs files, src/browser.ts the datasets of a page. */

import { bytesSource } from "./formats/byteSource.js";
import type { LayerCall, SymbolicTensor } from "./layers/call.js";
import { buildModel, buildSequential, type ModelArguments } from "./models/build.js";
import type { Graph } from "./models/graph.js";
import { graphToKeras, type KerasOptions } from "./models/kerasWrite.js";
import { type InceptionOptions, NETWORK_NAMES, NETWORKS, type NetworkOptions } from "./models/networks.js";
import * as summaries from "./models/summary.js";
import { modelBytes, parseModel } from "./train/checkpoint.js";
import { Model } from "./train/model.js";

/** One layer after another. @throws OptionError, ShapeError */
export function sequential(
  layers: readonly (LayerCall | SymbolicTensor)[],
  { name = "sequential" }: { name?: string } = {},
): Model {
  return new Model(buildSequential(name, layers));
}

/** From input() through layers' apply() to an output; branches and joins as you like. @throws OptionError, ShapeError */
export function model(given: ModelArguments): Model {
  return new Model(buildModel(given));
}

/** The six networks, with fresh weights. */
export const models = {
  names: NETWORK_NAMES,
  baseline: (options?: NetworkOptions) => new Model(NETWORKS.baseline(options)),
  lenet5: (options?: NetworkOptions) => new Model(NETWORKS.lenet5(options)),
  alexnet8: (options?: NetworkOptions) => new Model(NETWORKS.alexnet8(options)),
  vgg16: (options?: NetworkOptions) => new Model(NETWORKS.vgg16(options)),
  inception10: (options?: InceptionOptions) => new Model(NETWORKS.inception10(options)),
  resnet18: (options?: NetworkOptions) => new Model(NETWORKS.resnet18(options)),
} as const;

/** The model as the bytes of a .safetensors file, as `save` writes it. */
export function encodeModel(given: Model): Uint8Array {
  return modelBytes(given.graph, given.getWeights());
}

/** A model from the bytes that `encodeModel` gave, or of a file that `save` wrote. @param name  for messages  @throws FileError */
export async function decodeModel(bytes: Uint8Array, name = "the model"): Promise<Model> {
  const { graph, weights } = await parseModel(bytesSource(name, bytes));
  return new Model(graph, weights);
}

/** A fresh network from what Keras' `model.to_json()`, or `toJSON` here, gave: text, or parsed. @throws FileError */
export async function modelFromJSON(json: string | object): Promise<Model> {
  const source = "modelFromJSON";
  const { graphFromKeras, parseKerasModel } = await import("./train/kerasText.js");
  return new Model(typeof json === "string" ? parseKerasModel(json, source) : graphFromKeras(json, source));
}

/** A network's description for Keras 3, or in version 2 for Keras 2 and tfjs. @throws OptionError for what Keras has not */
export const kerasConfig = (given: Model | Graph, options?: KerasOptions) =>
  graphToKeras(graphOf(given), options);

const graphOf = (given: Model | Graph): Graph => (given instanceof Model ? given.graph : given);

export const summaryData = (given: Model | Graph) => summaries.summaryData(graphOf(given));
export const summaryText = (given: Model | Graph) => summaries.summaryText(graphOf(given));

export { fastCoreAvailable } from "#compile-core";
export { availableWorkers } from "#platform";
export type { Backend, Tensor } from "./backend/backend.js";
export type { Dataset, DatasetPair } from "./data/dataset.js";
export { ERROR_CODES, type ErrorCode } from "./errorCodes.js";
export {
  CbapdError,
  DataError,
  FileError,
  LockError,
  mustBe,
  NumberError,
  OptionError,
  ShapeError,
  show,
  unknownName,
  WorkerError,
} from "./errors.js";
export { defineLayer, type LayerDefinition, type OwnLayer, type OwnParameter } from "./layers/define.js";
export * as layers from "./layers/index.js";
export { input, l2 } from "./layers/index.js";
export type { ModelArguments } from "./models/build.js";
export type { GraphNode, WeightSpec } from "./models/graph.js";
export { type Graph, weightSpecs } from "./models/graph.js";
export { graphDifference } from "./models/graphDifference.js";
export type { InceptionOptions, NetworkName, NetworkOptions } from "./models/networks.js";
export type { LayerSummary, Summary } from "./models/summary.js";
export type { Padding, Pair, Shape } from "./shape.js";
export { resolveAugmentation } from "./train/augmentation.js";
export type { EarlyStoppingOptions, ReduceLROnPlateauOptions } from "./train/callbacks.js";
export { earlyStopping, reduceLROnPlateau, terminateOnNaN } from "./train/callbacks.js";
export { decodeTrainingState, encodeTrainingState, weightsSha256 } from "./train/checkpoint.js";
export { type Confusion, confusionMatrix } from "./train/confusion.js";
export { type FilterPicture, filterPicture } from "./train/filterPicture.js";
export { Model } from "./train/model.js";
export { ModelLayer } from "./train/modelLayer.js";
export { trainingMemoryBytes } from "./train/openSession.js";
export { adam, adamw, OPTIMIZER_NAMES, rmsprop, sgd } from "./train/optimizers.js";
export {
  type ClassificationReport,
  type ClassScores,
  classificationReport,
  type Mistake,
  type Scores,
} from "./train/report.js";
export {
  cosineDecay,
  exponentialDecay,
  learningRateAt,
  oneCycle,
  piecewiseConstantDecay,
  warmup,
} from "./train/schedules.js";
export type * from "./train/types.js";
