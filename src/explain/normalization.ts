/** Batch normalisation of one channel: its statistics, its sums over the batch, and the three terms of dX as three maps. */
import { mustBe, OptionError } from "../errors.js";
import { sizeOf } from "../shape.js";
import { flatIndex } from "./cells.js";
import type { Stage } from "./stages.js";
import { type ExplainedStep, normalizationOf } from "./step.js";

export interface NormalizationNumbers {
  readonly mean: number;
  readonly variance: number;
  readonly epsilon: number;
  readonly gamma: number;
  readonly beta: number;
  readonly inverseStd: number;
  /** Σ dY·xHat and Σ dY over the channel's M values, in float64. */
  readonly dGamma: number;
  readonly dBeta: number;
  readonly M: number;
  /** Whether the statistics are the batch's: otherwise (moving ones, a frozen layer) they are constants, and dX has one term. */
  readonly batchStatistics: boolean;
}

/** Of the channel that a cell belongs to. */
export function normalizationNumbers(step: ExplainedStep, stage: Stage, index: number): NormalizationNumbers {
  const channels = stage.shape[stage.shape.length - 1];
  const c = index % channels;
  const { epsilon, statistics } = normalizationOf(step.nodes[stage.index]);
  const mean = step.statistics[stage.index].mean.data[c];
  const variance = step.statistics[stage.index].variance.data[c];
  const inverseStd = 1 / Math.sqrt(variance + epsilon);
  const x = step.values[stage.inputs[0]].data;
  const dY = step.gradients[stage.index]!.data;
  let dGamma = 0;
  let dBeta = 0;
  for (let i = c; i < x.length; i += channels) {
    dBeta += dY[i];
    dGamma += dY[i] * (x[i] - mean) * inverseStd;
  }
  return {
    mean,
    variance,
    epsilon,
    gamma: step.before.weights.get(stage.weights.gamma)!.data[c],
    beta: step.before.weights.get(stage.weights.beta)!.data[c],
    inverseStd,
    dGamma,
    dBeta,
    M: x.length / channels,
    batchStatistics: statistics === "batch" && step.nodes[stage.index].trainable,
  };
}

/** One value for each position of a channel in one image, row by row. */
export interface NormalizationMaps {
  readonly numbers: NormalizationNumbers;
  readonly xHat: Float64Array;
  readonly dY: Float64Array;
  /** gamma·inverseStd·dY */
  readonly direct: Float64Array;
  /** −gamma·inverseStd·dBeta/M: by way of the mean. */
  readonly mean: Float64Array;
  /** −gamma·inverseStd·xHat·dGamma/M: by way of the variance. */
  readonly variance: Float64Array;
  /** direct + mean + variance */
  readonly computed: Float64Array;
  /** dX, the kernel's. */
  readonly gradient: Float64Array;
}

/** @throws OptionError unless the stage is a batch normalisation */
export function normalizationMaps(
  step: ExplainedStep,
  stageIndex: number,
  image: number,
  channel: number,
): NormalizationMaps {
  const stage = step.stages[stageIndex];
  if (stage?.kind !== "batch_normalization") {
    throw new OptionError(mustBe("normalizationMaps", "stage", "be a batch normalization", stage?.name));
  }
  const numbers = normalizationNumbers(step, stage, channel);
  const { mean, gamma, inverseStd, dGamma, dBeta, M, batchStatistics } = numbers;
  const channels = stage.shape[stage.shape.length - 1];
  const places = Array.from({ length: sizeOf(stage.shape) / channels }, (_, position) =>
    flatIndex(stage, image, position * channels + channel),
  );
  const map = (value: (at: number) => number) => Float64Array.from(places, value);
  const x = step.values[stage.inputs[0]].data;
  const upstream = step.gradients[stageIndex]!.data;
  const factor = gamma * inverseStd;
  const xHat = map((at) => (x[at] - mean) * inverseStd);
  const dY = map((at) => upstream[at]);
  const direct = dY.map((value) => factor * value);
  const byMean = xHat.map(() => (batchStatistics ? (-factor * dBeta) / M : 0));
  const byVariance = xHat.map((value) => (batchStatistics ? (-factor * value * dGamma) / M : 0));
  return {
    numbers,
    xHat,
    dY,
    direct,
    mean: byMean,
    variance: byVariance,
    computed: direct.map((value, i) => value + byMean[i] + byVariance[i]),
    gradient: map((at) => step.sent[stageIndex][0]!.data[at]),
  };
}
