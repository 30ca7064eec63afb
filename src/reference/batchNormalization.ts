/**
 * Batch normalisation over all axes but the last; M = number of values of a channel.
 *   mean = Σ x/M,   variance = Σ (x − mean)²/M  (biased),
 *   xHat = (x − mean)/√(variance + epsilon),   y = gamma·xHat + beta.
 * Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
 */
import { type NDArray, ndarray } from "./ndarray.js";

/** Each [C]. */
export interface BatchStatistics {
  readonly mean: NDArray;
  readonly variance: NDArray;
}

/** dX like x; dGamma, dBeta [C]. */
export interface NormalizationGradients {
  readonly dX: NDArray;
  readonly dGamma: NDArray;
  readonly dBeta: NDArray;
}

export function batchStatistics(x: NDArray): BatchStatistics {
  const channels = x.shape[x.shape.length - 1];
  const count = x.data.length / channels;
  const mean = ndarray([channels]);
  const variance = ndarray([channels]);
  for (let i = 0; i < x.data.length; i++) mean.data[i % channels] += x.data[i] / count;
  for (let i = 0; i < x.data.length; i++) {
    variance.data[i % channels] += (x.data[i] - mean.data[i % channels]) ** 2 / count;
  }
  return { mean, variance };
}

export function normalize(
  x: NDArray,
  { mean, variance }: BatchStatistics,
  gamma: NDArray,
  beta: NDArray,
  epsilon: number,
): NDArray {
  const channels = gamma.data.length;
  const y = ndarray(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    const xHat = (x.data[i] - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon);
    y.data[i] = gamma.data[c] * xHat + beta.data[c];
  }
  return y;
}

/**
 * Where the statistics are the batch's own, x reaches y by three ways: directly, through the mean, through the variance.
 * With dXHat = gamma·dY they add up to
 *   dX = (dXHat − Σ dXHat/M − xHat·Σ (dXHat·xHat)/M)/√(variance + epsilon).
 * dGamma = Σ dY·xHat,  dBeta = Σ dY.
 */
export function batchNormalizationGradients(
  x: NDArray,
  dY: NDArray,
  { mean, variance }: BatchStatistics,
  gamma: NDArray,
  epsilon: number,
): NormalizationGradients {
  const channels = gamma.data.length;
  const count = x.data.length / channels;
  const { dGamma, dBeta } = parameterGradients(x, dY, { mean, variance }, epsilon);
  const dX = ndarray(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    const inverseStd = 1 / Math.sqrt(variance.data[c] + epsilon);
    const xHat = (x.data[i] - mean.data[c]) * inverseStd;
    const centred = dY.data[i] - dBeta.data[c] / count - (xHat * dGamma.data[c]) / count;
    dX.data[i] = gamma.data[c] * inverseStd * centred;
  }
  return { dX, dGamma, dBeta };
}

/** Where the statistics are constants, x reaches y directly only: dX = dY·gamma/√(variance + epsilon). */
export function normalizeGradients(
  x: NDArray,
  dY: NDArray,
  statistics: BatchStatistics,
  gamma: NDArray,
  epsilon: number,
): NormalizationGradients {
  const channels = gamma.data.length;
  const dX = ndarray(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    dX.data[i] = (dY.data[i] * gamma.data[c]) / Math.sqrt(statistics.variance.data[c] + epsilon);
  }
  return { dX, ...parameterGradients(x, dY, statistics, epsilon) };
}

/** In place: moving = momentum·moving + (1 − momentum)·batch. */
export function updateMoving(moving: NDArray, batch: NDArray, momentum: number): void {
  for (let c = 0; c < moving.data.length; c++) {
    moving.data[c] = momentum * moving.data[c] + (1 - momentum) * batch.data[c];
  }
}

function parameterGradients(x: NDArray, dY: NDArray, { mean, variance }: BatchStatistics, epsilon: number) {
  const channels = mean.data.length;
  const dGamma = ndarray([channels]);
  const dBeta = ndarray([channels]);
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    dGamma.data[c] += (dY.data[i] * (x.data[i] - mean.data[c])) / Math.sqrt(variance.data[c] + epsilon);
    dBeta.data[c] += dY.data[i];
  }
  return { dGamma, dBeta };
}
