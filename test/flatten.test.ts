import { expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { OptionError, ShapeError } from "../src/errors.js";
import { flatten } from "../src/layers/flatten.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { reshape } from "../src/reference/reshape.js";
import { randomArray } from "./support/arrays.js";

/** The layer asks its backend for a shape alone. */
const backend = { reshape } as unknown as Backend<NDArray>;

test("flatten keeps the batch and the values, and gives the gradient its shape back", () => {
  const x = randomArray([3, 2, 4, 5], 1);
  expect(flatten.outputShape([[2, 4, 5]], {}, "flatten")).toEqual([40]);
  const { y } = flatten.forward(backend, [x], {}, {}, { training: true, stream: 0 });
  expect(y).toEqual(ndarray([3, 40], x.data));
  const inputs = [[2, 4, 5]];
  expect(flatten.backward(backend, y, {}, {}, {}, { dX: true, inputs }).dXs).toEqual([x]);
  expect(flatten.backward(backend, y, {}, {}, {}, { dX: false, inputs }).dXs).toEqual([undefined]);
  expect(() => reshape(x, [3, 41])).toThrow(ShapeError);
  expect(() => flatten.options({ axis: 1 })).toThrow(OptionError);
});
