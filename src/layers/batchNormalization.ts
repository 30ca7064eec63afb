/**
 * Batch normalisation over all axes but the last; M = number of values of a channel.
 *   xHat = (x − mean)·inverseStd,  inverseStd = 1/√(variance + epsilon),  y = gamma·xHat + beta
 * Backward, where mean and variance are those of the batch and so depend on x:
 *   dBeta = Σ dY,  dGamma = Σ dY·xHat,
 *   dX = gamma·inverseStd·(dY − dBeta/M − xHat·dGamma/M).
 * With moving statistics, which are constants, the last two terms vanish. Derivation: docs/layers/batchNormalization.md.
 * Source: Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.
 */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { sizeOf } from "../shape.js";
import { oneOf } from "./checks.js";
import type { Layer } from "./layer.js";

export interface BatchNormalizationOptions {
  readonly momentum: number;
  readonly epsilon: number;
  /** What normalises while training: the batch's own statistics, or the moving ones, which then stay as they are. */
  readonly statistics: "batch" | "moving";
}

/** What the user writes; defaults as in Keras. */
export type BatchNormalizationArguments = Partial<BatchNormalizationOptions>;

export const batchNormalization: Layer<BatchNormalizationOptions> = {
  kind: "batch_normalization",
  title: "BatchNormalization",

  options(given) {
    rejectUnknownKeys("batchNormalization", given, ["momentum", "epsilon", "statistics"]);
    const { momentum = 0.99, epsilon = 1e-3, statistics = "batch" } = given as BatchNormalizationArguments;
    if (!(momentum >= 0 && momentum <= 1)) {
      throw new OptionError(mustBe("batchNormalization", "momentum", "lie in [0, 1]", momentum));
    }
    if (!(epsilon > 0 && Number.isFinite(epsilon))) {
      throw new OptionError(mustBe("batchNormalization", "epsilon", "be a positive number", epsilon));
    }
    const known = ["batch", "moving"] as const;
    return {
      momentum,
      epsilon,
      statistics: oneOf("batchNormalization", "statistics", statistics, known),
    };
  },

  outputShape([input]) {
    return input;
  },

  parameterSpecs([input]) {
    const shape = [input[input.length - 1]];
    return {
      gamma: { shape, initializer: "ones", trainable: true },
      beta: { shape, initializer: "zeros", trainable: true },
      movingMean: { shape, initializer: "zeros", trainable: false },
      movingVariance: { shape, initializer: "ones", trainable: false },
    };
  },

  forward(backend, [x], { gamma, beta, movingMean, movingVariance }, options, { training }) {
    const moving = { mean: movingMean, variance: movingVariance };
    const usesBatch = training && options.statistics === "batch";
    const used = usesBatch ? backend.batchStatistics(x) : moving;
    const y = backend.normalize(x, used, gamma, beta, options.epsilon);
    if (usesBatch) {
      backend.updateMoving(movingMean, used.mean, options.momentum);
      backend.updateMoving(movingVariance, used.variance, options.momentum);
    }
    return { y, cache: { x, ...used } };
  },

  backward(backend, dY, { gamma }, { x, mean, variance }, { statistics, epsilon }) {
    const used = { mean, variance };
    const { dX, dGamma, dBeta } =
      statistics === "batch"
        ? backend.batchNormalizationGradients(x, dY, used, gamma, epsilon)
        : backend.normalizeGradients(x, dY, used, gamma, epsilon);
    return { dXs: [dX], parameters: { gamma: dGamma, beta: dBeta } };
  },

  /** One multiply-add an element: gamma, beta and the statistics fold into one scale and one shift. */
  flops([input]) {
    return 2 * sizeOf(input);
  },

  receptiveField: (field) => field,
};
