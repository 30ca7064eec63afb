/**
 * What the fit loop asks of the machinery below it: weights and data in shared memory, and workers that train, evaluate
 * and predict over them. `openSession` (openSession.ts) gives the real one.
 */

import type { Program } from "../backend/wasm/program.js";
import type { StoredBytes } from "../data/dataset.js";
import type { Graph } from "../models/graph.js";
import type { Timeline } from "../workers/timeline.js";
import type { Augmentation, LearningRateSchedule, LossOptions, Optimizer } from "./types.js";

/** Examples as the workers see them: a Dataset, or a part of one, or the user's arrays. */
export interface SessionData {
  readonly count: number;
  /** Row-major, `count` times the network's input shape; in a file: one byte a number. */
  readonly images: Uint8Array | Float32Array | StoredBytes;
  /** What an image's numbers are multiplied by. */
  readonly scale: number;
  /** Class indices [count], or probabilities [count, classes] as Float32Array. */
  readonly labels: Uint8Array | Int32Array | Float32Array;
  /** [classes]: what the loss of an example of each class is multiplied by; training data only. */
  readonly classWeights?: Float32Array;
}

export interface SessionOptions {
  readonly graph: Graph;
  readonly loss: LossOptions;
  /** Needed for training. */
  readonly optimizer?: Optimizer;
  readonly batchSize: number;
  /** Convolutions by direct sums alone. */
  readonly exact?: boolean; // false
  /** With the fast core, which must be available. */
  readonly fast?: boolean; // false
  /** Threads; or "inline": one worker on the calling thread, for single batches. */
  readonly workers: number | "inline";
  readonly seed: number;
  readonly training?: SessionData;
  /** Of training images; evaluation, prediction and `gradients` see images as they are. */
  readonly augmentation?: Augmentation;
  /** Mixup's alpha; for training alone too. */
  readonly mixup?: number;
  readonly evaluation?: SessionData;
  /** `evaluate` leaves what the network makes of each example: see `outputs`. */
  readonly keepOutputs?: boolean; // false
  /** How many threads share the workers' work; default one a worker, but no more than the machine has cores. */
  readonly threads?: number;
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

export const NOTHING: Totals = { loss: 0, correct: 0, topK: 0, samples: 0 };

export interface Stretch {
  /** Steps [from, to) of the epoch. */
  readonly from: number;
  readonly to: number;
  /** Steps done in the whole run before `from`: Adam's t − 1, and the random numbers' counter. */
  readonly step: number;
  readonly learningRate: number | LearningRateSchedule;
  /** The learning rate is multiplied by it. */
  readonly scheduleFactor?: number; // 1
  /** Sums over the epoch so far; added to. */
  readonly totals: Totals;
  readonly onProgress?: (step: number, totals: Totals, stepMs: number) => void;
  /** How often it is called, and once at the end; default 100. */
  readonly progressMs?: number;
  /** Aborting it ends the stretch after the step in work. */
  readonly signal?: AbortSignal;
  /** Ends the stretch after a step that left the loss, a weight or a slot infinite or NaN. */
  readonly watchNumbers?: boolean;
  /** Looks at everything that the first step writes; ends the stretch within that step if any of it is infinite or NaN. */
  readonly inspect?: boolean;
}

/** A number that is infinite or NaN, and where it first showed. */
export interface BadNumber {
  /** A layer's name, or what else there is in a step: "data", "loss". */
  readonly layer: string;
  readonly phase: "data" | "weights" | "forward" | "loss" | "backward" | "update";
  /** What it belongs to: "conv2d/kernel", "the gradient of conv2d/kernel", "its output". */
  readonly what: string;
  /** Of the array that it belongs to, row-major. */
  readonly index: readonly number[];
  readonly value: number;
}

export interface TrainResult {
  readonly steps: number;
  readonly totals: Totals;
  /** The last of the steps left numbers that are not finite. */
  readonly bad: boolean;
  /** Set when that step was inspected. */
  readonly finding?: BadNumber;
}

export interface Session {
  /** Bytes of the shared memory in use. */
  readonly memoryBytes: number;
  /** Copies by weight name, in order: as trained, or trainable ones as their moving average where there is one. */
  readWeights(averaged?: boolean): Map<string, Float32Array>;
  /** Moving averages start from them anew. */
  writeWeights(weights: ReadonlyMap<string, Float32Array>): void;
  /** The last step's, as the optimizer took them. */
  readGradients(): Map<string, Float32Array>;
  /** Optimizer slots by name, `adam/m/conv2d/kernel`; a fresh session's are zero. */
  readSlots(): Map<string, Float32Array>;
  writeSlots(slots: ReadonlyMap<string, Float32Array>): void;
  /** The epoch's order: position i of the epoch is example order[i]. */
  setOrder(order: Int32Array): void;
  /**
   * Runs training steps; resolves with how many were done: fewer after an abort, after a bad one, or in the first stretch,
   * where images lie in a file. @throws WorkerError, DataError
   */
  train(stretch: Stretch): Promise<TrainResult>;
  /** Keeps a copy of weights, moving statistics and slots as they are now, in place of the copy before. */
  hold(): void;
  /** Puts back what was held. */
  restore(): void;
  /** The first weight or slot that is infinite or NaN. */
  findBadWeight(): BadNumber | undefined;
  /** Over all evaluation data, in order; with moving averages of weights where there are any, as `predict`. */
  evaluate(
    onProgress?: (step: number, totals: Totals, stepMs: number) => void,
    signal?: AbortSignal,
  ): Promise<Totals>;
  /** The network's outputs for all evaluation data: [count, classes]. */
  predict(): Promise<Float32Array>;
  /** Of the last `predict`; or, with `keepOutputs`, of the last `evaluate`: then probabilities, also where the outputs are logits. */
  outputs(): Float32Array;
  /** Gradients of the mean loss over the first batch of the training data, in its given order; changes no weight. Moving statistics excepted, as in any training step. */
  gradients(): Promise<{ totals: Totals; gradients: Map<string, Float32Array> }>;
  close(): Promise<void>;
}
