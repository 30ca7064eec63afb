/** Mistakes about batch normalisation. */
import { type NDArray, ndarray } from "../../reference/ndarray.js";
import type { Mistake, Reference } from "./mistake.js";

const CONCERNS = ["batch_normalization"];

/** Values a channel has, by the variance that was computed of them. */
type Counts = WeakMap<NDArray, number>;

function valuesAChannel({ shape, data }: NDArray): number {
  return data.length / shape[shape.length - 1];
}

/** M/(M − 1): from biased to unbiased. Of one value there is no unbiased variance. */
function unbiased(variance: NDArray, count: number): NDArray {
  return ndarray(
    variance.shape,
    variance.data.map((value) => (count > 1 ? (value * count) / (count - 1) : value)),
  );
}

/** √(v′ + 0) = √v + ε for v′ = (√v + ε)²: so the right formulas serve with another variance and no epsilon. */
const moved = (variance: NDArray, epsilon: number) =>
  ndarray(
    variance.shape,
    variance.data.map((v) => (Math.sqrt(v) + epsilon) ** 2),
  );

/** 1/(√v + ε) where 1/√(v + ε) is right. `textbook`: backward as the books have it, which is not this forward's gradient. */
function epsilonOutside(backend: Reference, textbook: boolean): Reference {
  return {
    ...backend,
    normalize: (x, { mean, variance }, gamma, beta, epsilon) =>
      backend.normalize(x, { mean, variance: moved(variance, epsilon) }, gamma, beta, 0),
    normalizeGradients: (x, dY, { mean, variance }, gamma, epsilon) =>
      backend.normalizeGradients(x, dY, { mean, variance: moved(variance, epsilon) }, gamma, 0),
    batchNormalizationGradients(x, dY, { mean, variance }, gamma, epsilon) {
      const outside = { mean, variance: moved(variance, epsilon) };
      if (textbook) return backend.batchNormalizationGradients(x, dY, outside, gamma, 0);
      const found = backend.normalizeGradients(x, dY, outside, gamma, 0);
      const { dX, dGamma, dBeta } = found;
      const channels = mean.data.length;
      const count = valuesAChannel(x);
      x.data.forEach((value, i) => {
        const c = i % channels;
        const std = Math.sqrt(variance.data[c]);
        const inverse = 1 / (std + epsilon);
        // ∂std/∂x = (x − mean)/(M·std), where √(v + ε) would give (x − mean)/(M·√(v + ε)).
        const byStd = std > 0 ? (value - mean.data[c]) / (count * std) : 0;
        dX.data[i] -= gamma.data[c] * inverse * (dBeta.data[c] / count + dGamma.data[c] * byStd);
      });
      return { dX, dGamma, dBeta };
    },
  };
}

/** dX with the other of its two terms alone. */
function withoutTerm(backend: Reference, lost: "mean" | "variance"): Reference {
  return {
    ...backend,
    batchNormalizationGradients(x, dY, statistics, gamma, epsilon) {
      const { dX, dGamma, dBeta } = backend.normalizeGradients(x, dY, statistics, gamma, epsilon);
      const channels = gamma.data.length;
      x.data.forEach((value, i) => {
        const c = i % channels;
        const inverseStd = 1 / Math.sqrt(statistics.variance.data[c] + epsilon);
        const xHat = (value - statistics.mean.data[c]) * inverseStd;
        const kept = lost === "mean" ? xHat * dGamma.data[c] : dBeta.data[c];
        dX.data[i] -= (gamma.data[c] * inverseStd * kept) / valuesAChannel(x);
      });
      return { dX, dGamma, dBeta };
    },
  };
}

function withEpsilon(backend: Reference, epsilon: number): Reference {
  return {
    ...backend,
    normalize: (x, statistics, gamma, beta) => backend.normalize(x, statistics, gamma, beta, epsilon),
    normalizeGradients: (x, dY, statistics, gamma) =>
      backend.normalizeGradients(x, dY, statistics, gamma, epsilon),
    batchNormalizationGradients: (x, dY, statistics, gamma) =>
      backend.batchNormalizationGradients(x, dY, statistics, gamma, epsilon),
  };
}

export const NORMALIZATION_MISTAKES: readonly Mistake[] = [
  {
    name: "variance-unbiased",
    explanation:
      "The batch's variance was divided by M − 1. Batch normalisation divides by M, both to normalise and in the moving average.",
    concerns: CONCERNS,
    plant: (backend) => ({
      ...backend,
      batchStatistics(x) {
        const { mean, variance } = backend.batchStatistics(x);
        return { mean, variance: unbiased(variance, valuesAChannel(x)) };
      },
      batchNormalizationGradients(x, dY, statistics, gamma, epsilon) {
        const found = backend.normalizeGradients(x, dY, statistics, gamma, epsilon);
        const { dX, dGamma, dBeta } = found;
        const { mean, variance } = statistics;
        const channels = mean.data.length;
        const count = valuesAChannel(x);
        const least = Math.max(count - 1, 1);
        x.data.forEach((value, i) => {
          const c = i % channels;
          const inverseStd = 1 / Math.sqrt(variance.data[c] + epsilon);
          const xHat = (value - mean.data[c]) * inverseStd;
          dX.data[i] -=
            gamma.data[c] * inverseStd * (dBeta.data[c] / count + (xHat * dGamma.data[c]) / least);
        });
        return { dX, dGamma, dBeta };
      },
    }),
  },
  {
    name: "variance-unbiased-textbook-gradient",
    explanation:
      "The batch's variance was divided by M − 1, and the gradient is the one for M. Batch normalisation divides by M throughout.",
    concerns: CONCERNS,
    plant: (backend) => ({
      ...backend,
      batchStatistics(x) {
        const { mean, variance } = backend.batchStatistics(x);
        return { mean, variance: unbiased(variance, valuesAChannel(x)) };
      },
    }),
  },
  {
    name: "moving-variance-unbiased",
    explanation:
      "The moving variance takes the unbiased one, divided by M − 1, as PyTorch does. Keras takes the biased one, which it also normalises with.",
    concerns: CONCERNS,
    plant(backend) {
      const counts: Counts = new WeakMap();
      return {
        ...backend,
        batchStatistics(x) {
          const found = backend.batchStatistics(x);
          counts.set(found.variance, valuesAChannel(x));
          return found;
        },
        updateMoving(moving, batch, momentum) {
          const count = counts.get(batch);
          backend.updateMoving(moving, count === undefined ? batch : unbiased(batch, count), momentum);
        },
      };
    },
  },
  {
    name: "batch-normalization-gradient-without-mean-terms",
    explanation:
      "dX lacks the terms that come by way of mean and variance: dX = gamma/√(variance + epsilon)·(dY − mean(dY) − xHat·mean(dY·xHat)).",
    concerns: CONCERNS,
    plant: (backend) => ({ ...backend, batchNormalizationGradients: backend.normalizeGradients }),
  },
  {
    name: "batch-normalization-gradient-without-mean",
    explanation:
      "dX lacks the term that comes by way of the mean: gamma/√(variance + epsilon)·(dY − mean(dY) − xHat·mean(dY·xHat)).",
    concerns: CONCERNS,
    plant: (backend) => withoutTerm(backend, "mean"),
  },
  {
    name: "batch-normalization-gradient-without-variance",
    explanation:
      "dX lacks the term that comes by way of the variance: gamma/√(variance + epsilon)·(dY − mean(dY) − xHat·mean(dY·xHat)).",
    concerns: CONCERNS,
    plant: (backend) => withoutTerm(backend, "variance"),
  },
  {
    name: "epsilon-outside-root",
    explanation:
      "Epsilon was added to the standard deviation. It belongs under the root: 1/√(variance + epsilon).",
    concerns: CONCERNS,
    plant: (backend) => epsilonOutside(backend, false),
  },
  {
    name: "epsilon-outside-root-textbook-gradient",
    explanation:
      "Epsilon was added to the standard deviation, and the gradient is the one for epsilon under the root: 1/√(variance + epsilon).",
    concerns: CONCERNS,
    plant: (backend) => epsilonOutside(backend, true),
  },
  {
    name: "epsilon-of-pytorch",
    explanation: "Epsilon is PyTorch's 1e-5. Keras' is 1e-3: give the same one on both sides.",
    concerns: CONCERNS,
    plant: (backend) => withEpsilon(backend, 1e-5),
  },
  {
    name: "epsilon-missing",
    explanation: "There is no epsilon: 1/√(variance + epsilon), epsilon 1e-3 by default.",
    concerns: CONCERNS,
    plant: (backend) => withEpsilon(backend, 0),
  },
  {
    name: "momentum-reversed",
    explanation:
      "Momentum weighs the batch, as in PyTorch. Here, as in Keras, it weighs the old value: moving = momentum·moving + (1 − momentum)·batch.",
    concerns: CONCERNS,
    plant: (backend) => ({
      ...backend,
      updateMoving: (moving, batch, momentum) => backend.updateMoving(moving, batch, 1 - momentum),
    }),
  },
];
