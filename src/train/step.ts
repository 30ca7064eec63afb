/**
 * The steps of training, evaluation and prediction, recorded as programs: gather the batch, forward, loss, backward,
 * update. Each batch size has programs of its own; all share the weights, the data and the activations' memory.
 */
import { augmentImages } from "../backend/wasm/augment.js";
import { wasmBackend } from "../backend/wasm/backend.js";
import { gatherImages, gatherLabels, scatterOutputs } from "../backend/wasm/gather.js";
import { recordMetrics } from "../backend/wasm/metrics.js";
import { recordAdam, recordSgd } from "../backend/wasm/optimizer.js";
import { type DataType, Recorder, type WasmTensor } from "../backend/wasm/recorder.js";
import type { Graph } from "../models/graph.js";
import { backwardGraph, forwardGraph, penalty, withLogits } from "../models/run.js";
import type { Augmentation } from "../reference/augmentation.js";
import { type Shape, sizeOf } from "../shape.js";
import type { DataRegions, Regions } from "./regions.js";
import type { SessionData, SessionOptions } from "./session.js";
import type { Optimizer } from "./types.js";

/** The k of top-k accuracy. */
export const TOP_K = 5;

type StepOptions = Pick<SessionOptions, "graph" | "loss" | "optimizer" | "augmentation">;

/** One training step on `batch` examples; without an optimizer it ends with the gradients, of images as they are. */
export function recordTraining(options: StepOptions, regions: Regions, batch: number): Recorder {
  const { graph, optimizer, augmentation } = options;
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const data = regions.training!;
  const weights = weightTensors(recorder, regions);
  const x = gatherBatch(recorder, graph, data, batch, augmentation);
  const labels = gatherBatchLabels(recorder, graph, data, batch);
  const onNode = (node: string, phase: string) => {
    recorder.label = `${node} ${phase}`;
  };

  const { graph: trained, logits } = outputForLoss(options);
  const { y, caches } = forwardGraph(backend, trained, x, weights, { training: true, onNode });
  recorder.label = "loss";
  const { losses, dY } = lossOf(backend, logits, y, labels);
  const l2 = penalty(backend, trained, weights);
  metrics(recorder, regions, { losses, outputs: y, labels, l2 });
  const gradients = backwardGraph(backend, trained, dY, weights, caches, { onNode });
  for (const { spec, offset } of regions.weights) {
    if (spec.trainable) gradients.get(spec.name)!.buffer.address = regions.gradients + offset;
  }
  if (optimizer) recordUpdate(recorder, regions, optimizer);
  return recorder;
}

/** Loss and metrics of `batch` examples of the evaluation data. */
export function recordEvaluation(options: StepOptions, regions: Regions, batch: number): Recorder {
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const data = regions.evaluation!;
  const weights = weightTensors(recorder, regions);
  const x = gatherBatch(recorder, options.graph, data, batch);
  const labels = gatherBatchLabels(recorder, options.graph, data, batch);
  const { graph, logits } = outputForLoss(options);
  const { y } = forwardGraph(backend, graph, x, weights, { training: false });
  const { losses } = lossOf(backend, logits, y, labels);
  metrics(recorder, regions, { losses, outputs: y, labels, l2: penalty(backend, graph, weights) });
  return recorder;
}

/** The network's outputs for `batch` examples of the evaluation data, into the results. */
export function recordPrediction(graph: Graph, regions: Regions, batch: number): Recorder {
  const recorder = new Recorder();
  const data = regions.evaluation!;
  const x = gatherBatch(recorder, graph, data, batch);
  const weights = weightTensors(recorder, regions);
  const { y } = forwardGraph(wasmBackend(recorder), graph, x, weights, { training: false });
  const outputs = sizeOf(graph.nodes[graph.output].outputShape);
  scatterOutputs(recorder, recorder.tensor([data.data.count, outputs], "float32", regions.results), y);
  return recorder;
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
): { losses: WasmTensor; dY: WasmTensor } {
  if (logits) {
    const { losses, dLogits } = backend.softmaxCrossEntropy(y, labels);
    return { losses, dY: dLogits };
  }
  const { losses, dProbabilities } = backend.crossEntropy(y, labels);
  return { losses, dY: dProbabilities };
}

function weightTensors(recorder: Recorder, regions: Regions): Map<string, WasmTensor> {
  return new Map(
    regions.weights.map(({ spec, offset }) => {
      const base = spec.trainable ? regions.trainable : regions.moving;
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
  const dataType: DataType = data.images instanceof Uint8Array ? "uint8" : "float32";
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
    totals: recorder.tensor([8], "float32", regions.totals),
    losses: step.losses,
    outputs: step.outputs,
    labels: step.labels,
    penalty: step.l2,
    k: TOP_K,
  });
}

/** All trainable weights at once: they lie in one piece, as do their gradients and slots. */
function recordUpdate(recorder: Recorder, regions: Regions, optimizer: Optimizer): void {
  recorder.label = "update";
  const flat = (address: number) => recorder.tensor([regions.trainableBytes / 4], "float32", address);
  const weights = flat(regions.trainable);
  const gradients = flat(regions.gradients);
  const slots = Array.from(regions.slots.values(), flat);
  if (optimizer.name === "adam") recordAdam(recorder, weights, slots[0], slots[1], gradients, optimizer);
  else recordSgd(recorder, weights, slots[0], gradients, optimizer);
}
