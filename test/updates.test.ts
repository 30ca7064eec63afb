/** RMSprop, weight decay, moving averages of weights and gradient clipping: kernels against the textbook. */
import { describe, expect, test } from "vitest";
import { recordAverage } from "../src/backend/wasm/average.js";
import { recordClipNorms, recordClipValues } from "../src/backend/wasm/clip.js";
import { recordAdam, recordSgd } from "../src/backend/wasm/optimizer.js";
import type { WasmTensor } from "../src/backend/wasm/recorder.js";
import { recordRmsprop } from "../src/backend/wasm/rmsprop.js";
import { clipByNorm, clipByValue } from "../src/reference/clip.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import {
  adamUpdate,
  averageWeights,
  decayWeights,
  rmspropUpdate,
  sgdUpdate,
} from "../src/reference/optimizer.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { type Recording, runRecorded, type Values } from "./support/recorded.js";

const COUNTS = [1, 3, 4, 5, 16, 17, 1003];
const copy = ({ shape, data }: NDArray) => ndarray(shape, data);

describe("rmsprop", () => {
  const settings = { rho: 0.9, momentum: 0, epsilon: 1e-7, centered: false };
  type Settings = typeof settings;

  function inWasm(weights: NDArray, gradients: readonly NDArray[], rate: number, at: Settings, workers = 1) {
    let state: Values[] = [weights, ...[1, 2, 3].map(() => ndarray(weights.shape))].map(({ data }) =>
      Float32Array.from(data),
    );
    for (const gradient of gradients) {
      state = runRecorded(
        workers,
        ({ recorder, put, array }) => {
          const [w, velocity, average, moving] = state.map((values) => put(weights.shape, values));
          const slots = {
            velocity,
            average: at.centered ? average : undefined,
            moving: at.momentum > 0 ? moving : undefined,
          };
          recordRmsprop(recorder, w, slots, array(gradient), at);
          return [w, velocity, average, moving];
        },
        { learningRate: rate },
      );
    }
    return state;
  }

  function inReference(weights: NDArray, gradients: readonly NDArray[], learningRate: number, at: Settings) {
    const [w, velocity, average, moving] = [copy(weights), ...[1, 2, 3].map(() => ndarray(weights.shape))];
    for (const gradient of gradients) {
      rmspropUpdate(w, { velocity, average, moving }, gradient, { learningRate, ...at });
    }
    return [w, velocity, average, moving].map(({ data }) => data);
  }

  test.each([
    // velocity = 0.1·0.5² = 0.025, 0.0475; the step is lr·0.5/√velocity.
    [settings, 1 - 0.01 * (0.5 / Math.sqrt(0.025) + 0.5 / Math.sqrt(0.0475))],
    // average = 0.05, 0.095: variances 0.0225, 0.038475.
    [{ ...settings, centered: true }, 1 - 0.01 * (0.5 / Math.sqrt(0.0225) + 0.5 / Math.sqrt(0.038475))],
    // The first step counts 1 + 0.9 times.
    [{ ...settings, momentum: 0.9 }, 1 - 0.01 * ((1.9 * 0.5) / Math.sqrt(0.025) + 0.5 / Math.sqrt(0.0475))],
  ])("two steps by hand: %j", (at, expected) => {
    const gradients = [ndarray([1], [0.5]), ndarray([1], [0.5])];
    expectClose([inReference(ndarray([1], [1]), gradients, 0.01, at)[0][0]], [expected], { atol: 1e-6 });
    expectClose([inWasm(ndarray([1], [1]), gradients, 0.01, at)[0][0]], [expected], { atol: 1e-6 });
  });

  test.each(COUNTS)("wasm agrees with the reference, the same bits for every split (%i weights)", (count) => {
    const weights = randomArray([count], 1);
    // Away from 0, and not alike: the centered form divides by their spread.
    const gradients = [2, 3, 4].map((seed) => {
      const { data, shape } = randomArray([count], seed);
      return ndarray(
        shape,
        data.map((value) => value + (value < 0 ? -0.5 : 0.5) * (seed - 2.5)),
      );
    });
    for (const centered of [false, true]) {
      for (const momentum of [0, 0.9]) {
        const at = { ...settings, momentum, centered };
        const actual = inWasm(weights, gradients, 0.01, at);
        for (const workers of [2, 3, 7]) {
          expect(inWasm(weights, gradients, 0.01, at, workers)).toEqual(actual);
        }
        // Three steps of ten roundings; a variance of at least a tenth of the squares it is the difference of.
        inReference(weights, gradients, 0.01, at).forEach((expected, i) => {
          expectClose(actual[i], expected, { rtol: 300 * FLOAT32_EPSILON }, JSON.stringify(at));
        });
      }
    }
  });

  test("centered, with gradients that never change: the variance sinks below rounding, and never below 0", () => {
    const weights = ndarray([5], [1, 1, 1, 1, 1]);
    const gradients = Array.from({ length: 150 }, () => ndarray([5], [10, 11, 12, 13, 14.7]));
    const [w] = inWasm(weights, gradients, 1e-6, { ...settings, centered: true });
    expect(w.every((value) => Number.isFinite(value))).toBe(true);
  });
});

describe("weight decay", () => {
  const decay = 0.01 * 0.1;
  const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
  type Record = (recording: Recording, tensors: readonly WasmTensor[]) => void;
  const optimizers: [string, Record, (w: NDArray, a: NDArray, b: NDArray, g: NDArray) => void][] = [
    [
      "adam",
      ({ recorder }, [w, a, b, g]) => recordAdam(recorder, w, a, b, g, { ...betas, decays: true }),
      // The rate is given as the kernel takes it: as corrected.
      (w, a, b, g) => adamUpdate(w, a, b, g, { learningRate: 0.01, step: 1e6, ...betas }),
    ],
    ...[0, 0.9].map((momentum): (typeof optimizers)[number] => [
      `sgd, momentum ${momentum}`,
      ({ recorder }, [w, a, , g]) => recordSgd(recorder, w, a, g, { momentum, nesterov: true, decays: true }),
      (w, a, _, g) => sgdUpdate(w, a, g, { learningRate: 0.01, momentum, nesterov: true }),
    ]),
    [
      "rmsprop",
      ({ recorder }, [w, a, b, g]) => {
        const slots = { velocity: a, average: undefined, moving: b };
        recordRmsprop(recorder, w, slots, g, { rho: 0.9, momentum: 0.9, epsilon: 1e-7, decays: true });
      },
      (w, a, b, g) => {
        const at = { learningRate: 0.01, rho: 0.9, momentum: 0.9, epsilon: 1e-7, centered: false };
        rmspropUpdate(w, { velocity: a, moving: b }, g, at);
      },
    ],
  ];

  test.each(optimizers)("takes decay·w off before the update: %s", (_name, record, update) => {
    for (const count of COUNTS) {
      const [w, a, b, g] = [1, 2, 3, 4].map((seed) => randomArray([count], seed));
      for (const { data } of [a, b]) data.set(data.map(Math.abs));
      const run = (workers: number) =>
        runRecorded(
          workers,
          (recording) => {
            const tensors = [w, a, b, g].map((array) => recording.array(array));
            record(recording, tensors);
            return [tensors[0]];
          },
          { learningRate: 0.01, decay },
        );
      const actual = run(1);
      for (const workers of [2, 3]) expect(run(workers)).toEqual(actual);
      const expected = copy(w);
      decayWeights(expected, 0.01, 0.1);
      update(expected, copy(a), copy(b), g);
      expectClose(actual[0], expected.data, { rtol: 12 * FLOAT32_EPSILON });
    }
  });

  test("by hand: w = 2, lr·weightDecay = 0.001, no gradient", () => {
    const w = ndarray([1], [2]);
    decayWeights(w, 0.01, 0.1);
    expect(w.data[0]).toBe(1.998);
  });
});

describe("moving averages of weights", () => {
  test.each(COUNTS)("start with the first step's weights, then follow (%i weights)", (count) => {
    const weights = [1, 2, 3].map((seed) => randomArray([count], seed));
    const momentum = 0.9;
    const run = (workers: number) => {
      let average: Values = new Float32Array(count).fill(7);
      weights.forEach((w, step) => {
        [average] = runRecorded(
          workers,
          ({ recorder, put, array }) => {
            const tensor = put([count], average);
            recordAverage(recorder, tensor, array(w), momentum);
            return [tensor];
          },
          { step },
        );
      });
      return average;
    };
    const actual = run(1);
    for (const workers of [2, 3, 7]) expect(run(workers)).toEqual(actual);
    const expected = ndarray([count]);
    weights.forEach((w, step) => void averageWeights(expected, w, momentum, step === 0));
    expectClose(actual, expected.data, { atol: 12 * FLOAT32_EPSILON });
  });
});

describe("clipping", () => {
  test("by hand", () => {
    const gradients = [ndarray([2], [3, 0]), ndarray([1], [-4])];
    const [a, b] = gradients.map(copy);
    clipByNorm([a, b], 1); // their common norm is 5
    expectClose([...a.data, ...b.data], [0.6, 0, -0.8], { atol: 1e-15 });
    clipByNorm([a, b], 1 + 1e-9);
    expectClose([...a.data, ...b.data], [0.6, 0, -0.8], { atol: 1e-15 });
    clipByValue(gradients[1], 2.5);
    expect(gradients[1].data[0]).toBe(-2.5);
  });

  test.each([1, 3, 4, 17, 4095, 4096, 4097, 9001])("values, of %i", (count) => {
    const g = randomArray([count], 1);
    const run = (workers: number) =>
      runRecorded(workers, ({ recorder, array }) => {
        const tensor = array(g);
        recordClipValues(recorder, tensor, 0.25);
        return [tensor];
      })[0];
    const expected = copy(g);
    clipByValue(expected, 0.25);
    expect(Array.from(run(1))).toEqual(Array.from(expected.data)); // numbers of 24 bits: exact
    for (const workers of [2, 3]) expect(run(workers)).toEqual(run(1));
  });

  // Each for itself, all within the limit, and one beyond it: the others are not touched.
  test.each([0.01, 1, 25, 1000])("norms, each tensor for itself, at %f", (limit) => {
    const tensors = [1, 5, 4097, 9001].map((count, i) => randomArray([count], i));
    const run = (workers: number) =>
      runRecorded(workers, ({ recorder, array }) => {
        const recorded = tensors.map((tensor) => array(tensor));
        recordClipNorms(recorder, recorded, limit);
        return recorded;
      });
    const actual = run(1);
    for (const workers of [2, 3, 7]) expect(run(workers)).toEqual(actual);
    tensors.forEach((tensor, i) => {
      const expected = copy(tensor);
      clipByNorm([expected], limit);
      // The factor and the product are rounded.
      expectClose(actual[i], expected.data, { rtol: 2.1 * FLOAT32_EPSILON });
    });
    if (limit === 1000)
      tensors.forEach(({ data }, i) => void expect(Array.from(actual[i])).toEqual(Array.from(data)));
  });
});
