/** The training API: what it computes, what its callbacks do, and what it refuses. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  adam,
  type Callback,
  csvLogger,
  datasets,
  earlyStopping,
  type History,
  input,
  type Logs,
  layers,
  loadModel,
  loadTrainingState,
  Model,
  model,
  modelCheckpoint,
  models,
  reduceLROnPlateau,
  sequential,
  sgd,
  terminateOnNaN,
  weightsSha256,
} from "../src/index.js";
import { randomValues } from "./support/arrays.js";
import { temporaryFolder } from "./support/temporary.js";

const compiled = { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;

function tiny(): Model {
  return sequential([
    layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, activation: "relu", inputShape: [8, 8, 1] }),
    layers.flatten(),
    layers.dense({ units: 3, activation: "softmax" }),
  ]).compile({ optimizer: sgd({ learningRate: 0.1 }), ...compiled });
}

/** Three patterns in noise: learnt in a few steps. */
function patterns(count: number) {
  const y = Array.from({ length: count }, (_, i) => i % 3);
  const noise = randomValues(count * 64, 5);
  const x = Float32Array.from(
    noise,
    (value, i) => 0.2 * value + (Math.floor((i % 64) / 22) === y[Math.floor(i / 64)] ? 1 : 0),
  );
  return { x, y };
}

describe("fit", () => {
  it("learns, remembers, and predicts what it learnt", async () => {
    const net = tiny();
    const { history, interrupted } = await net.fit(patterns(90), {
      epochs: 8,
      batchSize: 10,
      validationSplit: 0.2,
    });
    expect(interrupted).toBe(false);
    expect(history.epochs).toHaveLength(8);
    expect(history.logs.loss[7]).toBeLessThan(history.logs.loss[0] / 2);
    expect(history.logs.val_accuracy[7]).toBe(1);
    const outputs = await net.predict(patterns(6).x);
    for (let n = 0; n < 6; n++) {
      const row = Array.from(outputs.subarray(n * 3, n * 3 + 3));
      expect(row.indexOf(Math.max(...row))).toBe(n % 3);
    }
  });

  it("validates every n epochs", async () => {
    const data = patterns(30);
    const { history } = await tiny().fit(data, { epochs: 5, validationData: data, validationFrequency: 2 });
    expect(history.validationEpochs).toEqual([1, 3]);
    expect(history.logs.val_loss).toHaveLength(2);
    expect(history.logs.loss).toHaveLength(5);
  });

  it("keeps the order without shuffling, and changes it with the seed", async () => {
    const sha256 = async (shuffle: boolean, seed: number) => {
      const net = tiny();
      net.setWeights(tiny().getWeights());
      await net.fit(patterns(30), { batchSize: 4, shuffle, seed });
      return weightsSha256(net.getWeights());
    };
    expect(await sha256(false, 1)).toBe(await sha256(false, 2));
    expect(await sha256(true, 1)).not.toBe(await sha256(true, 2));
    expect(await sha256(true, 1)).not.toBe(await sha256(false, 1));
  });

  it("does what trainOnBatch does, step by step, with Adam's state", async () => {
    const data = patterns(12);
    const optimizer = adam({ learningRate: 0.01 });
    const fitted = tiny().compile({ optimizer, ...compiled });
    await fitted.fit(data, { batchSize: 4, shuffle: false, epochs: 2 });
    const stepped = tiny().compile({ optimizer, ...compiled });
    for (let step = 0; step < 6; step++) {
      const at = (step % 3) * 4;
      await stepped.trainOnBatch(data.x.subarray(at * 64, (at + 4) * 64), data.y.slice(at, at + 4));
    }
    expect(weightsSha256(stepped.getWeights())).toBe(weightsSha256(fitted.getWeights()));
  });

  it("takes dense labels: one-hot gives the same as indices", async () => {
    const data = patterns(12);
    const oneHot = data.y.flatMap((label) => [0, 1, 2].map((k) => (k === label ? 1 : 0)));
    const sparse = tiny();
    const dense = tiny().compile({ optimizer: sgd({ learningRate: 0.1 }), loss: "categoricalCrossentropy" });
    const a = await sparse.gradients(data.x, data.y);
    const b = await dense.gradients(data.x, oneHot);
    expect(b.loss).toBeCloseTo(a.loss, 6);
    for (const [name, values] of a.gradients) {
      values.forEach((value, i) => {
        expect(b.gradients.get(name)![i]).toBeCloseTo(value, 6);
      });
    }
  });

  it("keeps the weights learnt so far when a callback throws", async () => {
    const net = tiny();
    const before = weightsSha256(net.getWeights());
    const onEpochEnd = () => {
      throw new Error("mine");
    };
    await expect(net.fit(patterns(9), { callbacks: [{ onEpochEnd }] })).rejects.toThrow("mine");
    expect(weightsSha256(net.getWeights())).not.toBe(before);
  });
});

describe("callbacks", () => {
  it("are called in Keras' order", async () => {
    const calls: string[] = [];
    const spy: Callback = {
      onTrainBegin: () => void calls.push("train begin"),
      onEpochBegin: (epoch) => void calls.push(`epoch ${epoch} begin`),
      onBatchBegin: (batch) => void calls.push(`batch ${batch} begin`),
      onBatchEnd: (batch, logs) => void calls.push(`batch ${batch} end ${Object.keys(logs)}`),
      onEpochEnd: (epoch, logs) => void calls.push(`epoch ${epoch} end ${Object.keys(logs)}`),
      onTrainEnd: () => void calls.push("train end"),
    };
    await tiny().fit(patterns(8), { batchSize: 4, validationData: patterns(3), callbacks: [spy] });
    expect(calls).toEqual([
      "train begin",
      "epoch 0 begin",
      "batch 0 begin",
      "batch 0 end loss,accuracy",
      "batch 1 begin",
      "batch 1 end loss,accuracy",
      "epoch 0 end loss,accuracy,val_loss,val_accuracy",
      "train end",
    ]);
  });

  /** Runs a callback through made-up epochs, on a context that only remembers. */
  async function play(callback: Callback, values: readonly number[]) {
    const context = {
      stopTraining: false,
      learningRate: 1,
      restored: undefined as unknown,
      getWeights: () => new Map([["epoch", Float32Array.of(epoch)]]),
      setWeights(weights: ReadonlyMap<string, Float32Array>) {
        context.restored = weights.get("epoch")![0];
      },
    };
    let epoch = 0;
    const rates: number[] = [];
    for (const value of values) {
      await callback.onEpochEnd?.(epoch, { val_loss: value, loss: value }, context as never);
      rates.push(context.learningRate);
      epoch++;
      if (context.stopTraining) break;
    }
    return { epochs: epoch, rates, restored: context.restored };
  }

  it("earlyStopping waits `patience` epochs and restores the best weights", async () => {
    const callback = earlyStopping({ patience: 2, restoreBestWeights: true });
    expect(await play(callback, [3, 2, 2.5, 2.4, 1])).toMatchObject({ epochs: 4, restored: 1 });
    expect(await play(earlyStopping({ patience: 2, minDelta: 0.6 }), [3, 2.5, 2.45, 2])).toMatchObject({
      epochs: 3,
    });
    expect(await play(earlyStopping(), [3, 2, Number.NaN])).toMatchObject({ epochs: 3 });
  });

  it("earlyStopping goes on counting after an interruption", async () => {
    const first = earlyStopping({ patience: 3 });
    await play(first, [1, 2, 2]);
    const second = earlyStopping({ patience: 3 });
    second.setState?.(JSON.parse(JSON.stringify(first.getState?.())));
    expect(await play(second, [2, 0])).toMatchObject({ epochs: 1 });
  });

  it("reduceLROnPlateau multiplies, cools down, and stops at minLr", async () => {
    const callback = reduceLROnPlateau({ factor: 0.5, patience: 2, cooldown: 1, minLr: 0.3 });
    expect((await play(callback, [1, 1, 1, 1, 1, 1, 1])).rates).toEqual([1, 1, 0.5, 0.5, 0.3, 0.3, 0.3]);
  });

  it("terminateOnNaN stops a run that diverges", async () => {
    const net = tiny().compile({ optimizer: sgd({ learningRate: 1e30 }), ...compiled });
    const { history } = await net.fit(patterns(12), {
      epochs: 9,
      batchSize: 4,
      callbacks: [terminateOnNaN()],
    });
    expect(history.epochs.length).toBeLessThan(9);
  });

  it("modelCheckpoint keeps the best, csvLogger a line an epoch", async () => {
    const folder = temporaryFolder();
    const data = patterns(30);
    const seen: Logs[] = [];
    const net = tiny();
    await net.fit(data, {
      epochs: 3,
      validationData: data,
      callbacks: [
        modelCheckpoint(folder, { saveBestOnly: true, saveWeightsOnly: true }),
        modelCheckpoint(join(folder, "state-{epoch}.safetensors")),
        csvLogger(join(folder, "log.csv")),
        { onEpochEnd: (_epoch, logs) => void seen.push({ ...logs }) },
      ],
    });
    const best = await loadModel(join(folder, "best.safetensors"));
    const lowest = Math.min(...seen.map((logs) => logs.val_loss));
    best.compile({ optimizer: "sgd", ...compiled });
    expect((await best.evaluate(data)).loss).toBe(lowest);
    const { state } = await loadTrainingState(join(folder, "state-2.safetensors"));
    expect(state.epoch).toBe(2);
    const lines = readFileSync(join(folder, "log.csv"), "utf8").trim().split("\n");
    expect(lines[0]).toBe("epoch,accuracy,loss,val_accuracy,val_loss");
    expect(lines[2]).toBe(
      `1,${seen[1].accuracy},${seen[1].loss},${seen[1].val_accuracy},${seen[1].val_loss}`,
    );
  });

  it("a monitor that is never logged is an error", async () => {
    const wrong = tiny().fit(patterns(3), { callbacks: [earlyStopping({ monitor: "val_los" })] });
    await expect(wrong).rejects.toThrow(
      'earlyStopping: monitor "val_los" is not logged; there are loss, accuracy.',
    );
  });
});

describe("what is refused, before anything starts", () => {
  const data = patterns(6);
  it.each<[string, () => unknown, string]>([
    ["no compile", () => new Model(tiny().graph).fit(data), "fit: the model has no loss and optimizer yet"],
    [
      "unknown loss",
      () => tiny().compile({ optimizer: "sgd", loss: "categoricalCrossentrpy" as never }),
      'unknown loss "categoricalCrossentrpy". Did you mean "categoricalCrossentropy"?',
    ],
    [
      "unknown optimizer",
      () => tiny().compile({ optimizer: "adm" as never, ...compiled }),
      'unknown optimizer "adm". Did you mean "adam"?',
    ],
    [
      "learning rate",
      () => adam({ learningRate: 0 }),
      "adam: learningRate must be a positive number; got 0.",
    ],
    ["option key", () => adam({ lr: 1 } as never), 'adam: unknown option "lr"'],
    [
      "label",
      () => tiny().fit({ ...data, y: [0, 1, 2, 3, 0, 0] }),
      "fit: labels must be integers in [0, 3), the network's classes; got 3 at index 3.",
    ],
    ["count", () => tiny().fit({ ...data, y: [0, 1] }), "fit: y must have 6 values for 6 examples; got 2."],
    [
      "part of an example",
      () => tiny().fit({ x: data.x.subarray(1), y: [0] }),
      "x must hold whole examples of shape [8, 8, 1], 64 values each; got 383 values.",
    ],
    [
      "empty",
      () => tiny().fit({ x: new Float32Array(0), y: [] }),
      "fit: the data must have at least one example; got none.",
    ],
    [
      "batch size",
      () => tiny().fit(data, { batchSize: 0 }),
      "fit: batchSize must be a positive integer; got 0.",
    ],
    [
      "workers",
      () => tiny().fit(data, { workers: 1.5 }),
      "fit: workers must be a positive integer; got 1.5.",
    ],
    ["seed", () => tiny().fit(data, { seed: -1 }), "fit: seed must be an integer in [0, 2^32); got -1."],
    [
      "split",
      () => tiny().fit(data, { validationSplit: 1 }),
      "fit: validationSplit must lie in (0, 1); got 1.",
    ],
    [
      "weights",
      () => tiny().setWeights(new Map([["conv2d/kernal", new Float32Array(1)]])),
      'setWeights: unknown weight "conv2d/kernal". Did you mean "conv2d/kernel"?',
    ],
    [
      "weight size",
      () => tiny().setWeights(Array.from(tiny().getWeights().values(), () => new Float32Array(1))),
      'weight "conv2d/kernel" must have 36 values, shape [3, 3, 1, 4]; got 1.',
    ],
    [
      "layer key",
      () => layers.conv2d({ filter: 3, kernelSize: 1 } as never),
      'conv2d: unknown option "filter". Did you mean "filters"?',
    ],
    [
      "kernel size",
      () => layers.conv2d({ filters: 1, kernelSize: 0 }),
      "conv2d: kernelSize must be a positive integer or a pair of them; got 0.",
    ],
    [
      "window",
      () => sequential([layers.conv2d({ filters: 1, kernelSize: 9, inputShape: [8, 8, 1], name: "wide" })]),
      "wide: a window of [9, 9] does not fit into an input of height 8 and width 8",
    ],
    [
      "no flatten",
      () => sequential([layers.dense({ units: 2, inputShape: [8, 8, 1] })]),
      "dense: input must have shape [features]; got [8, 8, 1]. Put a flatten layer before it.",
    ],
    [
      "no input shape",
      () => sequential([layers.dense({ units: 2 })]),
      "sequential: the first layer, dense, must have an inputShape; got none.",
    ],
  ])("%s", async (_name, act, message) => {
    await expect((async () => act())()).rejects.toThrow(message);
  });

  it("a dataset of another image shape", async () => {
    const { train } = await datasets.loadDataset("shapes");
    await expect(tiny().fit(train)).rejects.toThrow(
      "fit: shapes train has images of shape [32, 32, 3]; sequential takes [8, 8, 1].",
    );
  });

  it("joins whose shapes differ, layers applied twice, inputs that are missing", () => {
    const x = input({ shape: [8, 8, 1] });
    const small = layers.maxPooling2d().apply(x);
    expect(() => model({ inputs: x, outputs: layers.add({ name: "join" }).apply([x, small]) })).toThrow(
      /join: .*\[8, 8, 1\].*\[4, 4, 1\]/,
    );
    const once = layers.flatten();
    once.apply(x);
    expect(() => once.apply(x)).toThrow("a layer may be applied once; sharing weights is not supported");
    const other = input({ shape: [4] });
    expect(() => model({ inputs: x, outputs: layers.dense({ units: 2 }).apply(other) })).toThrow(
      "depend on an input that is not among inputs",
    );
  });

  it("a batch that needs more than 4 GiB, with the figure", async () => {
    const net = models.resnet18().compile({ optimizer: "adam", ...compiled });
    const { train } = await datasets.loadDataset("shapes");
    await expect(net.fit(train, { batchSize: 2000 })).rejects.toThrow(
      /resnet18: batch size 2000 needs [\d.]+ GiB with its data; WebAssembly can address 4 GiB\. The largest batch that fits is [1-9]\d+\.$/,
    );
  });
});

it("history is plain data", async () => {
  const { history } = await tiny().fit(patterns(6));
  expect(JSON.parse(JSON.stringify(history)) as History).toEqual(history);
});
