/**
 * What the fit loop asks of the machinery below it: weights and data in shared memory, and workers that train, evaluate
 * and predict over them. `openSession` (openSession.ts) gives the real one.
 */

import type { Program } from "../backend/wasm/program.js";
import type { Graph } from "../models/graph.js";
import type { Timeline } from "../workers/timeline.js";
import type { Augmentation, LearningRateSchedule, LossOptions, Optimizer } from "./types.js";

/** Examples as the workers see them: a Dataset, or a part of one, or the user's arrays. */
export interface SessionData {
  readonly count: number;
  /** Row-major, `count` times the network's input shape. */
  readonly images: Uint8Array | Float32Array;
  /** What an image's numbers are multiplied by. */
  readonly scale: number;
  /** Class indices [count], or probabilities [count, classes] as Float32Array. */
  readonly labels: Uint8Array | Int32Array | Float32Array;
}

export interface SessionOptions {
  readonly graph: Graph;
  readonly loss: LossOptions;
  /** Needed for training. */
  readonly optimizer?: Optimizer;
  readonly batchSize: number;
  /** Threads; or "inline": one worker on the calling thread, for single batches. */
  readonly workers: number | "inline";
  readonly seed: number;
  readonly training?: SessionData;
  /** Of training images; evaluation, prediction and `gradients` see images as they are. */
  readonly augmentation?: Augmentation;
  /** Mixup's alpha; for training alone too. */
  readonly mixup?: number;
  readonly evaluation?: SessionData;
  /** For profiles: is told the programs of whole batches, and says where the workers shall write their times. */
  readonly watch?: (programs: Readonly<Partial<Record<Phase, Program>>>) => Timeline;
  /** For tests and measurements: programs as they were recorded. */
  readonly unfused?: boolean; // false
}

export type Phase = "training" | "gradients" | "evaluation" | "prediction";

/** Sums over the samples seen, float64; the loss includes L2 penalties, once for each sample. Means are these over `samples`. */
export interface Totals {
  readonly loss: number;
  readonly correct: number;
  /** Label among the five largest outputs (ties count in the label's favour, as in TensorFlow's in_top_k). */
  readonly topK: number;
  readonly samples: number;
}

export interface Stretch {
  /** Steps [from, to) of the epoch. */
  readonly from: number;
  readonly to: number;
  /** Steps done in the whole run before `from`: Adam's t − 1, and the random numbers' counter. */
  readonly step: number;
  readonly learningRate: number | LearningRateSchedule;
  /** Sums over the epoch so far; added to. */
  readonly totals: Totals;
  /** Called several times a second. */
  readonly onProgress?: (step: number, totals: Totals, stepMs: number) => void;
  /** Aborting it ends the stretch after the step in work. */
  readonly signal?: AbortSignal;
}

export interface Session {
  /** Bytes of the shared memory in use. */
  readonly memoryBytes: number;
  /** Copies by weight name, in order: as trained, or trainable ones as their moving average where there is one. */
  readWeights(averaged?: boolean): Map<string, Float32Array>;
  /** Moving averages start from them anew. */
  writeWeights(weights: ReadonlyMap<string, Float32Array>): void;
  /** Optimizer slots by name, `adam/m/conv2d/kernel`; a fresh session's are zero. */
  readSlots(): Map<string, Float32Array>;
  writeSlots(slots: ReadonlyMap<string, Float32Array>): void;
  /** The epoch's order: position i of the epoch is example order[i]. */
  setOrder(order: Int32Array): void;
  /** Runs training steps; resolves with how many were done (fewer only after an abort). @throws WorkerError */
  train(stretch: Stretch): Promise<{ steps: number; totals: Totals }>;
  /** Over all evaluation data, in order; with moving averages of weights where there are any, as `predict`. */
  evaluate(
    onProgress?: (step: number, totals: Totals, stepMs: number) => void,
    signal?: AbortSignal,
  ): Promise<Totals>;
  /** The network's outputs for all evaluation data: [count, classes]. */
  predict(): Promise<Float32Array>;
  /** Gradients of the mean loss over the first batch of the training data, in its given order; changes no weight. Moving statistics excepted, as in any training step. */
  gradients(): Promise<{ totals: Totals; gradients: Map<string, Float32Array> }>;
  close(): Promise<void>;
}
