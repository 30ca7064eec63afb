/** Mixup and label smoothing: kernels, λ, and what training does with them. */
import { describe, expect, it, test } from "vitest";
import { mixImages, softenLabels } from "../src/backend/wasm/mix.js";
import { layers, sequential, sgd, weightsSha256 } from "../src/index.js";
import { mix, smoothLabels } from "../src/reference/mix.js";
import { ndarray } from "../src/reference/ndarray.js";
import { mixtureAt, resolveMixup } from "../src/train/mixup.js";
import { randomArray, randomValues } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

const mixture = Math.fround(0.3);

describe("images", () => {
  test("by hand: each with the next, the last with the first", () => {
    const x = ndarray([3, 2], [10, 20, 30, 40, 50, 60]);
    expectClose(mix(x, 0.75).data, [15, 25, 35, 45, 40, 50], { atol: 1e-12 });
  });

  test.each([
    [1, 7],
    [2, 1],
    [5, 16],
    [3, 17],
    [4, 131],
  ])("[%i, %i]: wasm agrees with the reference, the same bits for every split", (N, size) => {
    const x = randomArray([N, size], size);
    const run = (workers: number) =>
      runRecorded(workers, ({ recorder, array }) => [mixImages(recorder, array(x))], { mixture })[0];
    expectClose(run(1), mix(x, mixture).data, { atol: 4 * FLOAT32_EPSILON });
    for (const workers of [2, 3, 8]) expect(run(workers)).toEqual(run(1));
  });
});

describe("labels", () => {
  const classes = [2, 0, 1, 2, 4];
  const oneHot = ndarray([5, 5]);
  classes.forEach((k, n) => void (oneHot.data[n * 5 + k] = 1));

  test("by hand: 0.1 smoothed over 5 classes is 0.92 and 0.02", () => {
    const [first] = [smoothLabels(oneHot, 0.1).data.subarray(0, 5)];
    expectClose(first, [0.02, 0.02, 0.92, 0.02, 0.02], { atol: 1e-15 });
  });

  test.each(["uint8 indices", "distributions"])("%s, smoothed, mixed, both or neither", (form) => {
    for (const smoothing of [0, 0.1, 0.9]) {
      for (const mixes of [false, true]) {
        const run = (workers: number) =>
          runRecorded(
            workers,
            ({ recorder, put, array }) => {
              const labels = form === "distributions" ? array(oneHot) : put([5], classes, "int32");
              return [softenLabels(recorder, labels, 5, { smoothing, mixes })];
            },
            { mixture },
          )[0];
        const expected = smoothLabels(mixes ? mix(oneHot, mixture) : oneHot, smoothing);
        expectClose(run(1), expected.data, { atol: 4 * FLOAT32_EPSILON });
        for (const workers of [2, 3, 8]) expect(run(workers)).toEqual(run(1));
      }
    }
  });
});

describe("λ", () => {
  // Beta(α, α) has mean ½ and variance 1/(4·(2α + 1)); 4000 draws know the one to 0.008 and the other to 3 %.
  test.each([0.01, 0.2, 1, 4])("is Beta(%f, %f)'s", (alpha) => {
    const draws = Array.from({ length: 4000 }, (_, step) => mixtureAt(7, step, alpha));
    expect(draws.every((lambda) => lambda >= 0 && lambda <= 1)).toBe(true);
    const mean = draws.reduce((sum, lambda) => sum + lambda, 0) / draws.length;
    const variance = draws.reduce((sum, lambda) => sum + (lambda - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
    expect(Math.abs(variance * 4 * (2 * alpha + 1) - 1)).toBeLessThan(0.1);
    // Kolmogorov–Smirnov against the uniform distribution, which Beta(1, 1) is: 1.95/√4000 is passed once in a thousand.
    if (alpha !== 1) return;
    draws
      .sort((a, b) => a - b)
      .forEach((lambda, i) => void expect(Math.abs(lambda - i / 4000)).toBeLessThan(0.031));
  });

  test("depends on seed, step and alpha alone", () => {
    expect(mixtureAt(1, 2, 0.4)).toBe(mixtureAt(1, 2, 0.4));
    const draws = [mixtureAt(1, 2, 0.4), mixtureAt(2, 2, 0.4), mixtureAt(1, 3, 0.4), mixtureAt(1, 2, 0.5)];
    expect(new Set(draws).size).toBe(4);
  });

  test("alpha is checked", () => {
    expect(resolveMixup(0)).toBeUndefined();
    for (const alpha of [-1, 4.5, Number.NaN]) {
      expect(() => resolveMixup(alpha)).toThrow(`fit: mixup must lie in [0, 4]; got ${alpha}.`);
    }
  });
});

describe("training", () => {
  const y = Array.from({ length: 21 }, (_, i) => i % 3);
  const x = Float32Array.from(randomValues(21 * 5, 1), (value, i) => value + y[Math.floor(i / 5)]);
  const net = (labelSmoothing = 0, activation: "softmax" | "sigmoid" = "softmax") =>
    sequential([layers.dense({ units: 3, activation, inputShape: [5] })]).compile({
      optimizer: sgd({ learningRate: 0.1 }),
      loss: { name: "sparseCategoricalCrossentropy", labelSmoothing },
      metrics: ["accuracy"],
    });

  it.each(["softmax", "sigmoid"] as const)(
    "smoothing is in the loss, of training and of evaluation: %s",
    async (activation) => {
      const smooth = (label: number) => [0, 1, 2].map((k) => 0.8 * (k === label ? 1 : 0) + 0.2 / 3);
      const dense = net(0, activation).compile({ optimizer: "sgd", loss: "categoricalCrossentropy" });
      const expected = await dense.gradients(x, y.flatMap(smooth));
      const actual = await net(0.2, activation).gradients(x, y);
      expect(actual.loss).toBeCloseTo(expected.loss, 6);
      for (const [name, values] of actual.gradients) {
        expectClose(values, expected.gradients.get(name)!, { atol: 1e-7 });
      }
      const { loss, accuracy } = await net(0.2, activation).evaluate({ x, y });
      expect(loss).toBeCloseTo(expected.loss, 6);
      expect(accuracy).toBe((await net(0, activation).evaluate({ x, y })).accuracy);
    },
  );

  it("one mixed step is one plain step on images and labels mixed by hand", async () => {
    const start = net().getWeights();
    const mixed = net();
    mixed.setWeights(start);
    await mixed.fit({ x, y }, { batchSize: 21, shuffle: false, mixup: 1, seed: 5 });
    const lambda = Math.fround(mixtureAt(5, 0, 1));
    const oneHot = ndarray(
      [21, 3],
      y.flatMap((label) => [0, 1, 2].map((k) => (k === label ? 1 : 0))),
    );
    const byHand = net().compile({ optimizer: sgd({ learningRate: 0.1 }), loss: "categoricalCrossentropy" });
    byHand.setWeights(start);
    const images = Float32Array.from(mix(ndarray([21, 5], x), lambda).data);
    await byHand.trainOnBatch(images, mix(oneHot, lambda).data);
    for (const [name, values] of mixed.getWeights()) {
      expectClose(values, byHand.getWeights().get(name)!, { atol: 1e-6 });
    }
  });

  it("gives the same bits for any number of workers, and after an interruption at any step", async () => {
    const run = async (options: object) => {
      const model = net(0.1);
      const result = await model.fit({ x, y }, { batchSize: 4, epochs: 2, mixup: 0.4, seed: 1, ...options });
      return { ...result, sha256: weightsSha256(model.getWeights()) };
    };
    const whole = await run({ workers: 1 });
    expect((await run({ workers: 3 })).sha256).toBe(whole.sha256);
    for (const maxSteps of [5, 6]) {
      const { state } = await run({ workers: 1, maxSteps });
      expect(state).toMatchObject({ mixup: 0.4, labelSmoothing: 0.1 });
      expect((await run({ workers: 2, resume: state })).sha256).toBe(whole.sha256);
    }
    const { state } = await run({ maxSteps: 1 });
    await expect(run({ resume: state, mixup: 0 })).rejects.toThrow(
      "fit: mixup must be 0.4, as in the run that is resumed; got none.",
    );
    await expect(net().fit({ x, y }, { batchSize: 4, mixup: 0.4, seed: 1, resume: state })).rejects.toThrow(
      "fit: labelSmoothing must be 0.1, as in the run that is resumed; got none.",
    );
  });

  it("refuses a smoothing that leaves nothing of the label", () => {
    expect(() => net(1)).toThrow("compile: loss: labelSmoothing must lie in [0, 1); got 1.");
    expect(() =>
      net().compile({
        optimizer: "sgd",
        loss: { name: "categoricalCrossentropy", labelSmooting: 1 } as never,
      }),
    ).toThrow('compile: loss: unknown option "labelSmooting". Did you mean "labelSmoothing"?');
  });
});
