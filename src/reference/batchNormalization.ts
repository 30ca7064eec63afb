/**
 * Batch normalisation: y = gamma·xHat + beta with xHat = (x − mean)/√(variance + epsilon), per channel of the last axis.
 * M is the number of values a channel has: the product of all other axes.
 * Source: Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.
 */
import { type NDArray, ndarray } from "./ndarray.js";

const channelsOf = (x: NDArray): number => x.shape[x.shape.length - 1];

/** Over all axes but the last. Each [C]. */
export interface BatchStatistics {
  readonly mean: NDArray;
  readonly variance: NDArray;
}

/** dX like x; dGamma and dBeta [C]. */
export interface NormalizationGradients {
  readonly dX: NDArray;
  readonly dGamma: NDArray;
  readonly dBeta: NDArray;
}

/** mean = Σ x/M; variance = Σ (x − mean)²/M, biased. Two passes: no difference of large sums. */
export function batchStatistics(x: NDArray): BatchStatistics {
  const channels = channelsOf(x);
  const count = x.data.length / channels;
  const mean = ndarray([channels]);
  const variance = ndarray([channels]);
  for (let i = 0; i < x.data.length; i++) mean.data[i % channels] += x.data[i] / count;
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    variance.data[c] += (x.data[i] - mean.data[c]) ** 2 / count;
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
  const channels = channelsOf(x);
  const y = ndarray(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    const xHat = (x.data[i] - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon);
    y.data[i] = gamma.data[c] * xHat + beta.data[c];
  }
  return y;
}

/**
 * mean and variance depend on every x of the channel, which adds two terms to dX:
 *   dBeta = Σ dY,  dGamma = Σ dY·xHat,
 *   dX = gamma/√(variance + epsilon)·(dY − dBeta/M − xHat·dGamma/M).
 * The second term comes by way of the mean, the third by way of the variance. Derivation: docs/layers/batchNormalization.md.
 */
export function batchNormalizationGradients(
  x: NDArray,
  dY: NDArray,
  statistics: BatchStatistics,
  gamma: NDArray,
  epsilon: number,
): NormalizationGradients {
  const { mean, variance } = statistics;
  const { dX, dGamma, dBeta } = normalizeGradients(x, dY, statistics, gamma, epsilon);
  const channels = channelsOf(x);
  const count = x.data.length / channels;
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    const inverseStd = 1 / Math.sqrt(variance.data[c] + epsilon);
    const xHat = (x.data[i] - mean.data[c]) * inverseStd;
    dX.data[i] -= (gamma.data[c] * inverseStd * (dBeta.data[c] + xHat * dGamma.data[c])) / count;
  }
  return { dX, dGamma, dBeta };
}

/** With constant statistics y is linear in x: dX = dY·gamma/√(variance + epsilon). dGamma and dBeta as above. */
export function normalizeGradients(
  x: NDArray,
  dY: NDArray,
  { mean, variance }: BatchStatistics,
  gamma: NDArray,
  epsilon: number,
): NormalizationGradients {
  const channels = channelsOf(x);
  const dX = ndarray(x.shape);
  const dGamma = ndarray([channels]);
  const dBeta = ndarray([channels]);
  for (let i = 0; i < x.data.length; i++) {
    const c = i % channels;
    const inverseStd = 1 / Math.sqrt(variance.data[c] + epsilon);
    dX.data[i] = dY.data[i] * gamma.data[c] * inverseStd;
    dGamma.data[c] += dY.data[i] * (x.data[i] - mean.data[c]) * inverseStd;
    dBeta.data[c] += dY.data[i];
  }
  return { dX, dGamma, dBeta };
}

/**
 * normalize(X·W + b) = X·kernel + bias, with constant statistics: kernel = W·s, bias = beta + (b − mean)·s,
 * s = gamma/√(variance + epsilon). Filters lie along the kernel's last axis; without b it is 0.
 */
export function foldNormalization(
  kernel: NDArray,
  bias: NDArray | undefined,
  { mean, variance }: BatchStatistics,
  gamma: NDArray,
  beta: NDArray,
  epsilon: number,
): { kernel: NDArray; bias: NDArray } {
  const scale = gamma.data.map((value, f) => value / Math.sqrt(variance.data[f] + epsilon));
  const filters = scale.length;
  return {
    kernel: ndarray(
      kernel.shape,
      kernel.data.map((value, i) => value * scale[i % filters]),
    ),
    bias: ndarray(
      beta.shape,
      beta.data.map((value, f) => value + ((bias?.data[f] ?? 0) - mean.data[f]) * scale[f]),
    ),
  };
}

/** In place: moving = momentum·moving + (1 − momentum)·batch. */
export function updateMoving(moving: NDArray, batch: NDArray, momentum: number): void {
  moving.data.forEach((value, c) => {
    moving.data[c] = momentum * value + (1 - momentum) * batch.data[c];
  });
}
