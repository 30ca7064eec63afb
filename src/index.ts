/** The library's face. */
import type { LayerCall, SymbolicTensor } from "./layers/call.js";
import { buildModel, buildSequential, type ModelArguments } from "./models/build.js";
import type { Graph } from "./models/graph.js";
import { type InceptionOptions, NETWORK_NAMES, NETWORKS, type NetworkOptions } from "./models/networks.js";
import * as summaries from "./models/summary.js";
import { readModel } from "./train/checkpoint.js";
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

/** A model file that `save` wrote, or a checkpoint of a run. @throws FileError */
export async function loadModel(path: string): Promise<Model> {
  const { graph, weights } = await readModel(path);
  return new Model(graph, weights);
}

const graphOf = (given: Model | Graph): Graph => (given instanceof Model ? given.graph : given);

export const summaryData = (given: Model | Graph) => summaries.summaryData(graphOf(given));
export const summaryText = (given: Model | Graph) => summaries.summaryText(graphOf(given));

export type { Dataset, DatasetPair } from "./data/dataset.js";
export * as datasets from "./data/index.js";
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
  unknownName,
  WorkerError,
} from "./errors.js";
export { writeFileAtomic } from "./formats/atomicFile.js";
export type { Files, WritableFile } from "./formats/files.js";
export { type FolderLock, lockFolder } from "./formats/folderLock.js";
export { type NpyArray, type NpyType, readNpy, writeNpy } from "./formats/npy.js";
export { type NpzReadOptions, type NpzWriteOptions, readNpz, writeNpz } from "./formats/npz.js";
export * as layers from "./layers/index.js";
export { input, l2 } from "./layers/index.js";
export { type Graph, weightSpecs } from "./models/graph.js";
export type { NetworkName, NetworkOptions } from "./models/networks.js";
export type { LayerSummary, Summary } from "./models/summary.js";
export { resolveAugmentation } from "./train/augmentation.js";
export {
  csvLogger,
  earlyStopping,
  modelCheckpoint,
  reduceLROnPlateau,
  terminateOnNaN,
} from "./train/callbacks.js";
export { loadTrainingState, saveModel, saveTrainingState, weightsSha256 } from "./train/checkpoint.js";
export { Model } from "./train/model.js";
export { ModelLayer } from "./train/modelLayer.js";
export { trainingMemoryBytes } from "./train/openSession.js";
export { adam, adamw, OPTIMIZER_NAMES, rmsprop, sgd } from "./train/optimizers.js";
export { type RunJson, readRunJson } from "./train/runJson.js";
export {
  cosineDecay,
  exponentialDecay,
  learningRateAt,
  oneCycle,
  piecewiseConstantDecay,
  warmup,
} from "./train/schedules.js";
export type * from "./train/types.js";
