/** What lies in a session's shared memory for its whole life: weights, gradients, optimizer slots, data, control words. */
import { ALIGNMENT, alignUp } from "../backend/wasm/plan.js";
import { STEP_NUMBERS } from "../backend/wasm/state.js";
import { type Graph, type WeightSpec, weightSpecs } from "../models/graph.js";
import { sizeOf } from "../shape.js";
import { CONTROL_BYTES } from "../workers/control.js";
import { decays } from "./optimizers.js";
import type { SessionData } from "./session.js";
import type { Optimizer } from "./types.js";

/** Nothing lies at address 0: kernels use it for "none". */
const FIRST_ADDRESS = 1024;

export interface WeightRegion {
  readonly spec: WeightSpec;
  /** Byte offset: of a trainable weight within `trainable`, of any other within `moving`. */
  readonly offset: number;
}

export interface DataRegions {
  readonly data: SessionData;
  readonly images: number;
  /** 0 when there are no labels (prediction). */
  readonly labels: number;
  /** float32 [classes]; 0 when all weigh the same. */
  readonly classWeights: number;
  /** int32 [count] */
  readonly order: number;
}

/** The slot in which moving averages of weights are kept. */
export const AVERAGE = "ema/average";

/** Addresses. The trainable weights lie in one piece, and gradients and slots in others with the same offsets. */
export interface Regions {
  readonly control: number;
  readonly weights: readonly WeightRegion[];
  readonly trainable: number;
  /** Bytes of `trainable`, of `gradients` and of each slot. */
  readonly trainableBytes: number;
  /** The first bytes of `trainable` hold the weights that decay. */
  readonly decayingBytes: number;
  readonly moving: number;
  /** Bytes of `moving`. */
  readonly movingBytes: number;
  readonly gradients: number;
  /** By slot name: `adam/m`. */
  readonly slots: ReadonlyMap<string, number>;
  /** float64 [4]: loss, correct, topK, samples. */
  readonly totals: number;
  /** float32, STEP_NUMBERS.length for each step of an epoch. */
  readonly stepNumbers: number;
  readonly training: DataRegions | undefined;
  readonly evaluation: DataRegions | undefined;
  /** float32 [count, outputs] for prediction. */
  readonly results: number;
  /** The first free address: activations start here. */
  readonly end: number;
}

export function slotNames(optimizer: Optimizer): readonly string[] {
  return [
    ...ownSlots(optimizer).map((slot) => `${optimizer.name}/${slot}`),
    ...(optimizer.useEma ? [AVERAGE] : []),
  ];
}

function ownSlots(optimizer: Optimizer): readonly string[] {
  switch (optimizer.name) {
    case "adam":
    case "adamw":
      return ["m", "v"];
    case "sgd":
      return optimizer.momentum > 0 ? ["velocity"] : [];
    case "rmsprop":
      return [
        "velocity",
        ...(optimizer.centered ? ["average_gradient"] : []),
        ...(optimizer.momentum > 0 ? ["momentum"] : []),
      ];
  }
}

export function layOut(
  graph: Graph,
  optimizer: Optimizer | undefined,
  batchSize: number,
  training: SessionData | undefined,
  evaluation: SessionData | undefined,
): Regions {
  let top = FIRST_ADDRESS;
  const take = (bytes: number): number => {
    const address = top;
    top = alignUp(top + bytes);
    return address;
  };
  let movingBytes = 0;
  const specs = weightSpecs(graph);
  const bytesOf = ({ shape }: WeightSpec) => alignUp(sizeOf(shape) * 4, ALIGNMENT);
  const decaying = (spec: WeightSpec) => spec.trainable && !!optimizer && decays(optimizer, spec.name);
  const decayingBytes = specs.filter(decaying).reduce((sum, spec) => sum + bytesOf(spec), 0);
  // One part after the other, so that each is updated by one instruction.
  let decayedTop = 0;
  let trainableBytes = decayingBytes;
  const weights = specs.map((spec) => {
    const bytes = bytesOf(spec);
    if (decaying(spec)) return { spec, offset: (decayedTop += bytes) - bytes };
    if (spec.trainable) return { spec, offset: (trainableBytes += bytes) - bytes };
    return { spec, offset: (movingBytes += bytes) - bytes };
  });
  const takeData = (data: SessionData | undefined): DataRegions | undefined =>
    data && {
      data,
      images: take(data.images.byteLength),
      labels: data.labels.length > 0 ? take(data.labels.byteLength) : 0,
      classWeights: data.classWeights ? take(data.classWeights.byteLength) : 0,
      order: take(data.count * 4),
    };
  const outputs = sizeOf(graph.nodes[graph.output].outputShape);
  return {
    control: take(CONTROL_BYTES),
    weights,
    trainable: take(trainableBytes),
    trainableBytes,
    decayingBytes,
    moving: take(movingBytes),
    movingBytes,
    gradients: training ? take(trainableBytes) : 0,
    slots: new Map(
      optimizer && training ? slotNames(optimizer).map((name) => [name, take(trainableBytes)]) : [],
    ),
    totals: take(32),
    stepNumbers: training ? take(Math.ceil(training.count / batchSize) * STEP_NUMBERS.length * 4) : 0,
    training: takeData(training),
    evaluation: takeData(evaluation),
    results: evaluation ? take(evaluation.count * outputs * 4) : 0,
    end: top,
  };
}
