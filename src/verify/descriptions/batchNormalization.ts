import fc from "fast-check";
import {
  type BatchNormalizationOptions,
  batchNormalization as layer,
} from "../../layers/batchNormalization.js";
import { ndarray } from "../../reference/ndarray.js";
import { type LayerDescription, ROUNDOFF, randomLayerValues, sumError } from "../description.js";
import { largest } from "../values.js";
import { sizeUpTo } from "./arbitraries.js";

export const batchNormalization: LayerDescription = {
  name: "batchNormalization",
  cases({ batch, size, channels }) {
    const flat = fc.tuple(sizeUpTo(channels * 2));
    const picture = fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels));
    return fc
      .record({
        input: fc.oneof(flat, picture),
        statistics: fc.constantFrom("batch" as const, "moving" as const),
        momentum: fc.constantFrom(0.99, 0.9, 0),
        epsilon: fc.constantFrom(1e-3, 1e-2),
        batch: sizeUpTo(batch),
      })
      .map(({ input, batch, ...options }) => ({
        layer,
        options: layer.options(options),
        inputs: [input],
        batch,
        training: true,
      }));
  },
  /** A variance is positive. */
  values(given, seed) {
    const values = randomLayerValues(given, seed);
    const { shape, data } = values.parameters.movingVariance;
    const movingVariance = ndarray(
      shape,
      data.map((value) => Math.fround(1 + value / 2)),
    );
    return { ...values, parameters: { ...values.parameters, movingVariance } };
  },
  /**
   * M values a channel, |x| ≤ 1, s the largest 1/√(variance + epsilon). The mean is off by a sum's error over M; the variance by
   * that of a sum of squares, each at most 4 and off by 4 times the mean's error; so 1/√… is relatively off by s²/2 times that,
   * and |xHat|, which is at most 2s and at most √M, by both. The rest follows the formulas term by term.
   */
  tolerances(given, { xs, parameters, dY }, expected) {
    const { epsilon, statistics, momentum } = given.options as BatchNormalizationOptions;
    const channels = given.inputs[0][given.inputs[0].length - 1];
    const count = xs[0].data.length / channels;
    const batch = statistics === "batch";
    const least = batch ? leastVariance(xs[0].data, channels) : Math.min(...parameters.movingVariance.data);
    const s = 1 / Math.sqrt(least + epsilon);
    const ofMean = batch ? sumError(count) / Math.sqrt(count) : 0;
    const ofVariance = batch ? 4 * (ofMean + sumError(count) / Math.sqrt(count)) : 0;
    const ofInverse = (s * s * ofVariance) / 2 + 4 * ROUNDOFF;
    const furthest = batch ? Math.min(2 * s, Math.sqrt(count)) : 2 * s; // the largest |xHat|
    const ofXHat = s * (ofMean + 2 * ROUNDOFF) + furthest * ofInverse;
    const gamma = largest(parameters.gamma);
    const slope = largest(dY);
    const root = Math.sqrt(count);
    const ofDBeta = sumError(count) * root * slope;
    const ofDGamma = sumError(count) * root * slope * furthest + count * slope * ofXHat;
    const dGamma = largest(expected.get("dGamma")!);
    const ofDX =
      gamma * s * (6 * ROUNDOFF * slope * (2 + furthest * furthest)) +
      gamma * s * ((ofDBeta + furthest * ofDGamma + ofXHat * dGamma) / count) +
      largest(expected.get("dX")!) * ofInverse;
    const ofMoving = 4 * ROUNDOFF * 2;
    return new Map([
      ["y", gamma * (ofXHat + 4 * ROUNDOFF * furthest) + 2 * ROUNDOFF],
      ["dX", ofDX],
      ["dGamma", ofDGamma],
      ["dBeta", ofDBeta],
      ["after/moving_mean", batch ? ofMoving + (1 - momentum) * ofMean : 0],
      ["after/moving_variance", batch ? ofMoving + (1 - momentum) * ofVariance : 0],
    ]);
  },
};

function leastVariance(data: Float64Array, channels: number): number {
  const count = data.length / channels;
  let least = Number.POSITIVE_INFINITY;
  for (let c = 0; c < channels; c++) {
    let mean = 0;
    let square = 0;
    for (let i = c; i < data.length; i += channels) mean += data[i] / count;
    for (let i = c; i < data.length; i += channels) square += (data[i] - mean) ** 2 / count;
    least = Math.min(least, square);
  }
  return least;
}
