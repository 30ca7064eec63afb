/** The promise: the same bits for any number of workers, and after any interruption. */
import { describe, expect, it } from "vitest";
import { shapes } from "../src/data/shapes.js";
import { WorkerError } from "../src/errors.js";
import { initialWeights } from "../src/models/initializers.js";
import { lenet5, NETWORKS } from "../src/models/networks.js";
import { loadTrainingState, saveTrainingState, weightsSha256 } from "../src/train/checkpoint.js";
import { Model } from "../src/train/model.js";
import { openSession } from "../src/train/openSession.js";
import { adam } from "../src/train/optimizers.js";
import type { FitOptions } from "../src/train/types.js";
import { temporaryFolder } from "./support/temporary.js";

const compiled = {
  optimizer: adam(),
  loss: "sparseCategoricalCrossentropy",
  metrics: ["accuracy"],
} as const;

async function train(name: keyof typeof NETWORKS, width: number, options: FitOptions) {
  const { train: data, test } = shapes({ train: 75, test: 20, seed: 3 });
  const model = new Model(NETWORKS[name]({ width })).compile(compiled);
  const result = await model.fit(data, { batchSize: 8, seed: 1, validationData: test, ...options });
  return { ...result, sha256: weightsSha256(model.getWeights()), graph: model.graph };
}

describe("the same bits", () => {
  // 75 images in batches of 8: the last one has 3, fewer than some workers could share evenly.
  it.each([
    ["lenet5", 1],
    ["baseline", 1],
    ["inception10", 0.5],
    ["resnet18", 0.25],
  ] as const)("for 1, 2 and 3 workers: %s", async (name, width) => {
    const runs = [];
    for (const workers of [1, 2, 3]) runs.push(await train(name, width, { workers, epochs: 2 }));
    expect(runs[0].history.epochs).toEqual([0, 1]);
    expect(new Set(runs.map((run) => run.sha256)).size).toBe(1);
    expect(runs[1].history).toEqual(runs[0].history);
    expect(runs[2].history).toEqual(runs[0].history);
    const untrained = weightsSha256(initialWeights(runs[0].graph, 1));
    expect(runs[0].sha256).not.toBe(untrained);
  });

  it("for 32 workers on as many threads as there are cores", async () => {
    const runs = [];
    for (const workers of [1, 32]) runs.push(await train("baseline", 1, { workers, epochs: 2 }));
    expect(runs[1].sha256).toBe(runs[0].sha256);
    expect(runs[1].history).toEqual(runs[0].history);
  });

  it("for more threads than cores", async () => {
    const { train: data } = shapes({ train: 40, test: 10, seed: 3 });
    const graph = NETWORKS.inception10({ width: 0.5 });
    const weights = [];
    for (const threads of [1, 3, 7]) {
      const session = await openSession({
        graph,
        loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
        optimizer: adam(),
        batchSize: 10,
        workers: 7,
        threads,
        seed: 0,
        training: data,
      });
      session.writeWeights(initialWeights(graph, 1));
      const totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
      await session.train({ from: 0, to: 4, step: 0, learningRate: 0.001, totals });
      weights.push(weightsSha256(session.readWeights()));
      await session.close();
    }
    expect(new Set(weights).size).toBe(1);
  });

  it("after an interruption at any step, through a file", async () => {
    const whole = await train("baseline", 0.5, { epochs: 2, workers: 1 });
    const path = `${temporaryFolder()}/state.safetensors`;
    for (const maxSteps of [1, 4, 9, 10, 11, 17, 19]) {
      const first = await train("baseline", 0.5, { epochs: 2, workers: 2, maxSteps });
      expect(first.interrupted).toBe(true);
      expect(first.state.step).toBe(maxSteps);
      await saveTrainingState(path, first.graph, first.state);
      const { state: resume } = await loadTrainingState(path);
      const second = await train("baseline", 0.5, { epochs: 2, workers: 3, resume });
      expect(second.interrupted).toBe(false);
      expect(second.sha256, `interrupted at step ${maxSteps}`).toBe(whole.sha256);
      expect(second.history).toEqual(whole.history);
    }
  });

  it("after an abort in the middle of a stretch", async () => {
    const whole = await train("lenet5", 1, { epochs: 40, workers: 2 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 150);
    const first = await train("lenet5", 1, { epochs: 40, workers: 2, signal: controller.signal });
    const second = await train("lenet5", 1, { epochs: 40, workers: 2, resume: first.state });
    expect(second.sha256).toBe(whole.sha256);
  });

  it("whether batches are watched or not", async () => {
    const seen: number[] = [];
    const watched = await train("lenet5", 1, {
      workers: 2,
      callbacks: [{ onBatchEnd: (batch) => void seen.push(batch) }],
    });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(watched.sha256).toBe((await train("lenet5", 1, { workers: 1 })).sha256);
  });

  it("for evaluate and predict", async () => {
    const { test } = shapes({ train: 10, test: 45, seed: 3 });
    const model = new Model(lenet5()).compile(compiled);
    const logs = [];
    const outputs = [];
    for (const workers of [1, 2, 3]) {
      logs.push(await model.evaluate(test, { workers, batchSize: 16 }));
      outputs.push(await model.predict(test, { workers, batchSize: 16 }));
    }
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[2]).toEqual(outputs[0]);
    for (let n = 0; n < 45; n++) {
      const row = outputs[0].subarray(n * 10, n * 10 + 10);
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    }
  });
});

describe("a worker that fails", () => {
  it("is an error for all, not a hang, and says where", async () => {
    const { train: data } = shapes({ train: 64, test: 10 });
    const options = {
      graph: lenet5(),
      loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
      optimizer: adam(),
      batchSize: 32,
      workers: 2,
      seed: 0,
      training: data,
    } as const;
    const session = await openSession(options);
    // Example numbers far outside the data: the kernel traps on memory that is not there.
    session.setOrder(new Int32Array(64).fill(2 ** 30));
    const totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
    const stretch = { from: 0, to: 2, step: 0, learningRate: 0.001, totals };
    await expect(session.train(stretch)).rejects.toThrow(WorkerError);
    await expect(session.train(stretch)).rejects.toThrow(/worker \d failed: batch \(gatherByte/);
    await session.close();
  });
});
