/** What the lab asks of training: confusion matrices, first weights, and means since the last report. */
import { describe, expect, it } from "vitest";
import { confusionMatrix, datasets, models, type Progress } from "../src/index.js";

describe("confusionMatrix", () => {
  it("counts what each class is taken for; a tie goes to the first", () => {
    const outputs = [0.1, 0.9, 0, 0.4, 0.4, 0.2, 0.2, 0.3, 0.5, 0, 0, 1];
    const { matrix, predicted, accuracy } = confusionMatrix([1, 1, 2, 0], outputs);
    expect([...predicted]).toEqual([1, 0, 2, 2]);
    expect(matrix).toEqual([
      [0, 0, 1],
      [1, 1, 0],
      [0, 0, 1],
    ]);
    expect(accuracy).toBe(0.5);
  });

  it("refuses what does not fit", () => {
    expect(() => confusionMatrix([0, 1], [1, 2, 3])).toThrow(
      "confusionMatrix: outputs must have one row for each of the 2 labels; got",
    );
    expect(() => confusionMatrix([0, 2], [1, 2, 3, 4])).toThrow(
      "confusionMatrix: label 1 must be a whole number from 0 to 1; got 2",
    );
  });

  it("agrees with evaluate", async () => {
    const { test } = datasets.shapes({ train: 1, test: 60 });
    const net = models.baseline().compile({
      optimizer: "adam",
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
    });
    const { accuracy } = await net.evaluate(test, { workers: 1 });
    const confusion = confusionMatrix(test.labels, await net.predict(test, { workers: 1 }));
    expect(confusion.accuracy).toBe(accuracy);
    expect(confusion.matrix.flat().reduce((sum, count) => sum + count)).toBe(60);
  });
});

describe("what a run tells of itself", () => {
  const compiled = () =>
    models.lenet5().compile({
      optimizer: "adam",
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
    });
  const { train } = datasets.shapes({ train: 96, test: 1 });

  it("initialize draws the weights that fit would begin with", async () => {
    const drawn = compiled().initialize({ seed: 5 });
    const before = drawn.getWeights();
    expect(before).not.toEqual(compiled().initialize({ seed: 6 }).getWeights());
    const one = { epochs: 1, batchSize: 32, seed: 5, workers: 1 };
    await drawn.fit(train, one);
    const other = compiled();
    await other.fit(train, one);
    expect(drawn.getWeights()).toEqual(other.getWeights());
    expect(() => compiled().initialize({ seed: -1 })).toThrow(
      "initialize: seed must be an integer in [0, 2^32)",
    );
  });

  it("recent means, weighed by their samples, make up the epoch's", async () => {
    const heard: Progress[] = [];
    const batches: number[] = [];
    await compiled().fit(train, {
      epochs: 1,
      batchSize: 32,
      workers: 1,
      callbacks: [
        {
          onProgress: (progress) => void heard.push(progress),
          onBatchEnd: (_batch, logs) => void batches.push(logs.loss), // so each step is a stretch of its own
        },
      ],
    });
    expect(heard.map(({ step }) => step)).toEqual([1, 2, 3]);
    const sums = heard.map(({ step }, i) => batches[i] * step);
    const steps = sums.map((sum, i) => sum - (i > 0 ? sums[i - 1] : 0));
    heard.forEach(({ recent }, i) => {
      expect(recent!.loss).toBeCloseTo(steps[i], 9);
    });
    expect(heard[1].recent!.loss).not.toBe(heard[1].logs.loss);
  });
});
