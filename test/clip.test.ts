/** Gradient clipping: kernels against the textbook. */
import { describe, expect, test } from "vitest";
import { recordClipNorms, recordClipValues } from "../src/backend/wasm/clip.js";
import { clipByNorm, clipByValue } from "../src/reference/clip.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

const copy = ({ shape, data }: NDArray) => ndarray(shape, data);

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
