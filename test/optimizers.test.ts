/** Optimizers as users have them: what one step does to every weight, and that nothing is lost over an interruption. */
import { describe, expect, it } from "vitest";
import {
  adam,
  adamw,
  layers,
  loadTrainingState,
  type Optimizer,
  oneCycle,
  rmsprop,
  saveTrainingState,
  sequential,
  sgd,
  weightsSha256,
} from "../src/index.js";
import { randomValues } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { temporaryFolder } from "./support/temporary.js";

const y = Array.from({ length: 21 }, (_, i) => i % 3);
const x = Float32Array.from(randomValues(21 * 5, 1), (value, i) => value + y[Math.floor(i / 5)]);
const compiled = { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] } as const;

function net(optimizer: Optimizer) {
  return sequential([
    layers.dense({ units: 4, inputShape: [5], useBias: false }),
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
    layers.dense({ units: 3, activation: "softmax" }),
  ]).compile({ optimizer, ...compiled });
}

/** The weights before and after one step of SGD at rate 1, and the gradient in between. */
async function oneStep(options: Parameters<typeof sgd>[0]) {
  const model = net(sgd({ learningRate: 1, ...options }));
  model.setWeights(
    Array.from(model.getWeights().values(), (values) => values.map((value, i) => value + 0.01 * i + 0.1)),
  );
  const before = model.getWeights();
  const { gradients } = await model.gradients(x, y);
  await model.trainOnBatch(x, y);
  const after = model.getWeights();
  return Array.from(gradients, ([name, gradient]) => {
    const [w, moved] = [before.get(name)!, after.get(name)!];
    return { name, gradient, before: w, step: w.map((value, i) => value - moved[i]) };
  });
}

const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
/** Weights of size 2 at most, minus what they became: a rounding of each. */
const atol = 8 * FLOAT32_EPSILON;

describe("one step", () => {
  it("clipnorm: each weight's gradient for itself", async () => {
    const weights = await oneStep({ clipnorm: 0.2 });
    const norms = weights.map(({ gradient }) => norm(gradient));
    expect(Math.min(...norms)).toBeLessThan(0.2); // one is left as it is
    expect(Math.max(...norms)).toBeGreaterThan(0.2);
    weights.forEach(({ name, gradient, step }, i) => {
      const factor = Math.min(1, 0.2 / norms[i]);
      expectClose(
        step,
        gradient.map((g) => factor * g),
        { atol },
        name,
      );
    });
  });

  it("globalClipnorm: all by one factor", async () => {
    const weights = await oneStep({ globalClipnorm: 0.1 });
    const whole = norm(weights.flatMap(({ gradient }) => Array.from(gradient)));
    expect(whole).toBeGreaterThan(0.1);
    for (const { name, gradient, step } of weights) {
      expectClose(
        step,
        gradient.map((g) => (0.1 / whole) * g),
        { atol },
        name,
      );
    }
    for (const { gradient, step } of await oneStep({ globalClipnorm: 2 * whole })) {
      expectClose(step, gradient, { atol });
    }
  });

  it("clipvalue: each element for itself", async () => {
    for (const { name, gradient, step } of await oneStep({ clipvalue: 0.01 })) {
      expectClose(
        step,
        gradient.map((g) => Math.min(Math.max(g, -0.01), 0.01)),
        { atol },
        name,
      );
    }
  });

  it("weightDecay: w − lr·weightDecay·w, but for what is excluded", async () => {
    const excludeFromWeightDecay = ["bias", "gamma", "beta"];
    for (const excluded of [undefined, excludeFromWeightDecay]) {
      const weights = await oneStep({ weightDecay: 0.05, excludeFromWeightDecay: excluded });
      expect(weights.map(({ name }) => name)).toContain("dense_1/bias");
      for (const { name, before, gradient, step } of weights) {
        const rate = excluded?.some((part) => name.endsWith(part)) ? 0 : 0.05;
        expectClose(
          step,
          gradient.map((g, i) => g + rate * before[i]),
          { atol },
          name,
        );
      }
    }
  });
});

describe("useEma", () => {
  it("validates and leaves the moving average; the run goes on from the weights themselves", async () => {
    const optimizer = sgd({ learningRate: 0.5, useEma: true, emaMomentum: 0.8 });
    const model = net(optimizer);
    const averages = new Map<string, Float64Array>();
    let step = 0;
    const { state, history } = await model.fit(
      { x, y },
      {
        batchSize: 8,
        epochs: 3,
        validationData: { x, y },
        callbacks: [
          {
            onBatchEnd(_batch, _logs, context) {
              for (const [name, values] of context.getTrainingState().weights) {
                const average = averages.get(name) ?? Float64Array.from(values);
                averages.set(name, average);
                values.forEach((value, i) => {
                  if (name.includes("moving")) average[i] = value;
                  else if (step > 0) average[i] = 0.8 * average[i] + 0.2 * value;
                });
              }
              step++;
            },
          },
        ],
      },
    );
    let largest = 0;
    for (const [name, values] of model.getWeights()) {
      expectClose(values, averages.get(name)!, { rtol: 40 * FLOAT32_EPSILON }, name);
      for (let i = 0; i < values.length; i++) {
        largest = Math.max(largest, Math.abs(values[i] - state.weights.get(name)![i]));
      }
    }
    expect(largest).toBeGreaterThan(0.01);
    expect((await model.evaluate({ x, y }, { batchSize: 8 })).loss).toBe(history.logs.val_loss.at(-1));
  });

  it("callbacks' setWeights starts the average anew", async () => {
    const model = net(sgd({ useEma: true }));
    const ones = new Map(Array.from(model.getWeights(), ([name, values]) => [name, values.map(() => 1)]));
    await model.fit({ x, y }, { callbacks: [{ onTrainEnd: (context) => context.setWeights(ones) }] });
    for (const values of model.getWeights().values()) expect(new Set(values)).toEqual(new Set([1]));
  });
});

describe("the same bits for any number of workers, and after an interruption through a file", () => {
  it.each<Optimizer>([
    adamw({ excludeFromWeightDecay: ["bias", "gamma"], globalClipnorm: 0.5, useEma: true }),
    sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-3, clipnorm: 0.2 }),
    rmsprop({ momentum: 0.5, centered: true, useEma: true, emaMomentum: 0.5 }),
    adam({ clipvalue: 0.02, learningRate: oneCycle({ maxLearningRate: 0.1, totalSteps: 12 }) }),
  ])("%j", async (optimizer) => {
    const run = async (options: object) => {
      const model = net(optimizer);
      const result = await model.fit({ x, y }, { batchSize: 8, epochs: 4, seed: 1, ...options });
      return { ...result, graph: model.graph, sha256: weightsSha256(model.getWeights()) };
    };
    const whole = await run({ workers: 1 });
    expect((await run({ workers: 3 })).sha256).toBe(whole.sha256);
    const path = `${temporaryFolder()}/state.safetensors`;
    for (const maxSteps of [5]) {
      const first = await run({ workers: 2, maxSteps });
      await saveTrainingState(path, first.graph, first.state);
      const { state } = await loadTrainingState(path);
      expect(state.optimizer).toEqual(optimizer);
      const second = await run({ workers: 2, resume: state });
      expect(second.sha256, `interrupted at step ${maxSteps}`).toBe(whole.sha256);
      expect(second.state.slots).toEqual(whole.state.slots);
    }
  });

  it("refuses to go on with another optimizer's settings, and names the first", async () => {
    const { state } = await net(sgd({ weightDecay: 0.1 })).fit({ x, y }, { batchSize: 8, maxSteps: 1 });
    const other = (optimizer: Optimizer) => net(optimizer).fit({ x, y }, { batchSize: 8, resume: state });
    await expect(other(sgd({ weightDecay: 0.2 }))).rejects.toThrow(
      "fit: optimizer: weightDecay must be 0.1, as in the run that is resumed; got 0.2.",
    );
    await expect(other(sgd({ weightDecay: 0.1, useEma: true }))).rejects.toThrow(
      "fit: optimizer: useEma must be left out, as in the run that is resumed; got true.",
    );
    await expect(other(adam())).rejects.toThrow("fit: the run that is resumed uses sgd; got adam.");
    // A rate that is a number goes on from what it had become.
    await other(sgd({ weightDecay: 0.1, learningRate: 0.5 }));
  });
});

describe("what is refused", () => {
  it.each<[() => unknown, string]>([
    [
      () => sgd({ clipnorm: 1, clipvalue: 1 }),
      "sgd: only one of clipnorm, clipvalue, globalClipnorm may be set; got clipnorm and clipvalue.",
    ],
    [() => adam({ globalClipnorm: 0 }), "adam: globalClipnorm must be a positive number; got 0."],
    [() => adamw({ weightDecay: -1 }), "adamw: weightDecay must be a finite number ≥ 0; got -1."],
    [() => sgd({ emaMomentum: 0.9 }), "sgd: emaMomentum needs useEma: true."],
    [() => sgd({ useEma: true, emaMomentum: 1 }), "sgd: emaMomentum must lie in [0, 1); got 1."],
    [
      () => sgd({ excludeFromWeightDecay: ["bias"] }),
      "sgd: excludeFromWeightDecay needs a weightDecay above 0.",
    ],
    [() => rmsprop({ rho: 1 }), "rmsprop: rho must lie in [0, 1); got 1."],
    [
      () => rmsprop({ centred: true } as never),
      'rmsprop: unknown option "centred". Did you mean "centered"?',
    ],
    [
      () => net(adamw({ excludeFromWeightDecay: ["gama"] })),
      'compile: excludeFromWeightDecay "gama" is in no trainable weight\'s name, such as dense/kernel.',
    ],
  ])("%s", (act, message) => {
    expect(act).toThrow(message);
  });
});

it("describes only what is on: the plain optimizers are what they were", () => {
  expect(adam()).toEqual({ name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 });
  expect(adamw()).toEqual({ ...adam(), name: "adamw", weightDecay: 0.004 });
  expect(sgd({ weightDecay: 0, useEma: false })).toEqual({
    name: "sgd",
    learningRate: 0.01,
    momentum: 0,
    nesterov: false,
  });
});
