/** A training step taken apart. The answers are the library's own: `cbapd/explain`. */
import type {
  AxisNumbers,
  BackwardCell,
  Cell,
  CheckedTensor,
  EffectiveField,
  ErrorCurve,
  ForwardCell,
  Growth,
  Im2col,
  NormalizationMaps,
  ReceptiveBox,
  Routes,
  StackCost,
  Stage,
  WeightCell,
} from "cbapd/internal/explain/index.js";
import type { NetworkSpec } from "./network.js";
import type { Setup } from "./train.js";

export type {
  AxisNumbers,
  BackwardCell,
  BackwardTerm,
  Cell,
  CheckedTensor,
  EffectiveField,
  ErrorCurve,
  ForwardCell,
  ForwardTerm,
  Growth,
  Im2col,
  NormalizationMaps,
  Path,
  ReceptiveBox,
  StackCost,
  Stage,
  WeightCell,
  WeightTerm,
} from "cbapd/internal/explain/index.js";

export interface StepView {
  /** Changes with every step taken, and every setup. */
  readonly version: number;
  readonly stages: readonly Stage[];
  /** Stage whose value are the logits. */
  readonly logits: number;
  /** Of the update: counts from 1. */
  readonly t: number;
  readonly loss: number;
  readonly losses: readonly number[];
  readonly labels: readonly number[];
  readonly classes: readonly string[];
  /** [N, classes] */
  readonly probabilities: Float64Array;
  /** NHWC bytes of the batch. */
  readonly pixels: Uint8Array;
  readonly imageShape: readonly [number, number, number];
  /** By name. */
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Before and after this step, as `cbapd train` prints it. */
  readonly shaBefore: string;
  readonly shaAfter: string;
}

/** One image's value and gradient at a stage, whole. */
export interface MapsView {
  readonly shape: readonly number[];
  readonly y: Float64Array;
  readonly dY: Float64Array | undefined;
  /** The largest magnitudes, over all channels. */
  readonly largestY: number;
  readonly largestDY: number;
  /** Where the gradient is largest, or without one the value: a cell worth looking at. */
  readonly telling: number;
}

/** A weight, with the terms of one image alone; `terms` of all images can be tens of thousands. */
export interface WeightView extends WeightCell {
  readonly image: number;
}

export interface RoutesView extends Routes {
  readonly inputShape: readonly number[];
  readonly x: Float64Array;
}

export interface MaskView {
  readonly mask: Uint8Array;
  readonly kept: number;
  readonly shape: readonly number[];
  readonly rate: number | undefined;
}

/** Where one unit sees: the boxes in every stage, and the effective field in the input. */
export interface UnitView {
  readonly boxes: readonly (ReceptiveBox | undefined)[];
  readonly field: EffectiveField;
}

export interface CheckedView {
  readonly tensors: readonly { readonly name: string; readonly count: number }[];
  readonly layers: readonly { readonly name: string; readonly kind: string }[];
}

export interface MistakeView {
  readonly name: string;
  readonly explanation: string;
}

export interface RiddleView {
  readonly answer: string;
  readonly choices: readonly MistakeView[];
  readonly found: readonly CheckedTensor[];
}

export type StepSetup = Pick<
  Setup,
  "network" | "width" | "layers" | "data" | "seed" | "batchSize" | "learningRate" | "optimizer"
>;

export interface ExplainCalls {
  /** From the seed's weights, after `steps` steps of training with Adam. @throws OptionError, ShapeError, DataError */
  explain(given: { readonly setup: StepSetup; readonly steps: number }): StepView;
  stageMaps(given: { readonly version: number; readonly stage: number; readonly image: number }): MapsView;
  forwardCell(given: { readonly version: number; readonly cell: Cell }): ForwardCell;
  backwardCell(given: { readonly version: number; readonly cell: Cell }): BackwardCell | undefined;
  weightCell(given: {
    readonly version: number;
    readonly name: string;
    readonly index: number;
    readonly image: number;
  }): WeightView;
  im2col(given: { readonly version: number; readonly stage: number; readonly image: number }): Im2col;
  routes(given: { readonly version: number; readonly stage: number; readonly image: number }): RoutesView;
  mask(given: { readonly version: number; readonly stage: number; readonly image: number }): MaskView;
  normalization(given: {
    readonly version: number;
    readonly stage: number;
    readonly image: number;
    readonly channel: number;
  }): NormalizationMaps;
  /** Of each class of one image: its logit, and how the loss reaches it. */
  lossRow(given: {
    readonly version: number;
    readonly image: number;
  }): readonly { readonly z: number; readonly cell: BackwardCell }[];
  axis(given: {
    readonly size: number;
    readonly kernel: number;
    readonly stride: number;
    readonly padding: "same" | "valid";
  }): AxisNumbers;
  fieldGrowth(spec: NetworkSpec): readonly Growth[];
  networkStages(spec: NetworkSpec): readonly Stage[];
  unit(given: {
    readonly setup: StepSetup;
    readonly steps: number;
    readonly stage: number;
    readonly index: number;
    readonly images: number;
  }): UnitView;
  stacks(given: {
    readonly stacks: readonly (readonly number[])[];
    readonly channels: number;
    readonly side: number;
  }): readonly StackCost[];
  checked(seed: number): CheckedView;
  errorCurve(given: {
    readonly seed: number;
    readonly tensor: string;
    readonly index: number;
    readonly epsilons: readonly number[];
    readonly central: boolean;
    readonly precision: "float64" | "float32";
    readonly mistake?: string;
  }): ErrorCurve;
  checkNetwork(given: { readonly seed: number; readonly mistake?: string }): readonly CheckedTensor[];
  mistakes(seed: number): readonly MistakeView[];
  /** A mistake that the check sees, and others to choose from; which one depends on seed and game alone. */
  riddle(given: { readonly seed: number; readonly game: number }): RiddleView;
}
