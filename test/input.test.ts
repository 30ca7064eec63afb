import { expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { OptionError } from "../src/errors.js";
import { input } from "../src/layers/input.js";
import type { NDArray } from "../src/reference/ndarray.js";
import { randomArray } from "./support/arrays.js";

/** The layer asks nothing of its backend. */
const backend = {} as Backend<NDArray>;

test("input passes its tensor on", () => {
  const options = input.options({ shape: [32, 32, 3] });
  expect(input.outputShape([], options, "input")).toEqual([32, 32, 3]);
  const x = randomArray([1, 2], 1);
  expect(input.forward(backend, [x], {}, options, { training: true, stream: 0 })).toEqual({
    y: x,
    cache: {},
  });
  expect(input.backward(backend, x, {}, {}, options, { dX: true, inputs: [] }).dXs).toEqual([]);
  for (const shape of [[0, 3], [], [1.5], 32, undefined]) {
    expect(() => input.options({ shape })).toThrow(OptionError);
  }
  expect(() => input.options({ shape: [0, 3] })).toThrow(
    "input: shape must be a list of positive integers; got [0, 3].",
  );
  expect(() => input.options({ shap: [3] })).toThrow('input: unknown option "shap". Did you mean "shape"?');
});
