/** What the training API and the command line say to each other. Names are Keras' and tfjs'. */
import type { Dataset } from "../data/dataset.js";
import type { NumberError } from "../errors.js";
import type { Graph } from "../models/graph.js";
import type { Augmentation } from "../reference/augmentation.js";
import type { LearningRateSchedule } from "./schedules.js";

export type { Augmentation } from "../reference/augmentation.js";
export type {
  CosineDecay,
  ExponentialDecay,
  LearningRateSchedule,
  OneCycle,
  PiecewiseConstantDecay,
  Warmup,
} from "./schedules.js";

export type LossName = "sparseCategoricalCrossentropy" | "categoricalCrossentropy";
export type MetricName = "accuracy" | "topKCategoricalAccuracy";

export interface CompileOptions {
  readonly optimizer: Optimizer | Optimizer["name"];
  readonly loss: LossName | LossOptions;
  readonly metrics?: readonly MetricName[];
  /** Convolutions by direct sums alone: no Winograd. Slower, and about five times nearer to exact numbers. */
  readonly exact?: boolean; // false
  /** Multiply-adds as the processor has them, where it has relaxed SIMD: faster, and bits that differ from machine to machine. */
  readonly fast?: boolean; // false
}

export interface LossOptions {
  readonly name: LossName;
  readonly fromLogits?: boolean; // false
  /** s in [0, 1): labels become (1 − s)·label + s/classes, in training and in evaluation, as in Keras. */
  readonly labelSmoothing?: number; // 0
}

/** What all optimizers know, under Keras' names. What is left out is off. */
export interface OptimizerSettings {
  readonly learningRate: number | LearningRateSchedule;
  /** Before each update, w −= learning rate·weightDecay·w. */
  readonly weightDecay?: number;
  /** Weights whose names contain one of these do not decay: `["bias", "gamma", "beta"]`. */
  readonly excludeFromWeightDecay?: readonly string[];
  /** Each weight's gradient is scaled down to this norm; only one of the three may be set. */
  readonly clipnorm?: number;
  /** Each element of each gradient is brought into [−clipvalue, clipvalue]. */
  readonly clipvalue?: number;
  /** All gradients are scaled by one factor, so that their common norm is this at most. */
  readonly globalClipnorm?: number;
  /** Keeps a moving average of the trainable weights, which is what is validated, and what the model has after `fit`. */
  readonly useEma?: boolean;
  readonly emaMomentum?: number; // 0.99
}

interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** A plain description: the update itself is a kernel. */
export type Optimizer = OptimizerSettings &
  (
    | ({ readonly name: "adam" } & AdamSettings)
    | ({ readonly name: "adamw" } & AdamSettings)
    | { readonly name: "sgd"; readonly momentum: number; readonly nesterov: boolean }
    | {
        readonly name: "rmsprop";
        readonly rho: number;
        readonly momentum: number;
        readonly epsilon: number;
        readonly centered: boolean;
      }
  );

/** Keras' log names: loss, accuracy, topKCategoricalAccuracy; val_… for validation. */
export type Logs = Record<string, number>;

/** `logs.loss[e]` is epoch e's loss. With validation every n epochs, val_… lists are shorter: `validationEpochs` says which. */
export interface History {
  readonly epochs: number[];
  readonly validationEpochs: number[];
  readonly logs: Record<string, number[]>;
}

/** Keras' hooks. All may be async. Batch hooks cost a round trip to the main thread for each step. */
export interface Callback {
  readonly name?: string;
  onTrainBegin?(context: CallbackContext): void | Promise<void>;
  onTrainEnd?(context: CallbackContext): void | Promise<void>;
  onEpochBegin?(epoch: number, context: CallbackContext): void | Promise<void>;
  onEpochEnd?(epoch: number, logs: Logs, context: CallbackContext): void | Promise<void>;
  onBatchBegin?(batch: number, context: CallbackContext): void | Promise<void>;
  onBatchEnd?(batch: number, logs: Logs, context: CallbackContext): void | Promise<void>;
  /** Called several times a second while training, never in between for its own sake: for bars. */
  onProgress?(progress: Progress, context: CallbackContext): void;
  /** How often `onProgress` is called while it trains; default 0.1. Of several callbacks, the most eager one decides. */
  readonly progressEvery?: { readonly seconds: number };
  /** A step gave a number that is infinite or NaN, and was undone. `stopTraining` ends training in peace, whatever `action` is. */
  onNaN?(event: NaNEvent, context: CallbackContext): void | Promise<void>;
  /** How often, at least, `onSave` is called within an epoch; default never. */
  readonly saveEvery?: SaveEvery;
  /**
   * The moment to save: "step", between two steps or in a validation; or "epoch", after an epoch, when every callback's
   * onEpochEnd has run, so that context.getTrainingState() holds what all of them remember. Changes no bit of training.
   */
  onSave?(context: CallbackContext, when: "step" | "epoch"): void | Promise<void>;
  /** What the callback must remember over an interruption: JSON, Maps, and Float32Arrays (which become tensors in the file). */
  getState?(): unknown;
  setState?(state: unknown): void;
}

/** By the clock, or by the run's steps (then at each multiple, wherever the run was interrupted). */
export type SaveEvery = { readonly seconds: number } | { readonly steps: number };

/**
 * What to do about a step that gives a number which is infinite or NaN:
 *   stop      fit rejects with a NumberError; the weights are those before the step;
 *   skip      the batch is left out;
 *   rollback  back to the beginning of the epoch, with half the learning rate.
 */
export type OnNaN = "stop" | "skip" | "rollback";

export interface NaNEvent {
  readonly error: NumberError;
  readonly action: OnNaN;
}

export interface Progress {
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this epoch. */
  readonly step: number;
  readonly steps: number;
  readonly stepMs: number;
  /** Running means over the epoch so far. */
  readonly logs: Logs;
  /** Of fit: means over what has passed since the last report of the same stretch, for curves. */
  readonly recent?: Logs;
  readonly phase: "training" | "validation";
}

export interface CallbackContext {
  readonly graph: Graph;
  /** Current weights by name (`conv2d/kernel`), copied out. */
  getWeights(): Map<string, Float32Array>;
  setWeights(weights: ReadonlyMap<string, Float32Array>): void;
  /** Of the last step, by the names of the weights that learn, clipped where the optimizer clips; zeros before the first step. */
  getGradients(): Map<string, Float32Array>;
  /** Everything a run needs to go on bit for bit. */
  getTrainingState(): TrainingState;
  /** Of the next step. Setting it is an error when the optimizer has a schedule. */
  learningRate: number;
  /** Ends training after this epoch (or batch). */
  stopTraining: boolean;
}

/** Everything that a run needs to go on as if it had never stopped. `fit({ resume })` takes it. */
export interface TrainingState {
  readonly formatVersion: 2;
  readonly seed: number;
  readonly batchSize: number;
  /** Complete epochs, and steps done in the next one. */
  readonly epoch: number;
  readonly stepInEpoch: number;
  /** Steps done since the beginning: Adam's t, and the random numbers' counter. */
  readonly step: number;
  /** Of the next step. */
  readonly learningRate: number;
  /** What rollbacks have multiplied the optimizer's schedule by, where it has one; default 1. */
  readonly scheduleFactor?: number;
  /** Sums over the epoch so far (float64): loss, correct, topK, samples. */
  readonly totals: readonly number[];
  readonly history: History;
  /** A callback has ended the run: resuming it does nothing. */
  readonly stopped: boolean;
  readonly callbacks: Readonly<Record<string, unknown>>;
  readonly optimizer: Optimizer;
  readonly augment?: Augmentation;
  readonly mixup?: number;
  readonly labelSmoothing?: number;
  /** One a class. */
  readonly classWeights?: readonly number[];
  /** All weights, in order, trainable or not. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Optimizer slots by name, `adam/m/conv2d/kernel`. */
  readonly slots: ReadonlyMap<string, Float32Array>;
}

/** Plain arrays instead of a Dataset: x [N, …] float32 or bytes with `scale`, y class indices [N] or probabilities [N, K]. */
export interface ArrayData {
  readonly x: Float32Array | Uint8Array;
  readonly y: ArrayLike<number>;
  /** x is multiplied by this; default 1 for floats, 1/255 for bytes. */
  readonly scale?: number;
}

export type FitData = Dataset | ArrayData;

/**
 * By class index, as in Keras and tfjs: what an example's loss is multiplied by; 1 where nothing is said. "balanced": examples/
 * (classes·examples of the class).
 */
export type ClassWeight = "balanced" | Readonly<Record<number, number>>;

export interface FitOptions {
  readonly batchSize?: number; // 32
  /** The total: a resumed run counts the epochs that it already has. */
  readonly epochs?: number; // 1
  readonly validationData?: FitData;
  /** The last part of the training data, in its given order, as Keras does; in (0, 1). */
  readonly validationSplit?: number;
  /** Validate every n epochs (and never otherwise). */
  readonly validationFrequency?: number; // 1
  readonly shuffle?: boolean; // true
  /** Changes training images at random as they enter a batch; validation sees them as they are. */
  readonly augment?: Augmentation;
  /** alpha: image n of a batch becomes λ·n + (1 − λ)·(n + 1), its label too, λ ~ Beta(alpha, alpha) for each step. */
  readonly mixup?: number; // 0: none
  /** Of training examples; validation losses and all accuracies are without, as in Keras. */
  readonly classWeight?: ClassWeight;
  readonly seed?: number; // 0
  /** Worker threads; default one a core. The result's bits do not depend on it. */
  readonly workers?: number;
  readonly callbacks?: readonly Callback[];
  /** Aborting it finishes the current step, runs the hooks, and returns. */
  readonly signal?: AbortSignal;
  readonly resume?: TrainingState;
  /** Ends, as an interruption does, once the run has done this many steps in all. */
  readonly maxSteps?: number;
  /** What to do about a step that gives a number which is infinite or NaN. */
  readonly onNaN?: OnNaN; // "stop"
}

export interface FitResult {
  readonly history: History;
  readonly interrupted: boolean;
  readonly state: TrainingState;
}

export interface EvaluateOptions {
  readonly batchSize?: number;
  readonly workers?: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}
