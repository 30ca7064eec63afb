/** Numbers gone bad: named right, undone, and dealt with as asked. */
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { shapes } from "../src/data/shapes.js";
import {
  adam,
  adamw,
  cosineDecay,
  input,
  type Logs,
  layers,
  type Model,
  model,
  type NaNEvent,
  NumberError,
  type Optimizer,
  rmsprop,
  sequential,
  sgd,
  terminateOnNaN,
  weightsSha256,
} from "../src/index.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORKS } from "../src/models/networks.js";
import { loadTrainingState, saveTrainingState } from "../src/train/checkpoint.js";
import { sessionData } from "../src/train/data.js";
import { GuardedSteps } from "../src/train/guardedSteps.js";
import { openSession } from "../src/train/openSession.js";
import { NOTHING } from "../src/train/session.js";
import type { GangSetup } from "../src/workers/gang.js";
import { inlineGang } from "../src/workers/inline.js";
import { randomValues } from "./support/arrays.js";
import { temporaryFolder } from "./support/temporary.js";

/** After which instruction which number becomes bad. */
interface Injection {
  /** The last instruction with this label that writes numbers. */
  readonly label: string;
  readonly step: number;
  readonly value: number;
  /** Of its first output. */
  readonly index: number;
  /** How many times, replays included; default always. */
  times?: number;
}
let injection: Injection | undefined;
let current: GangSetup | undefined;
/** Every kernel is followed by this. */
function spoil(): void {
  if (!injection || !current || injection.times === 0) return;
  const { memory, layout, programs } = current;
  const words = new Int32Array(memory.buffer);
  const [step, program, place] = [0, 36, 40].map((offset) => words[(layout.blocks + offset) >>> 2]);
  const { calls } = programs[program];
  const { label, value, index } = injection;
  const last = calls.findLastIndex((call) => call.label === label && call.outputs.length > 0);
  if (step !== injection.step || place >> 1 !== last) return;
  new Float32Array(memory.buffer)[(calls[last].outputs[0].address >>> 2) + index] = value;
  if (injection.times !== undefined) injection.times--;
}

// All on the calling thread: what threads add is in faults.test.ts.
vi.mock("../src/workers/node-gang.js", () => ({
  nodeGang: (setup: GangSetup) => {
    current = setup;
    return inlineGang({ ...setup, threads: 1 });
  },
}));
vi.mock("../src/backend/wasm/instance.js", async (original) => {
  const module = await original<typeof import("../src/backend/wasm/instance.js")>();
  const instantiateCore: typeof module.instantiateCore = (core, memory) =>
    Object.fromEntries(
      Object.entries(module.instantiateCore(core, memory)).map(([name, kernel]) => [
        name,
        (...args: number[]) => {
          const result = kernel(...args);
          if (name !== "firstNonFinite") spoil();
          return result;
        },
      ]),
    );
  return { ...module, instantiateCore };
});

beforeEach(() => {
  injection = undefined;
});

/** A network with every kind of layer. */
function everything(): Model {
  const inputs = input({ shape: [8, 8, 3] });
  const left = layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" }).apply(inputs);
  const normal = layers.batchNormalization().apply(left);
  const active = layers.activation({ activation: "tanh" }).apply(normal);
  const right = layers.conv2d({ filters: 4, kernelSize: 1 }).apply(inputs);
  const sum = layers.add().apply([active, right]);
  const pooled = layers.maxPooling2d({ padding: "same" }).apply(sum);
  const averaged = layers.averagePooling2d({ padding: "same" }).apply(sum);
  const joined = layers.concatenate().apply([pooled, averaged]);
  const dropped = layers.dropout({ rate: 0.2 }).apply(joined);
  const wide = layers.conv2d({ filters: 16, kernelSize: 3, padding: "same" }).apply(dropped);
  const global = layers.globalAveragePooling2d().apply(wide);
  const hidden = layers.dense({ units: 6, activation: "sigmoid" }).apply(global);
  const outputs = layers.dense({ units: 3, activation: "softmax" }).apply(hidden);
  return model({ inputs, outputs }).compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
}

const images = (count: number, size: number) => ({
  x: Float32Array.from(randomValues(count * size, 7)),
  y: Array.from({ length: count }, (_, i) => i % 3),
});
const data = images(40, 192);
const options = { batchSize: 4, workers: 1, seed: 5 };

async function failure(net: Model, values: Partial<Parameters<Model["fit"]>[1]> = {}): Promise<NumberError> {
  const error = await net.fit(data, { ...options, ...values }).then(
    () => undefined,
    (cause: Error) => cause,
  );
  expect(error).toBeInstanceOf(NumberError);
  return error as NumberError;
}

const LAYERS = [
  "conv2d",
  "batch_normalization",
  "activation",
  "conv2d_1",
  "add",
  "max_pooling2d",
  "average_pooling2d",
  "concatenate",
  "dropout",
  "conv2d_2",
  "global_average_pooling2d",
  "dense",
  "dense_1",
];

describe("named right", () => {
  const places = LAYERS.flatMap((layer) => [
    [layer, "forward"],
    // The gradient of a sum is passed on as it is: there is nothing to compute.
    ...(layer === "add" ? [] : [[layer, "backward"]]),
  ]);

  // The first step of a stretch is inspected whatever it gives.
  it.each(places)("%s %s: NaN and infinities, in an inspected step", async (layer, phase) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      injection = { label: `${layer} ${phase}`, step: 0, value, index: 1 };
      const error = await failure(everything());
      expect(error).toMatchObject({ layer, phase, value, epoch: 1, step: 1 });
      expect(error.index.at(-1)).toBe(1);
      expect(error.index.slice(0, -1).every((i) => i === 0)).toBe(true);
    }
  });

  // NaN passes through everything but what dropout drops, so it shows in the loss or in the weights.
  it.each(places)("%s %s: NaN, in any other step", async (layer, phase) => {
    injection = { label: `${layer} ${phase}`, step: 4, value: Number.NaN, index: 1 };
    const error = await failure(everything());
    expect(error).toMatchObject({ layer, phase, value: Number.NaN, epoch: 1, step: 5 });
    expect(error.message).toMatch(
      new RegExp(`^${layer}: .* must be finite; got NaN at \\[.*1\\] \\(${phase}, step 5 of epoch 1\\)\\.$`),
    );
  });

  it("the loss, and the update", async () => {
    injection = { label: "loss", step: 6, value: Number.POSITIVE_INFINITY, index: 1 };
    expect(await failure(everything())).toMatchObject({ layer: "loss", phase: "loss", index: [1] });
    injection = { label: "update", step: 0, value: Number.NEGATIVE_INFINITY, index: 1 };
    expect(await failure(everything())).toMatchObject({
      layer: "conv2d",
      phase: "update",
      what: "conv2d/kernel",
      index: [0, 0, 0, 1],
    });
  });

  it("data: which image of all", async () => {
    const spoilt = { ...data, x: data.x.slice() };
    spoilt.x[23 * 192 + 5 * 24 + 2 * 3 + 1] = Number.NaN;
    const error = everything().fit(spoilt, options);
    await expect(error).rejects.toThrow(
      /^data: image 23 must be finite; got NaN at \[5, 2, 1\] \(data, step \d+ /,
    );
  });

  it("weights that were bad from the start, and slots", async () => {
    const net = everything();
    const weights = net.getWeights();
    weights.get("batch_normalization/moving_variance")![2] = Number.NaN;
    net.setWeights(weights);
    const error = await failure(net, { onNaN: "skip" });
    expect(error).toMatchObject({
      phase: "weights",
      what: "batch_normalization/moving_variance",
      index: [2],
      step: 1,
    });
  });

  it.each([
    ["adam/v", adam()],
    ["rmsprop/velocity", rmsprop()],
    ["rmsprop/velocity", rmsprop({ centered: true, momentum: 0.9 })],
  ])("a gradient whose square overflows, though nothing else does: %s", async (slot, optimizer) => {
    injection = { label: "dense_1 backward", step: 6, value: 1e20, index: 1 };
    const net = everything().compile({ optimizer, loss: "sparseCategoricalCrossentropy" });
    const { phase, what } = await failure(net);
    expect(phase).toBe("update");
    expect(what.startsWith(`${slot}/`)).toBe(true);
  });
});

describe("undone", () => {
  const sha256 = (net: Model) => weightsSha256(net.getWeights());
  const bad = (step: number, times?: number): Injection => ({
    label: "dense forward",
    step,
    value: Number.NaN,
    index: 0,
    times,
  });

  it.each([0, 6, 13])("stop: the weights are those before step %i", async (step) => {
    injection = bad(step);
    const net = everything();
    await failure(net, { epochs: 2 });
    injection = undefined;
    const before = everything();
    if (step > 0) await before.fit(data, { ...options, epochs: 2, maxSteps: step });
    else before.setWeights(initialWeights(before.graph, options.seed));
    expect(sha256(net)).toBe(sha256(before));
  });

  it("when batches are watched one by one, too", async () => {
    injection = bad(6);
    const seen: number[] = [];
    const watched = everything();
    await failure(watched, { callbacks: [{ onBatchEnd: (batch) => void seen.push(batch) }] });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    injection = undefined;
    const before = everything();
    await before.fit(data, { ...options, maxSteps: 6 });
    expect(sha256(watched)).toBe(sha256(before));
  });

  it("skip: as if the batch had not been there", async () => {
    injection = bad(6);
    const events: NaNEvent[] = [];
    const skipping = everything();
    const { history } = await skipping.fit(data, {
      ...options,
      epochs: 2,
      onNaN: "skip",
      callbacks: [{ onNaN: (event) => void events.push(event) }],
    });
    expect(events).toMatchObject([{ action: "skip", error: { layer: "dense", step: 7 } }]);
    expect(history.logs.skippedSteps).toEqual([1]);
    injection = undefined;
    const whole = everything();
    const { state } = await whole.fit(data, { ...options, epochs: 2, maxSteps: 6 });
    const resume = { ...state, step: 7, stepInEpoch: 7 };
    const { history: expected } = await whole.fit(data, { ...options, epochs: 2, resume });
    expect(sha256(skipping)).toBe(sha256(whole));
    expect(history.logs.loss).toEqual(expected.logs.loss);
  });

  it("skip: an epoch without a good step is an error", async () => {
    const spoilt = { ...data, x: data.x.map(() => Number.NaN) };
    await expect(everything().fit(spoilt, { ...options, onNaN: "skip" })).rejects.toThrow(NumberError);
  });

  it("rollback: the epoch again, at half the rate", async () => {
    const compiled = (learningRate: number) =>
      everything().compile({ optimizer: sgd({ learningRate }), loss: "sparseCategoricalCrossentropy" });
    injection = bad(6, 2); // once, and once to be named
    const rolling = compiled(0.1);
    const { state } = await rolling.fit(data, { ...options, onNaN: "rollback" });
    expect(injection.times).toBe(0);
    expect(state.learningRate).toBe(0.05);
    injection = undefined;
    const half = compiled(0.05);
    await half.fit(data, options);
    expect(sha256(rolling)).toBe(sha256(half));
  });

  it("rollback: half of a schedule's rates, in a resumed run too", async () => {
    const compiled = (highest: number) => {
      const learningRate = cosineDecay({ initialLearningRate: highest, decaySteps: 20 });
      return everything().compile({
        optimizer: sgd({ learningRate }),
        loss: "sparseCategoricalCrossentropy",
      });
    };
    injection = bad(6, 2);
    const rolling = compiled(0.1);
    const { state } = await rolling.fit(data, { ...options, epochs: 2, maxSteps: 15, onNaN: "rollback" });
    expect(injection.times).toBe(0);
    injection = undefined;
    const half = compiled(0.05);
    const { state: expected } = await half.fit(data, { ...options, epochs: 2, maxSteps: 15 });
    expect(state.learningRate).toBe(expected.learningRate);
    const path = join(temporaryFolder(), "checkpoint.safetensors");
    await saveTrainingState(path, rolling.graph, state);
    await rolling.fit(data, { ...options, epochs: 2, resume: (await loadTrainingState(path)).state });
    await half.fit(data, { ...options, epochs: 2, resume: expected });
    expect(sha256(rolling)).toBe(sha256(half));
  });

  it.each([
    ["adamw", adamw({ weightDecay: 0.01, useEma: true })],
    ["rmsprop", rmsprop({ momentum: 0.9, centered: true, useEma: true, emaMomentum: 0.9 })],
  ])("%s with a moving average of weights: undone too", async (_name, optimizer) => {
    const compiled = () => everything().compile({ optimizer, loss: "sparseCategoricalCrossentropy" });
    injection = bad(6);
    const watched = compiled();
    await expect(watched.fit(data, options)).rejects.toThrow(NumberError);
    injection = undefined;
    const before = compiled();
    await before.fit(data, { ...options, maxSteps: 6 });
    expect(sha256(watched)).toBe(sha256(before));
  });

  it("rollback: gives up when it helps nothing", async () => {
    injection = bad(2);
    await failure(everything(), { onNaN: "rollback" });
  });

  it("terminateOnNaN: training ends there, and fit returns", async () => {
    injection = bad(6);
    const net = everything();
    const logs: Logs[] = [];
    const onEpochEnd = (_epoch: number, values: Logs) => void logs.push(values);
    const { history } = await net.fit(data, {
      ...options,
      epochs: 3,
      callbacks: [terminateOnNaN(), { onEpochEnd }],
    });
    expect(history.epochs).toEqual([0]);
    expect(Number.isFinite(logs[0].loss)).toBe(true);
    injection = undefined;
    const before = everything();
    await before.fit(data, { ...options, maxSteps: 6 });
    expect(sha256(net)).toBe(sha256(before));
  });

  it("trainOnBatch: nothing has changed", async () => {
    const net = everything();
    const before = sha256(net);
    const x = data.x.slice(0, 4 * 192);
    x[3] = Number.POSITIVE_INFINITY;
    await expect(net.trainOnBatch(x, data.y.slice(0, 4))).rejects.toThrow(
      /^data: image 0 must be finite; got Infinity/,
    );
    expect(sha256(net)).toBe(before);
  });

  it("a learning rate far too large", async () => {
    const net = sequential([
      layers.flatten({ inputShape: [8, 8, 3] }),
      layers.dense({ units: 3, activation: "softmax" }),
    ]).compile({ optimizer: sgd({ learningRate: 1e38 }), loss: "sparseCategoricalCrossentropy" });
    await failure(net, { epochs: 5 });
    expect([...net.getWeights().values()].every((values) => values.every(Number.isFinite))).toBe(true);
  });
});

describe("no false alarm", () => {
  it.each([
    ["lenet5", 1],
    ["baseline", 1],
    ["alexnet8", 0.125],
    ["vgg16", 0.25],
    ["inception10", 1],
    ["resnet18", 0.25],
  ] as const)("from what lies in memory before an inspected step: %s", async (name, width) => {
    const graph = NETWORKS[name]({ width });
    const size = 32 * 32 * 3;
    const session = await openSession({
      graph,
      loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
      optimizer: adam(),
      batchSize: 3,
      workers: 1,
      seed: 0,
      training: {
        count: 9,
        images: new Float32Array(randomValues(9 * size, 3)),
        scale: 1,
        labels: new Uint8Array(9),
      },
    });
    session.writeWeights(initialWeights(graph, 0));
    const { memory, layout, programs } = current!;
    const fixed = Math.min(...programs.flatMap(({ calls }) => calls.flatMap(planned)));
    new Int32Array(memory.buffer).fill(-1, fixed >>> 2, layout.blocks >>> 2); // float32 NaN
    const totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
    const stretch = { from: 0, to: 3, step: 0, learningRate: 1e-4, totals };
    const { steps, bad } = await new GuardedSteps(session).train(stretch);
    expect({ steps, bad }).toEqual({ steps: 3, bad: undefined });
    await session.close();
  });

  it.each<[string, Optimizer]>([
    ["clipnorm", adam({ clipnorm: 0.1 })],
    ["global_clipnorm", adamw({ globalClipnorm: 0.1 })],
    [
      "clipvalue, a moving average",
      sgd({ clipvalue: 0.01, momentum: 0.9, nesterov: true, useEma: true, emaMomentum: 0.9 }),
    ],
    ["rmsprop", rmsprop({ centered: true, momentum: 0.9 })],
  ])("from what an update keeps beside the weights: %s, 40 inspected steps", async (_name, optimizer) => {
    const graph = NETWORKS.baseline({});
    const { train } = shapes({ train: 320, test: 1 });
    const session = await openSession({
      graph,
      loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
      optimizer,
      batchSize: 8,
      workers: 1,
      seed: 0,
      augmentation: { flip: true, crop: 4, cutout: 8, color: 0.2 },
      mixup: 0.2,
      training: sessionData("test", graph, train, "sparseCategoricalCrossentropy"),
    });
    session.writeWeights(initialWeights(graph, 0));
    for (let from = 0; from < 40; from++) {
      const stretch = { from, to: from + 1, step: from, learningRate: 1e-3, totals: NOTHING };
      const { finding } = await session.train({ ...stretch, watchNumbers: true, inspect: true });
      expect(finding, `step ${from}`).toBeUndefined();
    }
    await session.close();
  });

  /** Addresses of buffers that the plan placed. */
  function planned({ outputs }: GangSetup["programs"][number]["calls"][number]): number[] {
    return outputs.filter(({ fresh }) => fresh).map(({ address }) => address);
  }
});
