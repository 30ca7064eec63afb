/** Training: one run at a time, in the engine. */
import type { NetworkSpec } from "./network.js";

export const DATA_NAMES = ["sample", "shapes", "cifar10"] as const;
export type DataName = (typeof DATA_NAMES)[number];

export const OPTIMIZER_NAMES = ["adam", "adamw", "sgd", "rmsprop"] as const;
export type OptimizerName = (typeof OPTIMIZER_NAMES)[number];

/** All that decides which bits come out; in the page's address. */
export interface Setup {
  readonly network: NetworkSpec["network"];
  readonly width: number;
  readonly layers?: NetworkSpec["layers"];
  readonly data: DataName;
  readonly seed: number;
  readonly batchSize: number;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
}

export interface DatasetView {
  readonly name: DataName;
  readonly trainCount: number;
  readonly testCount: number;
  readonly imageShape: readonly [number, number, number];
  readonly classes: readonly string[];
  readonly source: string;
  readonly licence: string;
}

/** What of a dataset this page can have. */
export interface Environment {
  /** Shared memory between threads: needs the headers COOP and COEP. */
  readonly isolated: boolean;
  readonly workers: number;
  readonly cifar10: boolean;
}

export interface TrainCalls {
  environment(nothing: undefined): Environment;
  describeData(name: DataName): DatasetView;
}

/** Several times a second while training. */
export interface ProgressView {
  readonly epoch: number;
  /** Steps done in this epoch, of `steps`; in validation its own. */
  readonly step: number;
  readonly steps: number;
  readonly phase: "training" | "validation";
  /** Steps done in the whole run. */
  readonly totalSteps: number;
  /** Means over the epoch so far. */
  readonly loss: number;
  readonly accuracy: number;
  readonly imagesPerSecond: number;
}

export interface TrainEvents {
  progress: ProgressView;
}
