import { expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { batchNormalizationOps } from "../src/backend/wasm/batchNormalization.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { periodBytes } from "../src/backend/wasm/sums.js";
import { batchNormalization } from "../src/layers/batchNormalization.js";
import * as reference from "../src/reference/batchNormalization.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { sizeOf } from "../src/shape.js";
import { dot, numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { expectSameBits } from "./support/splits.js";

const core = new Core();
const kernels = core.exports;
/** The layer asks its backend for normalisation alone. */
const backend = reference as unknown as Backend<NDArray>;
const EPSILON = 1e-3;

test("a worked example: two values a channel", () => {
  // Channel 0 holds 1 and 3: mean 2, variance 1; channel 1 holds 10 and 10: mean 10, variance 0.
  const x = ndarray([2, 2], [1, 10, 3, 10]);
  const statistics = reference.batchStatistics(x);
  expect([...statistics.mean.data]).toEqual([2, 10]);
  expect([...statistics.variance.data]).toEqual([1, 0]);
  const y = reference.normalize(x, statistics, ndarray([2], [2, 5]), ndarray([2], [1, -1]), 3);
  expect([...y.data]).toEqual([0, -1, 2, -1]); // √(1 + 3) = 2
});

test("the gradients of docs/layers/batchNormalization.md's example", () => {
  const x = ndarray([2, 1], [1, 3]);
  const dY = ndarray([2, 1], [1, 3]);
  const gamma = ndarray([1], [2]);
  const gradients = reference.batchNormalizationGradients(x, dY, reference.batchStatistics(x), gamma, 3);
  expect(gradients).toEqual({
    dX: ndarray([2, 1], [-0.75, 0.75]),
    dGamma: ndarray([1], [1]),
    dBeta: ndarray([1], [4]),
  });
});

for (const shape of [
  [5, 3],
  [3, 2, 2, 4],
]) {
  test(`gradients for ${shape} are those of central differences`, () => {
    const channels = shape[shape.length - 1];
    const x = randomArray(shape, 1);
    const gamma = randomArray([channels], 2);
    const beta = randomArray([channels], 3);
    const dY = randomArray(shape, 4);
    const constants = { mean: randomArray([channels], 5), variance: ndarray([channels]) };
    constants.variance.data.fill(0.7);
    for (const [statistics, gradients] of [
      [() => reference.batchStatistics(x), reference.batchNormalizationGradients],
      [() => constants, reference.normalizeGradients],
    ] as const) {
      const loss = () => dot(reference.normalize(x, statistics(), gamma, beta, EPSILON), dY);
      const { dX, dGamma, dBeta } = gradients(x, dY, statistics(), gamma, EPSILON);
      // Truncation and rounding of central differences, about 1e-10 of the values' size.
      expectClose(dX.data, numericGradient(loss, x), { atol: 1e-9, rtol: 1e-8 });
      expectClose(dGamma.data, numericGradient(loss, gamma), { atol: 1e-9 });
      expectClose(dBeta.data, numericGradient(loss, beta), { atol: 1e-9 });
    }
  });
}

/** Images, positions, channels: periods below, at and above the main loops' steps, with rests of every kind. */
const SIZES = [
  [3, 1, 1],
  [5, 1, 10],
  [4, 1, 64],
  [2, 49, 1],
  [3, 25, 3],
  [4, 64, 6],
  [3, 37, 6],
  [5, 9, 10],
  [2, 100, 16],
  [3, 33, 17],
  [2, 21, 64],
  [3, 4, 96],
];

for (const [images, positions, channels] of SIZES) {
  const shape = [images, positions, channels];
  const bytes = sizeOf(shape) * 4;
  const period = periodBytes(channels);
  const count = images * positions;

  test(`kernels for [${shape}] give the reference's values, for any split`, () => {
    core.reset();
    const array = randomArray(shape, 10 * positions + channels);
    // A mean that is not zero, so that a one-pass variance would lose digits.
    array.data.forEach((value, i) => {
      array.data[i] = value + 3;
    });
    const x = core.putFloats(array.data);
    const partialBytes = images * channels * 4;
    const [means, squares] = expectSameBits(
      core,
      [partialBytes, partialBytes],
      images,
      ([m, s], begin, end) => {
        kernels.momentsInImages(m, s, x, core.allocate(2 * period), positions, channels, begin, end);
      },
    );
    const [mean, variance] = expectSameBits(
      core,
      [channels * 4, channels * 4],
      channels,
      ([m, v], begin, end) => {
        kernels.momentsOverImages(m, v, means, squares, images, positions, channels, begin, end);
      },
    );
    const expected = reference.batchStatistics(array);
    // Sums are of values below 4, and of squares of differences below 2 whose own error is that of the mean.
    expectClose(core.floats(mean, channels), expected.mean.data, { atol: 4 * sumTolerance(count) });
    expectClose(core.floats(variance, channels), expected.variance.data, { atol: 4 * sumTolerance(count) });

    const statistics = {
      mean: ndarray([channels], core.floats(mean, channels)),
      variance: ndarray([channels], core.floats(variance, channels)),
    };
    const gammas = randomArray([channels], 2);
    const betas = randomArray([channels], 3);
    const gamma = core.putFloats(gammas.data);
    const beta = core.putFloats(betas.data);
    const [y] = expectSameBits(core, [bytes], images, ([to], begin, end) => {
      const work = core.allocate(2 * period);
      kernels.normalizeForward(
        to,
        x,
        mean,
        variance,
        gamma,
        beta,
        work,
        EPSILON,
        positions,
        channels,
        begin,
        end,
      );
    });
    const ys = reference.normalize(array, statistics, gammas, betas, EPSILON);
    // Folding adds terms of size |x·scale| ≤ 4·scale, of which a few roundings remain.
    const scale = Math.max(...statistics.variance.data.map((v) => 1 / Math.sqrt(v + EPSILON)));
    expectClose(core.floats(y, sizeOf(shape)), ys.data, { atol: 8 * 4 * scale * FLOAT32_EPSILON });

    const upstream = randomArray(shape, 7);
    const dY = core.putFloats(upstream.data);
    const [dBetas, dGammas] = expectSameBits(
      core,
      [partialBytes, partialBytes],
      images,
      ([b, g], begin, end) => {
        const work = core.allocate(4 * period);
        kernels.normalizeGradientsInImages(
          b,
          g,
          x,
          dY,
          mean,
          variance,
          work,
          EPSILON,
          positions,
          channels,
          begin,
          end,
        );
      },
    );
    const dGamma = core.allocate(channels * 4);
    const dBeta = core.allocate(channels * 4);
    kernels.sumOfRows(dGamma, dGammas, images, channels, 0, channels);
    kernels.sumOfRows(dBeta, dBetas, images, channels, 0, channels);
    const gradients = reference.batchNormalizationGradients(array, upstream, statistics, gammas, EPSILON);
    // |dY| < 1 and |xHat| < 2·scale bound the terms of both sums.
    const sumBound = count * sumTolerance(count);
    expectClose(core.floats(dBeta, channels), gradients.dBeta.data, { atol: sumBound });
    expectClose(core.floats(dGamma, channels), gradients.dGamma.data, { atol: 2 * scale * sumBound });

    const [dX] = expectSameBits(core, [bytes], images, ([to], begin, end) => {
      const work = core.allocate(3 * period);
      kernels.batchNormalizationBackward(
        to,
        x,
        dY,
        mean,
        variance,
        gamma,
        dGamma,
        dBeta,
        work,
        EPSILON,
        images,
        positions,
        channels,
        begin,
        end,
      );
    });
    // dGamma/M and dBeta/M carry their sums' errors; xHat is folded as in forward: 4·scale in place of xHat.
    const bound = scale * (1 + 2 * scale * 4 * scale) * (sumTolerance(count) + 8 * FLOAT32_EPSILON);
    expectClose(core.floats(dX, sizeOf(shape)), gradients.dX.data, { atol: bound });

    const [constantDX] = expectSameBits(core, [bytes], images, ([to], begin, end) => {
      const work = core.allocate(period);
      kernels.normalizeBackward(to, dY, variance, gamma, work, EPSILON, positions, channels, begin, end);
    });
    const constant = reference.normalizeGradients(array, upstream, statistics, gammas, EPSILON);
    expectClose(core.floats(constantDX, sizeOf(shape)), constant.dX.data, { rtol: 6 * FLOAT32_EPSILON });
    core.checkGuards();
  });
}

test("moving averages move by 1 − momentum, channel by channel", () => {
  core.reset();
  const moving = core.putFloats([1, 2, 3, 4, 5]);
  const batch = core.putFloats([11, 12, 13, 14, 15]);
  kernels.updateMoving(moving, batch, 0.75, 0.25, 1, 4);
  core.checkGuards();
  expect([...core.floats(moving, 5)]).toEqual([1, 4.5, 5.5, 6.5, 5]);
  const reference64 = ndarray([2], [1, 2]);
  reference.updateMoving(reference64, ndarray([2], [11, 12]), 0.75);
  expect([...reference64.data]).toEqual([3.5, 4.5]);
});

const input = [8, 8, 2];

function parameters() {
  return {
    gamma: ndarray([2], [1, 2]),
    beta: ndarray([2], [0, 1]),
    movingMean: ndarray([2], [0.5, -0.5]),
    movingVariance: ndarray([2], [4, 9]),
  };
}

test("training uses the batch and moves the averages; inference uses the averages and leaves them", () => {
  const options = batchNormalization.options({ momentum: 0.5 });
  const x = randomArray([3, ...input], 1);
  const weights = parameters();
  const training = { training: true, stream: 0 };
  const { y, cache } = batchNormalization.forward(backend, [x], weights, options, training);
  const statistics = reference.batchStatistics(x);
  expect(y).toEqual(reference.normalize(x, statistics, weights.gamma, weights.beta, EPSILON));
  expect(cache).toEqual({ x, ...statistics });
  expect(weights.movingMean.data[0]).toBe(0.5 * 0.5 + 0.5 * statistics.mean.data[0]);
  expect(weights.movingVariance.data[1]).toBe(0.5 * 9 + 0.5 * statistics.variance.data[1]);

  const dY = randomArray(x.shape, 2);
  const wishes = { dX: true, inputs: [input] };
  const { dXs, parameters: gradients } = batchNormalization.backward(
    backend,
    dY,
    weights,
    cache,
    options,
    wishes,
  );
  const expected = reference.batchNormalizationGradients(x, dY, statistics, weights.gamma, EPSILON);
  expect(dXs).toEqual([expected.dX]);
  expect(gradients).toEqual({ gamma: expected.dGamma, beta: expected.dBeta });

  const fresh = parameters();
  const moving = { mean: fresh.movingMean, variance: fresh.movingVariance };
  const inference = { training: false, stream: 0 };
  const result = batchNormalization.forward(backend, [x], fresh, options, inference);
  expect(result.y).toEqual(reference.normalize(x, moving, fresh.gamma, fresh.beta, EPSILON));
  expect(fresh).toEqual(parameters());
});

test('statistics "moving" treats the averages as constants while training, and does not move them', () => {
  const options = batchNormalization.options({ statistics: "moving" });
  const x = randomArray([3, ...input], 1);
  const weights = parameters();
  const moving = { mean: weights.movingMean, variance: weights.movingVariance };
  const context = { training: true, stream: 0 };
  const { y, cache } = batchNormalization.forward(backend, [x], weights, options, context);
  expect(y).toEqual(reference.normalize(x, moving, weights.gamma, weights.beta, EPSILON));
  expect(weights).toEqual(parameters());
  const dY = randomArray(x.shape, 2);
  const wishes = { dX: false, inputs: [input] };
  const { dXs, parameters: gradients } = batchNormalization.backward(
    backend,
    dY,
    weights,
    cache,
    options,
    wishes,
  );
  const expected = reference.normalizeGradients(x, dY, moving, weights.gamma, EPSILON);
  expect(dXs).toEqual([undefined]);
  expect(gradients).toEqual({ gamma: expected.dGamma, beta: expected.dBeta });
});

test("parameters in Keras' order; only gamma and beta are trained", () => {
  const options = batchNormalization.options({});
  const specs = batchNormalization.parameterSpecs([[8, 8, 3]], options);
  expect(Object.entries(specs)).toEqual([
    ["gamma", { shape: [3], initializer: "ones", trainable: true }],
    ["beta", { shape: [3], initializer: "zeros", trainable: true }],
    ["movingMean", { shape: [3], initializer: "zeros", trainable: false }],
    ["movingVariance", { shape: [3], initializer: "ones", trainable: false }],
  ]);
  expect(options).toEqual({ momentum: 0.99, epsilon: 1e-3, statistics: "batch" });
  expect(batchNormalization.outputShape([[8, 8, 3]], options, "bn")).toEqual([8, 8, 3]);
});

test("options that are wrong are refused by name", () => {
  expect(() => batchNormalization.options({ momentum: 1.5 })).toThrow(
    "batchNormalization: momentum must be a number from 0 to 1; got 1.5.",
  );
  expect(() => batchNormalization.options({ epsilon: 0 })).toThrow(
    "batchNormalization: epsilon must be a positive number; got 0.",
  );
  expect(() => batchNormalization.options({ statistics: "movin" })).toThrow(
    'batchNormalization: unknown statistics "movin". Did you mean "moving"?',
  );
  expect(() => batchNormalization.options({ epsilom: 1 })).toThrow(
    'batchNormalization: unknown option "epsilom". Did you mean "epsilon"?',
  );
});

test("the recording sums within images, then by channels, and normalises by images", () => {
  const recorder = new Recorder();
  const ops = batchNormalizationOps(recorder);
  const x = recorder.tensor([32, 8, 8, 6]);
  const gamma = recorder.tensor([6]);
  const statistics = ops.batchStatistics(x);
  ops.normalize(x, statistics, gamma, gamma, EPSILON);
  ops.updateMoving(gamma, statistics.mean, 0.99);
  ops.batchNormalizationGradients(x, x, statistics, gamma, EPSILON);
  ops.normalizeGradients(x, x, statistics, gamma, EPSILON);
  expect(recorder.instructions.map(({ kernel, split }) => [kernel, split.by])).toEqual([
    ["momentsInImages", "images"],
    ["momentsOverImages", "rows"],
    ["normalizeForward", "images"],
    ["updateMoving", "rows"],
    ["normalizeGradientsInImages", "images"],
    ["sumOfRows", "rows"],
    ["sumOfRows", "rows"],
    ["batchNormalizationBackward", "images"],
    ["normalizeGradientsInImages", "images"],
    ["sumOfRows", "rows"],
    ["sumOfRows", "rows"],
    ["normalizeBackward", "images"],
  ]);
});
