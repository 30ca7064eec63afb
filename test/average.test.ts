/** Moving averages of weights: the kernel against the textbook. */
import { describe, expect, test } from "vitest";
import { recordAverage } from "../src/backend/wasm/average.js";
import { ndarray } from "../src/reference/ndarray.js";
import { averageWeights } from "../src/reference/optimizer.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded, type Values } from "./support/recorded.js";

const COUNTS = [1, 3, 4, 5, 16, 17, 1003];

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
