/** Batch normalisation: within images, combined over them by channel, applied by images. */
import type { Backend } from "../backend.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { layoutOf, periodBytes } from "./sums.js";

type Ops = Pick<
  Backend<WasmTensor>,
  "batchStatistics" | "normalize" | "batchNormalizationGradients" | "normalizeGradients" | "updateMoving"
>;

export function batchNormalizationOps(recorder: Recorder): Ops {
  /** dGamma and dBeta, whatever the statistics were. */
  const parameterGradients = (
    x: WasmTensor,
    dY: WasmTensor,
    mean: WasmTensor,
    variance: WasmTensor,
    epsilon: number,
  ) => {
    const { images, positions, channels } = layoutOf(x);
    const dGammas = recorder.tensor([images, channels]);
    const dBetas = recorder.tensor([images, channels]);
    const area = scratch(3 * periodBytes(channels));
    recorder.record(
      "imageNormalizationGradients",
      byImages(images),
      out(dGammas),
      out(dBetas),
      own(x),
      own(dY),
      all(mean),
      area,
      positions,
      channels,
    );
    const dGamma = recorder.tensor([channels]);
    const dBeta = recorder.tensor([channels]);
    recorder.record(
      "combineNormalizationGradients",
      byRows(channels),
      out(dGamma),
      out(dBeta),
      all(dGammas),
      all(dBetas),
      own(variance),
      epsilon,
      images,
      channels,
    );
    return { dGamma, dBeta };
  };

  return {
    batchStatistics(x) {
      const { images, positions, channels } = layoutOf(x);
      const means = recorder.tensor([images, channels]);
      const squares = recorder.tensor([images, channels]);
      const area = scratch(2 * periodBytes(channels));
      recorder.record(
        "imageStatistics",
        byImages(images),
        out(means),
        out(squares),
        own(x),
        area,
        positions,
        channels,
      );
      const mean = recorder.tensor([channels]);
      const variance = recorder.tensor([channels]);
      recorder.record(
        "combineStatistics",
        byRows(channels),
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
      const { images, positions, channels } = layoutOf(x);
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
        scratch(3 * periodBytes(channels)),
        epsilon,
        positions,
        channels,
      );
      return y;
    },

    batchNormalizationGradients(x, dY, { mean, variance }, gamma, epsilon) {
      const { images, positions, channels } = layoutOf(x);
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
        scratch(4 * periodBytes(channels)),
        epsilon,
        images * positions,
        positions,
        channels,
      );
      return { dX, dGamma, dBeta };
    },

    normalizeGradients(x, dY, { mean, variance }, gamma, epsilon) {
      const { images, positions, channels } = layoutOf(x);
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

    updateMoving(moving, batch, momentum) {
      const [channels] = moving.shape;
      recorder.record("updateMoving", byRows(channels), out(moving), own(batch), momentum, 1 - momentum);
    },
  };
}
