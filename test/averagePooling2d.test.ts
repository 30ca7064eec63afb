import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { poolingOps } from "../src/backend/wasm/pooling.js";
import { averagePooling2d as layer } from "../src/layers/averagePooling2d.js";
import * as reference from "../src/reference/averagePooling2d.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import type { Window2D } from "../src/shape.js";
import { dot, numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

function wasm(x: NDArray, window: Window2D, dY: NDArray, parts = 1) {
  const [y, dX] = runRecorded(parts, ({ recorder, array }) => {
    const ops = poolingOps(recorder);
    return [ops.averagePooling2d(array(x), window), ops.averagePooling2dGradient(array(dY), x.shape, window)];
  });
  return { y, dX };
}

const windows = fc.record({
  kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  strides: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  padding: fc.constantFrom("same" as const, "valid" as const),
});

test("by hand: padding does not count, and gradients add where windows overlap", () => {
  // Window 1×3, stride 1, same: [2 4 9] → [(2+4)/2, (2+4+9)/3, (4+9)/2]
  const x = ndarray([1, 1, 3, 1], [2, 4, 9]);
  const window: Window2D = { kernel: [1, 3], strides: [1, 1], padding: "same" };
  const dY = ndarray(x.shape, [4, 6, 10]);
  const y = [3, 5, 6.5];
  const dX = [2 + 2, 2 + 2 + 5, 2 + 5];
  expect(Array.from(reference.averagePooling2d(x, window).data)).toEqual(y);
  expect(Array.from(reference.averagePooling2dGradient(dY, x.shape, window).data)).toEqual(dX);
  const actual = wasm(x, window, dY);
  expect(Array.from(actual.y)).toEqual(y);
  expect(Array.from(actual.dX)).toEqual(dX);
});

test("the reference's gradient agrees with central differences", () => {
  const inputs = fc.tuple(fc.integer({ min: 4, max: 6 }), fc.integer({ min: 4, max: 7 }), fc.nat(1000));
  fc.assert(
    fc.property(windows, inputs, (window, [H, W, seed]) => {
      const x = randomArray([2, H, W, 2], seed);
      const dY = randomArray(reference.averagePooling2d(x, window).shape, seed + 1);
      const expected = numericGradient(() => dot(reference.averagePooling2d(x, window), dY), x);
      const { data } = reference.averagePooling2dGradient(dY, x.shape, window);
      expectClose(data, expected, { atol: 1e-8 }, JSON.stringify(window));
    }),
    { numRuns: 40 },
  );
});

test("wasm agrees with the reference, with the same bits for every split", () => {
  const inputs = fc.record({
    N: fc.integer({ min: 1, max: 5 }),
    H: fc.integer({ min: 4, max: 11 }),
    W: fc.integer({ min: 4, max: 13 }),
    C: fc.constantFrom(1, 2, 3, 4, 5, 6, 10, 16, 17, 33, 64),
    seed: fc.nat(1000),
    parts: fc.integer({ min: 2, max: 8 }),
  });
  fc.assert(
    fc.property(windows, inputs, (window, { N, H, W, C, seed, parts }) => {
      const x = randomArray([N, H, W, C], seed);
      const y = reference.averagePooling2d(x, window);
      const dY = randomArray(y.shape, seed + 1);
      const actual = wasm(x, window, dY);
      // Terms lie in [−1, 1] and may cancel: their roundings are relative to 1, or to the largest sum.
      const length = sumTolerance(window.kernel[0] * window.kernel[1]);
      const tolerance = { rtol: length, atol: length };
      expectClose(actual.y, y.data, tolerance);
      expectClose(actual.dX, reference.averagePooling2dGradient(dY, x.shape, window).data, tolerance);
      expect(wasm(x, window, dY, parts)).toEqual(actual);
    }),
    { numRuns: 150 },
  );
});

test("every channel gets the same bits, in vector lanes and in the tail", () => {
  const C = 7;
  const pixels = randomArray([1, 5, 6, 1], 3).data;
  const x = ndarray(
    [1, 5, 6, C],
    Array.from(pixels).flatMap((value) => new Array<number>(C).fill(value)),
  );
  const actual = wasm(x, { kernel: [3, 3], strides: [1, 1], padding: "same" }, x);
  for (const values of [actual.y, actual.dX]) {
    for (let k = 0; k < values.length; k++) expect(values[k]).toBe(values[k - (k % C)]);
  }
});

describe("layer", () => {
  test("options, shape, cost and receptive field", () => {
    expect(layer.options({})).toEqual({ poolSize: [2, 2], strides: [2, 2], padding: "valid" });
    expect(() => layer.options({ stride: 2 })).toThrow(
      'averagePooling2d: unknown option "stride". Did you mean "strides"?',
    );
    const options = layer.options({ poolSize: [3, 2], strides: [2, 1], padding: "same" });
    expect(layer.outputShape([[7, 8, 5]], options, "p")).toEqual([4, 8, 5]);
    expect(layer.flops([[7, 8, 5]], options)).toBe(4 * 8 * 5 * 6);
    expect(layer.receptiveField({ size: [1, 1], jump: [1, 1] }, options)).toEqual({
      size: [3, 2],
      jump: [2, 1],
    });
  });

  test("forward and backward", () => {
    const backend = reference as unknown as Backend<NDArray>;
    const options = layer.options({ poolSize: 3, strides: 2, padding: "same" });
    const x = randomArray([2, 5, 4, 3], 5);
    const forward = () => layer.forward(backend, [x], {}, options, { training: true, stream: 0 });
    const { y, cache } = forward();
    const dY = randomArray(y.shape, 6);
    const context = { dX: true, inputs: [[5, 4, 3]] };
    const { dXs } = layer.backward(backend, dY, {}, cache, options, context);
    const expected = numericGradient(() => dot(forward().y, dY), x);
    expectClose(dXs[0]?.data ?? [], expected, { atol: 1e-8 });
    const unwanted = layer.backward(backend, dY, {}, cache, options, { ...context, dX: false });
    expect(unwanted.dXs).toEqual([undefined]);
  });
});
