/**
 * Batch normalisation over all axes but the last:
 *   xHat = (X − mean)/√(variance + epsilon),  Y = gamma·xHat + beta.
 * Backward, M values a channel, inverseStd = 1/√(variance + epsilon):
 *   dBeta = Σ dY,  dGamma = Σ dY·xHat,
 *   dX = gamma·inverseStd·(dY − dBeta/M − xHat·dGamma/M): the statistics depend on X, by the mean and by the variance.
 * With moving statistics, which are constants, dX = gamma·inverseStd·dY. Derivation: docs/layers/batchNormalization.md.
 */
import { mustBe, OptionError, rejectUnknownKeys, unknownName } from "../errors.js";
import { sizeOf } from "../shape.js";
import { checkRegularizer, type Regularizer } from "./l2.js";
import type { Layer, ParameterSpec } from "./layer.js";

export interface BatchNormalizationOptions {
  readonly momentum: number;
  readonly epsilon: number;
  /**
   * What normalises while training. "batch": the batch's own statistics, which also move the moving ones. "moving": the
   * moving statistics as they are; nothing updates them, as in Keras with training=False.
   */
  readonly statistics: "batch" | "moving";
  readonly gammaRegularizer?: Regularizer;
  readonly betaRegularizer?: Regularizer;
}

const KEYS = ["momentum", "epsilon", "statistics", "gammaRegularizer", "betaRegularizer"];
const STATISTICS = ["batch", "moving"] as const;

export const batchNormalization: Layer<BatchNormalizationOptions> = {
  kind: "batch_normalization",
  title: "BatchNormalization",
  options(given) {
    const where = "batchNormalization";
    rejectUnknownKeys(where, given, KEYS);
    const options: Partial<Record<keyof BatchNormalizationOptions, unknown>> = {
      momentum: 0.99,
      epsilon: 1e-3,
      statistics: "batch",
      ...given,
    };
    const { momentum, epsilon, statistics } = options;
    if (typeof momentum !== "number" || !(momentum >= 0 && momentum <= 1)) {
      throw new OptionError(mustBe(where, "momentum", "be a number from 0 to 1", momentum));
    }
    if (typeof epsilon !== "number" || !(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY)) {
      throw new OptionError(mustBe(where, "epsilon", "be a positive number", epsilon));
    }
    const known = STATISTICS.find((name) => name === statistics);
    if (!known)
      throw new OptionError(`${where}: ${unknownName("statistics", String(statistics), STATISTICS)}`);
    return {
      momentum,
      epsilon,
      statistics: known,
      gammaRegularizer: checkRegularizer(where, options.gammaRegularizer, "gammaRegularizer"),
      betaRegularizer: checkRegularizer(where, options.betaRegularizer, "betaRegularizer"),
    };
  },
  outputShape([input]) {
    return input;
  },
  parameterSpecs([input], { gammaRegularizer, betaRegularizer }) {
    const shape = [input[input.length - 1]];
    const ones: ParameterSpec = { shape, initializer: "ones", trainable: true };
    const zeros: ParameterSpec = { shape, initializer: "zeros", trainable: true };
    return {
      gamma: { ...ones, l2: gammaRegularizer?.l2 },
      beta: { ...zeros, l2: betaRegularizer?.l2 },
      movingMean: { ...zeros, trainable: false },
      movingVariance: { ...ones, trainable: false },
    };
  },
  forward(backend, [x], parameters, { momentum, epsilon, statistics }, context) {
    const { gamma, beta, movingMean, movingVariance } = parameters;
    const moving = { mean: movingMean, variance: movingVariance };
    const ownStatistics = context.training && !context.frozen && statistics === "batch";
    const used = ownStatistics ? backend.batchStatistics(x) : moving;
    const y = backend.normalize(x, used, gamma, beta, epsilon);
    if (used !== moving) {
      backend.updateMoving(movingMean, used.mean, momentum);
      backend.updateMoving(movingVariance, used.variance, momentum);
    }
    return { y, cache: { x, ...used } };
  },
  backward(backend, dY, { gamma }, { x, mean, variance }, { epsilon, statistics }, wishes) {
    const used = { mean, variance };
    const { dX, dGamma, dBeta } =
      statistics === "batch" && !wishes.frozen
        ? backend.batchNormalizationGradients(x, dY, used, gamma, epsilon)
        : backend.normalizeGradients(x, dY, used, gamma, epsilon);
    return { dXs: [wishes.dX ? dX : undefined], parameters: { gamma: dGamma, beta: dBeta } };
  },
  /** A multiply-add an element, as in inference. */
  flops([input]) {
    return 2 * sizeOf(input);
  },
  receptiveField(field) {
    return field;
  },
};
