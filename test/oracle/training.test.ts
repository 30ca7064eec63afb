/** tfjs's optimizers and its label smoothing, written by others, against the textbook. */
import { beforeAll, describe, expect, it } from "vitest";
import { softmaxCrossEntropy } from "../../src/reference/crossEntropy.js";
import { smoothLabels } from "../../src/reference/mix.js";
import { type NDArray, ndarray } from "../../src/reference/ndarray.js";
import { rmspropUpdate, sgdUpdate } from "../../src/reference/optimizer.js";
import { loadTfjs, type Tfjs, useBackend } from "../../src/verify/oracle/load.js";
import { randomArray } from "../support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "../support/close.js";

let tf: Tfjs;
beforeAll(async () => {
  tf = (await loadTfjs())!;
  useBackend(tf, "cpu");
});

const COUNT = 17;
const gradients = [1, 2, 3, 4].map((seed) => {
  const { data, shape } = randomArray([COUNT], seed);
  return ndarray(
    shape,
    data.map((value) => value + Math.sign(value) * (0.3 + seed / 8)),
  );
});

function tfjsSteps(optimizer: ReturnType<Tfjs["train"]["rmsprop"]> | ReturnType<Tfjs["train"]["momentum"]>) {
  const w = tf.variable(
    tf.tensor1d(Float32Array.from(randomArray([COUNT], 9).data)),
    true,
    `w${Math.random()}`,
  );
  for (const { data } of gradients) {
    optimizer.applyGradients({ [w.name]: tf.tensor1d(Float32Array.from(data)) } as never);
  }
  return w.dataSync();
}

function ours(update: (w: NDArray, gradient: NDArray) => void) {
  const w = randomArray([COUNT], 9);
  for (const gradient of gradients) update(w, gradient);
  return w.data;
}

describe("optimizers", () => {
  it.each([
    { momentum: 0, centered: false },
    { momentum: 0.9, centered: false },
    { momentum: 0, centered: true },
    { momentum: 0.9, centered: true },
  ])("rmsprop %j", ({ momentum, centered }) => {
    const slots = { velocity: ndarray([COUNT]), average: ndarray([COUNT]), moving: ndarray([COUNT]) };
    const at = { learningRate: 0.01, rho: 0.9, momentum, epsilon: 1e-9, centered };
    const expected = tfjsSteps(tf.train.rmsprop(0.01, 0.9, momentum, 1e-9, centered));
    // Four steps of ten roundings, on weights of size 1; centered divides by a difference. In it tfjs takes epsilon away,
    // where Keras adds it (NaN where the variance is less), so epsilon is next to nothing here, and no gradient is.
    const atol = 200 * FLOAT32_EPSILON;
    expectClose(
      expected,
      ours((w, g) => rmspropUpdate(w, slots, g, at)),
      { atol },
    );
  });

  it.each([false, true])("momentum, nesterov %s", (nesterov) => {
    const velocity = ndarray([COUNT]);
    const at = { learningRate: 0.1, momentum: 0.9, nesterov };
    const expected = tfjsSteps(tf.train.momentum(0.1, 0.9, nesterov));
    expectClose(
      expected,
      ours((w, g) => sgdUpdate(w, velocity, g, at)),
      { atol: 40 * FLOAT32_EPSILON },
    );
  });
});

it("label smoothing", () => {
  const logits = randomArray([4, 5], 1);
  const labels = ndarray([4, 5]);
  [0, 3, 4, 3].forEach((k, n) => void (labels.data[n * 5 + k] = 1));
  const tensor = ({ shape, data }: NDArray) =>
    tf.tensor2d(Float32Array.from(data), shape as [number, number]);
  const loss = (smoothing: number) =>
    tf.losses.softmaxCrossEntropy(tensor(labels), tensor(logits), undefined, smoothing).dataSync()[0];
  for (const smoothing of [0, 0.1, 0.5]) {
    const { losses } = softmaxCrossEntropy(logits, smoothLabels(labels, smoothing));
    const mean = losses.data.reduce((sum, value) => sum + value, 0) / 4;
    expect(Math.abs(loss(smoothing) - mean)).toBeLessThan(20 * FLOAT32_EPSILON);
  }
});
