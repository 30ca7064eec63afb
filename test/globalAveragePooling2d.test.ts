import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { poolingOps } from "../src/backend/wasm/pooling.js";
import { globalAveragePooling2d as layer } from "../src/layers/globalAveragePooling2d.js";
import * as reference from "../src/reference/globalAveragePooling2d.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { dot, numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

function wasm(x: NDArray, dY: NDArray, parts = 1) {
  const [y, dX] = runRecorded(parts, ({ recorder, array }) => {
    const ops = poolingOps(recorder);
    return [ops.globalAveragePooling2d(array(x)), ops.globalAveragePooling2dGradient(array(dY), x.shape)];
  });
  return { y, dX };
}

test("by hand", () => {
  // Channels interleave: channel 0 is 1 2 3 6, channel 1 is 10 20 30 20.
  const x = ndarray([1, 2, 2, 2], [1, 10, 2, 20, 3, 30, 6, 20]);
  const dY = ndarray([1, 2], [4, -8]);
  const dX = [1, -2, 1, -2, 1, -2, 1, -2];
  expect(Array.from(reference.globalAveragePooling2d(x).data)).toEqual([3, 20]);
  expect(Array.from(reference.globalAveragePooling2dGradient(dY, x.shape).data)).toEqual(dX);
  const actual = wasm(x, dY);
  expect(Array.from(actual.y)).toEqual([3, 20]);
  expect(Array.from(actual.dX)).toEqual(dX);
});

test("the reference's gradient agrees with central differences", () => {
  const x = randomArray([2, 3, 5, 4], 1);
  const dY = randomArray([2, 4], 2);
  const expected = numericGradient(() => dot(reference.globalAveragePooling2d(x), dY), x);
  expectClose(reference.globalAveragePooling2dGradient(dY, x.shape).data, expected, { atol: 1e-8 });
});

test("wasm agrees with the reference, with the same bits for every split", () => {
  const inputs = fc.record({
    N: fc.integer({ min: 1, max: 5 }),
    H: fc.integer({ min: 1, max: 11 }),
    W: fc.integer({ min: 1, max: 13 }),
    C: fc.constantFrom(1, 2, 3, 4, 5, 6, 10, 15, 16, 17, 20, 33, 64),
    seed: fc.nat(1000),
    parts: fc.integer({ min: 2, max: 8 }),
  });
  fc.assert(
    fc.property(inputs, ({ N, H, W, C, seed, parts }) => {
      const x = randomArray([N, H, W, C], seed);
      const dY = randomArray([N, C], seed + 1);
      const actual = wasm(x, dY);
      // A mean may be far below the terms of its sum, whose roundings are relative to 1.
      const atol = sumTolerance(H * W);
      expectClose(actual.y, reference.globalAveragePooling2d(x).data, { atol });
      expectClose(actual.dX, reference.globalAveragePooling2dGradient(dY, x.shape).data, {
        rtol: sumTolerance(1),
      });
      expect(wasm(x, dY, parts)).toEqual(actual);
    }),
    { numRuns: 150 },
  );
});

test("every channel gets the same bits, in vector lanes and in the tail", () => {
  const C = 23; // 16 + 4 + 3
  const pixels = randomArray([1, 5, 6, 1], 3).data;
  const x = ndarray(
    [1, 5, 6, C],
    Array.from(pixels).flatMap((value) => new Array<number>(C).fill(value)),
  );
  const { y, dX } = wasm(x, ndarray([1, C], new Array<number>(C).fill(0.7)));
  expect(new Set(y).size).toBe(1);
  expect(new Set(dX).size).toBe(1);
});

describe("layer", () => {
  test("options, shape, cost and receptive field", () => {
    expect(layer.options({})).toEqual({});
    expect(() => layer.options({ poolSize: 2 })).toThrow(
      'globalAveragePooling2d: unknown option "poolSize".',
    );
    expect(layer.outputShape([[7, 8, 5]], {}, "g")).toEqual([5]);
    expect(() => layer.outputShape([[5]], {}, "g")).toThrow(
      "g: input must have the shape [height, width, channels]; got [5].",
    );
    expect(layer.flops([[7, 8, 5]], {})).toBe(280);
    expect(layer.receptiveField({ size: [9, 9], jump: [4, 4] }, {})).toEqual({
      size: [Infinity, Infinity],
      jump: [4, 4],
    });
  });

  test("forward and backward", () => {
    const backend = reference as unknown as Backend<NDArray>;
    const x = randomArray([2, 5, 4, 3], 5);
    const { y, cache } = layer.forward(backend, [x], {}, {}, { training: true, stream: 0 });
    expect(y.shape).toEqual([2, 3]);
    const dY = randomArray(y.shape, 6);
    const context = { dX: true, inputs: [[5, 4, 3]] };
    const { dXs } = layer.backward(backend, dY, {}, cache, {}, context);
    expect(dXs).toEqual([reference.globalAveragePooling2dGradient(dY, x.shape)]);
    const unwanted = layer.backward(backend, dY, {}, cache, {}, { ...context, dX: false });
    expect(unwanted.dXs).toEqual([undefined]);
  });
});
