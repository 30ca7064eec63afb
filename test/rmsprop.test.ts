/** RMSprop: the kernel against the textbook. */
import { describe, expect, test } from "vitest";
import { recordRmsprop } from "../src/backend/wasm/rmsprop.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { rmspropUpdate } from "../src/reference/optimizer.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded, type Values } from "./support/recorded.js";

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
