/**
 * Records batch normalisation. What needs the whole batch takes two instructions: sums within each image, split by
 * images, then sums over the images, split by channels; so the order of every sum depends on the batch alone.
 */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { CHANNEL_UNIT, channelSizes, periodBytes, sumOfRows } from "./sums.js";

type BatchNormalizationOps = Pick<
  Backend<WasmTensor>,
  | "batchStatistics"
  | "normalize"
  | "batchNormalizationGradients"
  | "normalizeGradients"
  | "foldNormalization"
  | "updateMoving"
>;

export function batchNormalizationOps(recorder: Recorder): BatchNormalizationOps {
  /** dBeta = Σ dY and dGamma = Σ dY·xHat, each [C]. */
  function parameterGradients(
    x: WasmTensor,
    dY: WasmTensor,
    mean: WasmTensor,
    variance: WasmTensor,
    epsilon: number,
  ): { dGamma: WasmTensor; dBeta: WasmTensor } {
    const { images, positions, channels } = channelSizes(x);
    const dBetas = recorder.tensor([images, channels]);
    const dGammas = recorder.tensor([images, channels]);
    recorder.record(
      "normalizeGradientsInImages",
      byImages(images),
      out(dBetas),
      out(dGammas),
      own(x),
      own(dY),
      all(mean),
      all(variance),
      scratch(4 * periodBytes(channels)),
      epsilon,
      positions,
      channels,
    );
    return { dGamma: sumOfRows(recorder, dGammas), dBeta: sumOfRows(recorder, dBetas) };
  }

  return {
    batchStatistics(x) {
      const { images, positions, channels } = channelSizes(x);
      const means = recorder.tensor([images, channels]);
      const squares = recorder.tensor([images, channels]);
      recorder.record(
        "momentsInImages",
        byImages(images),
        out(means),
        out(squares),
        own(x),
        scratch(2 * periodBytes(channels)),
        positions,
        channels,
      );
      const mean = recorder.tensor([channels]);
      const variance = recorder.tensor([channels]);
      recorder.record(
        "momentsOverImages",
        byRows(channels, CHANNEL_UNIT),
        out(mean),
        out(variance),
        all(means),
        all(squares),
        images,
        positions,
        channels,
      );
      return { mean, variance };
    },

    normalize(x, { mean, variance }, gamma, beta, epsilon) {
      const { images, positions, channels } = channelSizes(x);
      const y = recorder.tensor(x.shape);
      recorder.record(
        "normalizeForward",
        byImages(images),
        out(y),
        own(x),
        all(mean),
        all(variance),
        all(gamma),
        all(beta),
        scratch(2 * periodBytes(channels)),
        epsilon,
        positions,
        channels,
      );
      return y;
    },

    batchNormalizationGradients(x, dY, { mean, variance }, gamma, epsilon) {
      const { images, positions, channels } = channelSizes(x);
      const { dGamma, dBeta } = parameterGradients(x, dY, mean, variance, epsilon);
      const dX = recorder.tensor(x.shape);
      recorder.record(
        "batchNormalizationBackward",
        byImages(images),
        out(dX),
        own(x),
        own(dY),
        all(mean),
        all(variance),
        all(gamma),
        all(dGamma),
        all(dBeta),
        scratch(3 * periodBytes(channels)),
        epsilon,
        images,
        positions,
        channels,
      );
      return { dX, dGamma, dBeta };
    },

    normalizeGradients(x, dY, { mean, variance }, gamma, epsilon) {
      const { images, positions, channels } = channelSizes(x);
      const { dGamma, dBeta } = parameterGradients(x, dY, mean, variance, epsilon);
      const dX = recorder.tensor(x.shape);
      recorder.record(
        "normalizeBackward",
        byImages(images),
        out(dX),
        own(dY),
        all(variance),
        all(gamma),
        scratch(periodBytes(channels)),
        epsilon,
        positions,
        channels,
      );
      return { dX, dGamma, dBeta };
    },

    foldNormalization(kernel, bias, { mean, variance }, gamma, beta, epsilon) {
      const [filters] = gamma.shape;
      const folded = { kernel: recorder.tensor(kernel.shape), bias: recorder.tensor([filters]) };
      recorder.record(
        "foldKernel",
        byRows(sizeOf(kernel.shape) / filters),
        out(folded.kernel),
        own(kernel),
        all(variance),
        all(gamma),
        scratch(filters * 4),
        epsilon,
        filters,
      );
      recorder.record(
        "foldBias",
        byRows(filters, CHANNEL_UNIT),
        out(folded.bias),
        bias ? own(bias) : 0,
        own(mean),
        own(variance),
        own(gamma),
        own(beta),
        epsilon,
      );
      return folded;
    },

    updateMoving(moving, batch, momentum) {
      const channels = moving.shape[0];
      recorder.record(
        "updateMoving",
        byRows(channels, CHANNEL_UNIT),
        out(moving),
        own(batch),
        momentum,
        1 - momentum,
      );
    },
  };
}
