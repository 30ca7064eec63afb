/** Learning rates as functions of the step: by hand, against their definitions, and as training uses them. */
import { describe, expect, it, test } from "vitest";
import {
  cosineDecay,
  exponentialDecay,
  type LearningRateSchedule,
  layers,
  learningRateAt,
  oneCycle,
  piecewiseConstantDecay,
  reduceLROnPlateau,
  sequential,
  sgd,
  warmup,
  weightsSha256,
} from "../src/index.js";
import { randomValues } from "./support/arrays.js";

const at = (schedule: LearningRateSchedule, steps: readonly number[]) =>
  steps.map((step) => learningRateAt(schedule, step));
const close = (actual: readonly number[], expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => void expect(Math.abs(value - expected[i])).toBeLessThan(1e-14));
};

test("exponentialDecay, gradual and as a staircase", () => {
  const options = { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.25 };
  close(at(exponentialDecay(options), [0, 5, 10, 25]), [0.1, 0.05, 0.025, 0.1 / 32]);
  close(at(exponentialDecay({ ...options, staircase: true }), [0, 9, 10, 25]), [0.1, 0.1, 0.025, 0.1 / 16]);
});

test("piecewiseConstantDecay: a boundary belongs to the value before it, as in Keras", () => {
  const schedule = piecewiseConstantDecay({ boundaries: [3, 7], values: [1, 0.1, 0.01] });
  expect(at(schedule, [0, 3, 4, 7, 8, 99])).toEqual([1, 1, 0.1, 0.1, 0.01, 0.01]);
});

test("cosineDecay: half a cosine, then alpha for ever; with a warm-up first a line", () => {
  close(at(cosineDecay({ initialLearningRate: 2, decaySteps: 8 }), [0, 2, 4, 8, 9]), [
    2,
    1 + Math.SQRT1_2,
    1,
    0,
    0,
  ]);
  close(
    at(cosineDecay({ initialLearningRate: 2, decaySteps: 8, alpha: 0.5 }), [0, 4, 8, 99]),
    [2, 1.5, 1, 1],
  );
  const options = { initialLearningRate: 0, warmupTarget: 2, warmupSteps: 4, decaySteps: 8, alpha: 0.5 };
  close(at(cosineDecay(options), [0, 1, 3, 4, 8, 12, 13]), [0, 0.5, 1.5, 2, 1.5, 1, 1]);
});

test("oneCycle: up, down, and the last step is the lowest", () => {
  const options = {
    maxLearningRate: 1,
    totalSteps: 11,
    warmupShare: 6 / 11,
    divFactor: 10,
    finalDivFactor: 100,
  };
  // The top is step 0.3·totalSteps − 1, as in PyTorch: here 5. Then five steps down.
  close(at(oneCycle(options), [0, 2.5, 5, 7.5, 10, 11]), [0.1, 0.55, 1, (1 + 0.001) / 2, 0.001, 0.001]);
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10): its first, fourth and last rate.
  close(at(oneCycle({ maxLearningRate: 1, totalSteps: 10 }), [0, 2, 9]), [0.04, 1, 4e-6]);
  for (const warmupShare of [0, 0.05, 0.9]) {
    const rates = at(oneCycle({ maxLearningRate: 1, totalSteps: 7, warmupShare }), [0, 1, 2, 3, 4, 5, 6]);
    expect(rates.every((rate) => rate > 0 && rate <= 1)).toBe(true);
    close([rates[6]], [4e-6]);
  }
  // Nothing but a last step.
  close(at(oneCycle({ maxLearningRate: 1, totalSteps: 1 }), [0, 1]), [4e-6, 4e-6]);
});

test("warmup: a line to where the schedule starts, which then counts its own steps", () => {
  expect(at(warmup({ warmupSteps: 4, schedule: 0.8 }), [0, 1, 2, 4, 9])).toEqual([0, 0.2, 0.4, 0.8, 0.8]);
  const schedule = piecewiseConstantDecay({ boundaries: [2], values: [1, 0.5] });
  expect(at(warmup({ warmupSteps: 2, start: 0.5, schedule }), [0, 1, 2, 4, 5])).toEqual([
    0.5, 0.75, 1, 1, 0.5,
  ]);
});

describe("what is refused", () => {
  it.each<[() => unknown, string]>([
    [
      () => cosineDecay({ initialLearningRate: 1, decayStep: 3 } as never),
      'cosineDecay: unknown option "decayStep". Did you mean "decaySteps"?',
    ],
    [
      () => cosineDecay({ initialLearningRate: 1, decaySteps: 3, warmupSteps: 2 }),
      "cosineDecay: warmupSteps needs a warmupTarget",
    ],
    [
      () => exponentialDecay({ initialLearningRate: 1, decaySteps: 0, decayRate: 1 }),
      "exponentialDecay: decaySteps must be a positive number; got 0.",
    ],
    [
      () => piecewiseConstantDecay({ boundaries: [5, 5], values: [1, 1, 1] }),
      "piecewiseConstantDecay: boundaries must be steps in ascending order; got [5, 5].",
    ],
    [
      () => piecewiseConstantDecay({ boundaries: [5], values: [1] }),
      "piecewiseConstantDecay: values must be 2 learning rates, one more than boundaries; got [1].",
    ],
    [
      () => oneCycle({ maxLearningRate: 1, totalSteps: 9, warmupShare: 1 }),
      "oneCycle: warmupShare must lie in [0, 1); got 1.",
    ],
    [
      () => warmup({ warmupSteps: 3, schedule: oneCycle({ maxLearningRate: 1, totalSteps: 9 }) as never }),
      "warmup: schedule must be a learning rate, exponentialDecay, piecewiseConstantDecay or cosineDecay",
    ],
  ])("%s", (act, message) => {
    expect(act).toThrow(message);
  });
});

describe("training", () => {
  const y = Array.from({ length: 24 }, (_, i) => i % 3);
  const x = Float32Array.from(randomValues(24 * 5, 1), (value, i) => value + y[Math.floor(i / 5)]);
  const net = (learningRate: number | LearningRateSchedule) =>
    sequential([layers.dense({ units: 3, activation: "softmax", inputShape: [5] })]).compile({
      optimizer: sgd({ learningRate }),
      loss: "sparseCategoricalCrossentropy",
    });

  it("takes each step's rate: SGD's first step from fixed weights is as long as the rate says", async () => {
    const model = net(piecewiseConstantDecay({ boundaries: [0], values: [0.5, 0.125] }));
    for (const rate of [0.5, 0.125, 0.125]) {
      const before = model.getWeights();
      const { gradients } = await model.gradients(x, y);
      await model.trainOnBatch(x, y);
      for (const [name, values] of model.getWeights()) {
        values.forEach((value, i) => {
          // One rounding of the product and one of the difference.
          expect(value).toBe(Math.fround(before.get(name)![i] - Math.fround(rate * gradients.get(name)![i])));
        });
      }
    }
  });

  it("gives the same bits for any number of workers, batch by batch, and after an interruption", async () => {
    const schedule = oneCycle({ maxLearningRate: 0.5, totalSteps: 12 });
    const run = async (options: object) => {
      const model = net(schedule);
      const result = await model.fit({ x, y }, { batchSize: 8, epochs: 4, workers: 1, ...options });
      return { ...result, sha256: weightsSha256(model.getWeights()) };
    };
    const whole = await run({});
    const rates: number[] = [];
    const watched = await run({
      workers: 2,
      callbacks: [
        {
          onBatchBegin: (_: number, context: { learningRate: number }) =>
            void rates.push(context.learningRate),
        },
      ],
    });
    expect(watched.sha256).toBe(whole.sha256);
    expect(rates).toEqual(Array.from({ length: 12 }, (_, step) => learningRateAt(schedule, step)));
    const first = await run({ maxSteps: 5 });
    expect(first.state.optimizer.learningRate).toEqual(schedule);
    const second = await run({ workers: 2, resume: first.state });
    expect(second.sha256).toBe(whole.sha256);
    const other = net(cosineDecay({ initialLearningRate: 0.5, decaySteps: 12 }));
    await expect(other.fit({ x, y }, { batchSize: 8, epochs: 4, resume: first.state })).rejects.toThrow(
      /^fit: optimizer: learningRate must be \{"name":"oneCycle".*, as in the run that is resumed; got \{"name":"cosineDecay"/,
    );
  });

  it("callbacks may not change a rate that follows a schedule", async () => {
    const model = net(cosineDecay({ initialLearningRate: 0.5, decaySteps: 12 }));
    const callbacks = [reduceLROnPlateau({ monitor: "loss", patience: 1, minDelta: 100 })];
    await expect(model.fit({ x, y }, { epochs: 4, callbacks })).rejects.toThrow(
      "fit: a callback set the learning rate; the optimizer's follows cosineDecay.",
    );
  });
});
