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
  readonly licence: string;
}

/** What this page can have. */
export interface Environment {
  /** Shared memory between threads: needs the headers COOP and COEP. */
  readonly isolated: boolean;
  readonly workers: number;
  /** The server has it. */
  readonly cifar10: boolean;
}

/** Means over an epoch, or over what has passed of it. */
export interface Measures {
  readonly loss: number;
  readonly accuracy: number;
}

export interface EpochView {
  /** Steps done in the run at its end. */
  readonly step: number;
  readonly training: Measures;
  readonly validation: Measures | undefined;
}

/** Where a run that does not run stands. */
export interface RunView {
  readonly step: number;
  readonly epoch: number;
  readonly stepInEpoch: number;
  readonly stepsPerEpoch: number;
  readonly epochs: readonly EpochView[];
  /** Of the epoch so far; undefined at its beginning. */
  readonly current: Measures | undefined;
  /** As `cbapd train` prints it. */
  readonly weightsSha256: string;
}

/** Several times a second while training. */
export interface ProgressView extends Measures {
  readonly epoch: number;
  /** Steps done in this epoch, of `steps`; in validation its own. */
  readonly step: number;
  readonly steps: number;
  readonly phase: "training" | "validation";
  /** Steps done in the whole run. */
  readonly totalSteps: number;
  readonly imagesPerSecond: number;
}

export interface ImagesView {
  /** Of a dataset's test part, from `from` on: NHWC bytes. */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/** What the network says of the first test images. */
export interface Outlook {
  readonly step: number;
  readonly count: number;
  /** [count, classes] */
  readonly probabilities: Float32Array;
  readonly predicted: Uint8Array;
  /** [true class][predicted class]: how many of them. */
  readonly confusion: readonly (readonly number[])[];
  readonly accuracy: number;
}

export type Until = "pause" | "step" | "epoch";

export interface TrainCalls {
  /** @param page  its address, from which data are fetched */
  environment(page: string): Environment;
  describeData(name: DataName): DatasetView;
  testImages(wanted: { readonly data: DataName; readonly from: number; readonly count: number }): ImagesView;
  /** A fresh run; the one before is gone. Training that is under way ends first. */
  begin(setup: Setup): RunView;
  /** Resolves when it stands again. */
  advance(how: { readonly until: Until; readonly workers: number }): RunView;
  /** Ends after the step in work. */
  pause(nothing: undefined): void;
  outlook(nothing: undefined): Outlook;
}

export interface TrainEvents {
  progress: ProgressView;
  epoch: EpochView;
  outlook: Outlook;
}
