/**
 * The steps of training, evaluation and prediction, recorded as programs: gather the batch, forward, loss, backward,
 * update. Each batch size has programs of its own; all share the weights, the data and the activations' memory.
 */
import type { Backend } from "../backend/backend.js";
import { augmentImages } from "../backend/wasm/augment.js";
import { recordAverage } from "../backend/wasm/average.js";
import { wasmBackend } from "../backend/wasm/backend.js";
import { recordClipNorms, recordClipValues } from "../backend/wasm/clip.js";
import { gatherImages, gatherLabels, scatterOutputs } from "../backend/wasm/gather.js";
import { recordMetrics } from "../backend/wasm/metrics.js";
import { mixImages, softenLabels } from "../backend/wasm/mix.js";
import { recordAdam, recordSgd, recordWatch } from "../backend/wasm/optimizer.js";
import { type DataType, Recorder, type WasmTensor } from "../backend/wasm/recorder.js";
import { recordRmsprop } from "../backend/wasm/rmsprop.js";
import { foldNormalization } from "../models/fold.js";
import type { Graph } from "../models/graph.js";
import { poolFirst } from "../models/poolFirst.js";
import { backwardGraph, forwardGraph, penalty, withLogits } from "../models/run.js";
import type { Augmentation } from "../reference/augmentation.js";
import { type Shape, sizeOf } from "../shape.js";
import { AVERAGE, type DataRegions, type Regions } from "./regions.js";
import type { SessionData, SessionOptions } from "./session.js";
import type { Optimizer } from "./types.js";

/** The k of top-k accuracy. */
export const TOP_K = 5;

type StepOptions = Pick<
  SessionOptions,
  "graph" | "loss" | "optimizer" | "exact" | "augmentation" | "mixup" | "keepOutputs"
>;

/** One training step on `batch` examples; without an optimizer it ends with the gradients, of images as they are. */
export function recordTraining(options: StepOptions, regions: Regions, batch: number): Recorder {
  const { graph, loss, optimizer, augmentation } = options;
  const recorder = new Recorder(options);
  const backend = wasmBackend(recorder);
  const data = regions.training!;
  const weights = weightTensors(recorder, regions);
  const mixes = options.mixup !== undefined;
  const images = gatherBatch(recorder, graph, data, batch, augmentation);
  const x = mixes ? mixImages(recorder, images) : images;
  const labels = softened(recorder, graph, gatherBatchLabels(recorder, graph, data, batch), loss, mixes);
  const onNode = labelling(recorder);

  const { graph: trained, logits } = outputForLoss(options);
  const { y, caches } = forwardGraph(backend, trained, x, weights, { training: true, onNode });
  recorder.label = "loss";
  const { losses, dY } = lossOf(backend, logits, y, labels);
  if (data.classWeights !== 0) {
    const classes = y.shape[y.shape.length - 1];
    backend.weighByClass(losses, dY, labels, recorder.tensor([classes], "float32", data.classWeights));
  }
  const l2 = penalty(backend, trained, weights);
  metrics(recorder, regions, { losses, outputs: y, labels, l2 });
  const gradients = backwardGraph(backend, trained, dY, weights, caches, { onNode });
  for (const { spec, offset } of regions.weights) {
    if (spec.trainable) gradients.get(spec.name)!.buffer.address = regions.gradients + offset;
  }
  if (optimizer) {
    recordUpdate(recorder, regions, optimizer);
    if (regions.movingBytes > 0) {
      recordWatch(recorder, recorder.tensor([regions.movingBytes / 4], "float32", regions.moving));
    }
  }
  return recorder;
}

/** Loss and metrics of `batch` examples of the evaluation data. */
export function recordEvaluation(options: StepOptions, regions: Regions, batch: number): Recorder {
  const recorder = new Recorder(options);
  const backend = wasmBackend(recorder);
  const data = regions.evaluation!;
  const weights = weightTensors(recorder, regions, true);
  const x = gatherBatch(recorder, options.graph, data, batch);
  const labels = softened(
    recorder,
    options.graph,
    gatherBatchLabels(recorder, options.graph, data, batch),
    options.loss,
  );
  const { graph, logits } = outputForLoss(options);
  const y = infer(recorder, backend, graph, x, weights);
  recorder.label = "loss";
  const { losses, probabilities } = lossOf(backend, logits, y, labels);
  if (options.keepOutputs) keepOutputs(recorder, options.graph, regions, probabilities);
  metrics(recorder, regions, { losses, outputs: y, labels, l2: penalty(backend, graph, weights) });
  return recorder;
}

/** The network's outputs for `batch` examples of the evaluation data, into the results. */
export function recordPrediction(options: StepOptions, regions: Regions, batch: number): Recorder {
  const { graph } = options;
  const recorder = new Recorder(options);
  const data = regions.evaluation!;
  const x = gatherBatch(recorder, graph, data, batch);
  const weights = weightTensors(recorder, regions, true);
  const y = infer(recorder, wasmBackend(recorder), graph, x, weights);
  keepOutputs(recorder, graph, regions, y);
  return recorder;
}

function keepOutputs(recorder: Recorder, graph: Graph, regions: Regions, y: WasmTensor): void {
  recorder.label = "outputs";
  const outputs = sizeOf(graph.nodes[graph.output].outputShape);
  const { count } = regions.evaluation!.data;
  scatterOutputs(recorder, recorder.tensor([count, outputs], "float32", regions.results), y);
}

function infer(
  recorder: Recorder,
  backend: Backend<WasmTensor>,
  graph: Graph,
  x: WasmTensor,
  weights: ReadonlyMap<string, WasmTensor>,
): WasmTensor {
  const folded = foldNormalization(backend, graph, weights);
  const onNode = labelling(recorder);
  return forwardGraph(backend, poolFirst(folded.graph), x, folded.weights, { training: false, onNode }).y;
}

/** Instructions are labelled with their layer and phase: for messages and profiles. */
function labelling(recorder: Recorder) {
  return (node: string, phase: string) => {
    recorder.label = `${node} ${phase}`;
  };
}

/** Where a softmax feeds the loss, the loss takes the logits before it: the same number, computed stably. */
function outputForLoss({ graph, loss }: StepOptions): { graph: Graph; logits: boolean } {
  if (loss.fromLogits) return { graph, logits: true };
  const { graph: logitsGraph, endsInSoftmax } = withLogits(graph);
  return endsInSoftmax ? { graph: logitsGraph, logits: true } : { graph, logits: false };
}

function lossOf(
  backend: ReturnType<typeof wasmBackend>,
  logits: boolean,
  y: WasmTensor,
  labels: WasmTensor,
): { losses: WasmTensor; probabilities: WasmTensor; dY: WasmTensor } {
  if (logits) {
    const { losses, probabilities, dLogits } = backend.softmaxCrossEntropy(y, labels);
    return { losses, probabilities, dY: dLogits };
  }
  const { losses, dProbabilities } = backend.crossEntropy(y, labels);
  return { losses, probabilities: y, dY: dProbabilities };
}

/** @param averaged  trainable weights as their moving average, where there is one */
function weightTensors(recorder: Recorder, regions: Regions, averaged = false): Map<string, WasmTensor> {
  const trainable = (averaged && regions.slots.get(AVERAGE)) || regions.trainable;
  return new Map(
    regions.weights.map(({ spec, offset }) => {
      const base = spec.trainable ? trainable : regions.moving;
      return [spec.name, recorder.tensor(spec.shape, "float32", base + offset)];
    }),
  );
}

function gatherBatch(
  recorder: Recorder,
  graph: Graph,
  regions: DataRegions,
  batch: number,
  augmentation?: Augmentation,
): WasmTensor {
  recorder.label = "batch";
  const { data } = regions;
  const example: Shape = graph.nodes[0].outputShape;
  const dataType: DataType = data.images instanceof Float32Array ? "float32" : "uint8";
  const source = recorder.tensor([data.count, ...example], dataType, regions.images);
  const order = orderTensor(recorder, regions);
  return augmentation
    ? augmentImages(recorder, source, order, data.scale, batch, example, augmentation)
    : gatherImages(recorder, source, order, data.scale, batch, example);
}

function gatherBatchLabels(
  recorder: Recorder,
  graph: Graph,
  regions: DataRegions,
  batch: number,
): WasmTensor {
  const { data, labels } = regions;
  const outputs = sizeOf(graph.nodes[graph.output].outputShape);
  const shape = data.labels instanceof Float32Array ? [data.count, outputs] : [data.count];
  const source = recorder.tensor(shape, labelType(data.labels), labels);
  return gatherLabels(recorder, source, orderTensor(recorder, regions), batch);
}

/** Labels as the loss takes them: as they are, or distributions. */
function softened(
  recorder: Recorder,
  graph: Graph,
  labels: WasmTensor,
  { labelSmoothing = 0 }: StepOptions["loss"],
  mixes = false,
): WasmTensor {
  if (labelSmoothing === 0 && !mixes) return labels;
  const classes = sizeOf(graph.nodes[graph.output].outputShape);
  return softenLabels(recorder, labels, classes, { smoothing: labelSmoothing, mixes });
}

function labelType(labels: SessionData["labels"]): DataType {
  if (labels instanceof Uint8Array) return "uint8";
  return labels instanceof Int32Array ? "int32" : "float32";
}

function orderTensor(recorder: Recorder, regions: DataRegions): WasmTensor {
  return recorder.tensor([regions.data.count], "int32", regions.order);
}

function metrics(
  recorder: Recorder,
  regions: Regions,
  step: { losses: WasmTensor; outputs: WasmTensor; labels: WasmTensor; l2: WasmTensor | undefined },
): void {
  recordMetrics(recorder, {
    totals: recorder.tensor([4], "float64", regions.totals),
    losses: step.losses,
    outputs: step.outputs,
    labels: step.labels,
    penalty: step.l2,
    k: TOP_K,
  });
}

/**
 * Clips gradients, updates all trainable weights, then their moving average. The weights lie in one piece, those that decay
 * first; so do their gradients and slots.
 */
function recordUpdate(recorder: Recorder, regions: Regions, optimizer: Optimizer): void {
  recorder.label = "update";
  recordClipping(recorder, regions, optimizer);
  const { decayingBytes, trainableBytes } = regions;
  recordPart(recorder, regions, optimizer, 0, decayingBytes, true);
  recordPart(recorder, regions, optimizer, decayingBytes, trainableBytes, false);
}

/** Bytes [begin, end) of the trainable weights. */
function recordPart(
  recorder: Recorder,
  regions: Regions,
  optimizer: Optimizer,
  begin: number,
  end: number,
  decays: boolean,
): void {
  if (begin === end) return;
  const part = (address: number) => recorder.tensor([(end - begin) / 4], "float32", address + begin);
  const slot = (name: string) => {
    const address = regions.slots.get(name);
    return address === undefined ? undefined : part(address);
  };
  const weights = part(regions.trainable);
  const gradients = part(regions.gradients);
  switch (optimizer.name) {
    case "adam":
    case "adamw": {
      const [m, v] = ["m", "v"].map((name) => slot(`${optimizer.name}/${name}`)!);
      recordAdam(recorder, weights, m, v, gradients, { ...optimizer, decays });
      break;
    }
    case "sgd":
      recordSgd(recorder, weights, slot("sgd/velocity"), gradients, { ...optimizer, decays });
      break;
    case "rmsprop": {
      const slots = {
        velocity: slot("rmsprop/velocity")!,
        average: slot("rmsprop/average_gradient"),
        moving: slot("rmsprop/momentum"),
      };
      recordRmsprop(recorder, weights, slots, gradients, { ...optimizer, decays });
      break;
    }
  }
  const average = slot(AVERAGE);
  if (average) recordAverage(recorder, average, weights, optimizer.emaMomentum!);
}

function recordClipping(recorder: Recorder, regions: Regions, optimizer: Optimizer): void {
  const { clipvalue, clipnorm, globalClipnorm } = optimizer;
  // Between one weight's gradient and the next lie zeros.
  const whole = () => recorder.tensor([regions.trainableBytes / 4], "float32", regions.gradients);
  if (clipvalue) recordClipValues(recorder, whole(), clipvalue);
  if (globalClipnorm) recordClipNorms(recorder, [whole()], globalClipnorm);
  if (clipnorm) {
    const each = regions.weights
      .filter(({ spec }) => spec.trainable)
      .map(({ spec, offset }) => recorder.tensor(spec.shape, "float32", regions.gradients + offset));
    recordClipNorms(recorder, each, clipnorm);
  }
}
