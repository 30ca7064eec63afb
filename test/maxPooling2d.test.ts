import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { withoutDead } from "../src/backend/wasm/dead.js";
import { poolingOps } from "../src/backend/wasm/pooling.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { maxPooling2d as layer } from "../src/layers/maxPooling2d.js";
import * as reference from "../src/reference/maxPooling2d.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import type { Window2D } from "../src/shape.js";
import { dot, numericGradient, randomArray, tieFree } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

function wasm(x: NDArray, window: Window2D, dY: NDArray, parts = 1) {
  const [y, argMax, dX] = runRecorded(parts, ({ recorder, array }) => {
    const ops = poolingOps(recorder);
    const pooled = ops.maxPooling2d(array(x), window);
    return [pooled.y, pooled.argMax, ops.maxPooling2dGradient(pooled.argMax, array(dY), x.shape, window)];
  });
  return { y, argMax, dX };
}

/** Where nobody reads argMax, and kernels may spare it. */
function valuesAlone(x: NDArray, window: Window2D, parts = 1) {
  const [y] = runRecorded(
    parts,
    ({ recorder, array }) => [poolingOps(recorder).maxPooling2d(array(x), window).y],
    {
      fused: true,
    },
  );
  return y;
}

/** Values that tie often: multiples of ¼ in [−1, 1). */
function withTies(array: NDArray): NDArray {
  return ndarray(
    array.shape,
    array.data.map((value) => Math.floor(value * 4) / 4),
  );
}

/** Every value equal, NaN to NaN. */
function expectSame(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(Array.from(actual)).toEqual(Array.from(expected));
}

const twoByTwo: Window2D = { kernel: [2, 2], strides: [2, 2], padding: "valid" };
const overlapping: Window2D = { kernel: [3, 3], strides: [1, 1], padding: "same" };

describe("by hand", () => {
  //  1  3 | 2  2        3  2        the 3 at index 1, the first 2 at 2
  //  0  2 | 2  1   →
  //  -----+-----
  // -5 -1 | 0  0       -1  0        the -1 at 9, the first 0 at 10
  // -3 -2 | 0  0
  const x = ndarray([1, 4, 4, 1], [1, 3, 2, 2, 0, 2, 2, 1, -5, -1, 0, 0, -3, -2, 0, 0]);
  const dY = ndarray([1, 2, 2, 1], [10, 20, 30, 40]);
  const dX = [0, 10, 20, 0, 0, 0, 0, 0, 0, 30, 40, 0, 0, 0, 0, 0];

  test("reference", () => {
    const { y, argMax } = reference.maxPooling2d(x, twoByTwo);
    expect(y.shape).toEqual([1, 2, 2, 1]);
    expectSame(y.data, [3, 2, -1, 0]);
    expectSame(argMax.data, [1, 2, 9, 10]);
    expectSame(reference.maxPooling2dGradient(argMax, dY, x.shape, twoByTwo).data, dX);
  });

  test("wasm", () => {
    const actual = wasm(x, twoByTwo, dY);
    expectSame(actual.y, [3, 2, -1, 0]);
    expectSame(actual.argMax, [1, 2, 9, 10]);
    expectSame(actual.dX, dX);
  });

  test("padding never wins, where windows overlap gradients add", () => {
    // [-1 -2 -3], window 3 same: every window's maximum is its leftmost real element.
    const row = ndarray([1, 1, 3, 1], [-1, -2, -3]);
    const { y, argMax } = reference.maxPooling2d(row, overlapping);
    expectSame(y.data, [-1, -1, -2]);
    expectSame(argMax.data, [0, 0, 1]);
    const dRow = reference.maxPooling2dGradient(
      argMax,
      ndarray(row.shape, [1, 10, 100]),
      row.shape,
      overlapping,
    );
    expectSame(dRow.data, [11, 100, 0]);
  });

  test.each([1, 3, 4, 7, 16, 19])(
    "NaN, infinities: the first NaN wins, the first -Infinity stays (%i channels)",
    (C) => {
      const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number;
      const pixels = [inf, nan, 1, 2, nan, 7, 3, nan, minus, minus, 0, -0, minus, minus, -0, 0];
      const x = ndarray(
        [1, 4, 4, C],
        pixels.flatMap((value) => new Array<number>(C).fill(value)),
      );
      const channels = Array.from({ length: C }, (_, c) => c);
      const { y, argMax } = reference.maxPooling2d(x, twoByTwo);
      expectSame(
        y.data,
        [nan, nan, minus, 0].flatMap((value) => channels.map(() => value)),
      );
      expectSame(
        argMax.data,
        [1, 7, 8, 10].flatMap((pixel) => channels.map((c) => pixel * C + c)),
      );
      const actual = wasm(x, twoByTwo, randomArray(y.shape, 1));
      expectSame(actual.y, y.data);
      expectSame(actual.argMax, argMax.data);
    },
  );
});

const windows = fc.record({
  kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  strides: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  padding: fc.constantFrom("same" as const, "valid" as const),
});

test("the reference's gradient agrees with central differences", () => {
  const inputs = fc.tuple(fc.integer({ min: 4, max: 6 }), fc.integer({ min: 4, max: 7 }), fc.nat(1000));
  fc.assert(
    fc.property(windows, inputs, (window, [H, W, seed]) => {
      const x = tieFree([2, H, W, 2], seed);
      const { y, argMax } = reference.maxPooling2d(x, window);
      const dY = randomArray(y.shape, seed + 1);
      const expected = numericGradient(() => dot(reference.maxPooling2d(x, window).y, dY), x);
      const { data } = reference.maxPooling2dGradient(argMax, dY, x.shape, window);
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
    C: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 10, 15, 16, 17, 20, 33, 64),
    seed: fc.nat(1000),
    parts: fc.integer({ min: 2, max: 8 }),
  });
  fc.assert(
    fc.property(windows, inputs, (window, { N, H, W, C, seed, parts }) => {
      const x = withTies(randomArray([N, H, W, C], seed));
      const { y, argMax } = reference.maxPooling2d(x, window);
      const dY = randomArray(y.shape, seed + 1);
      const actual = wasm(x, window, dY);
      expectSame(actual.y, y.data);
      expectSame(actual.argMax, argMax.data);
      const dX = reference.maxPooling2dGradient(argMax, dY, x.shape, window).data;
      // An element lies in at most kh·kw windows, each of which adds a number in [−1, 1) once.
      const tolerance = sumTolerance(window.kernel[0] * window.kernel[1]);
      expectClose(actual.dX, dX, { rtol: tolerance, atol: tolerance });
      expect(wasm(x, window, dY, parts)).toEqual(actual);
    }),
    { numRuns: 150 },
  );
});

test("ties, NaN, infinities and zeros of both signs, at every border: the very values of the reference", () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  // Images side by side go different ways through the kernel: each has a palette of its own.
  const palettes = [
    [1, 2],
    [-1, 0],
    [0, -0],
    [-1, 0, -0, -2],
    [1, 2, 3, nan],
    [inf, -inf, 1],
    [-inf],
    [nan, -0, 0],
  ];
  const inputs = fc.record({
    kernel: fc.constantFrom([3, 3], [3, 3], [3, 2], [2, 3], [2, 2]),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padding: fc.constantFrom("same" as const, "valid" as const),
    H: fc.integer({ min: 1, max: 9 }),
    W: fc.integer({ min: 1, max: 9 }),
    C: fc.integer({ min: 1, max: 20 }),
    images: fc.array(fc.constantFrom(...palettes), { minLength: 1, maxLength: 4 }),
    seed: fc.nat(1000),
  });
  const property = fc.property(inputs, ({ kernel, strides, padding, H, W, C, images, seed }) => {
    const window = { kernel, strides, padding } as Window2D;
    fc.pre(padding === "same" || (H >= kernel[0] && W >= kernel[1]));
    const size = H * W * C;
    const random = randomArray([images.length, H, W, C], seed);
    const x = ndarray(
      random.shape,
      random.data.map((value, i) => {
        const palette = images[Math.floor(i / size)];
        return palette[Math.floor(((value + 1) / 2) * palette.length)];
      }),
    );
    const { y, argMax } = reference.maxPooling2d(x, window);
    const dY = randomArray(y.shape, seed + 1);
    const actual = wasm(x, window, dY);
    expectSame(actual.y, y.data);
    expectSame(actual.argMax, argMax.data);
    const dX = reference.maxPooling2dGradient(argMax, dY, x.shape, window).data;
    expectClose(actual.dX, dX, { rtol: sumTolerance(9), atol: sumTolerance(9) });
    expect(wasm(x, window, dY, 3)).toEqual(actual);
    expect(valuesAlone(x, window)).toEqual(actual.y);
    expect(valuesAlone(x, window, 3)).toEqual(actual.y);
  });
  fc.assert(property, { numRuns: 600 });
});

test("spares argMax where nobody reads it and that pays", () => {
  const kernels = (window: Window2D, channels: number, reads: boolean) => {
    const recorder = new Recorder();
    const x = recorder.tensor([2, 6, 6, channels], "float32", 64);
    const ops = poolingOps(recorder);
    const { y, argMax } = ops.maxPooling2d(x, window);
    y.buffer.address = 1024;
    if (reads) ops.maxPooling2dGradient(argMax, y, x.shape, window).buffer.address = 4096;
    return withoutDead(recorder.instructions).map(({ kernel }) => kernel);
  };
  expect(kernels(overlapping, 4, false)).toEqual(["maxPoolValues"]);
  expect(kernels(overlapping, 4, true)).toEqual(["maxPoolForward", "maxPoolBackward"]);
  expect(kernels(overlapping, 3, false)).toEqual(["maxPoolForward"]);
  expect(kernels(twoByTwo, 4, false)).toEqual(["maxPoolForward"]);
});

test.each([1, 2, 6])(
  "gradients of %i channels add output by output where windows overlap: the very floats",
  (C) => {
    const [H, W] = [5, 7];
    const x = withTies(randomArray([2, H, W, C], 1));
    const dY = randomArray(x.shape, 2);
    const { argMax, dX } = wasm(x, overlapping, dY);
    const expected = new Float32Array(x.data.length);
    const values = Float32Array.from(dY.data);
    Array.from(argMax).forEach((index, i) => {
      const at = Math.floor(i / (H * W * C)) * H * W * C + index;
      expected[at] += values[i];
    });
    expectSame(dX, expected);
  },
);

describe("layer", () => {
  test("Keras' defaults", () => {
    expect(layer.options({})).toEqual({ poolSize: [2, 2], strides: [2, 2], padding: "valid" });
    expect(layer.options({ poolSize: [3, 2] })).toEqual({
      poolSize: [3, 2],
      strides: [3, 2],
      padding: "valid",
    });
    expect(layer.options({ poolSize: 3, strides: 1, padding: "same" })).toEqual({
      poolSize: [3, 3],
      strides: [1, 1],
      padding: "same",
    });
  });

  test("refuses what it cannot do", () => {
    expect(() => layer.options({ poolsize: 2 })).toThrow(
      'maxPooling2d: unknown option "poolsize". Did you mean "poolSize"?',
    );
    expect(() => layer.options({ poolSize: 0 })).toThrow(
      "maxPooling2d: poolSize must be a positive integer or a pair of them; got 0.",
    );
    expect(() => layer.options({ padding: "full" })).toThrow(
      'maxPooling2d: padding must be "same" or "valid"; got "full".',
    );
    expect(() => layer.outputShape([[10]], layer.options({}), "max_pooling2d")).toThrow(
      "max_pooling2d: input must have the shape [height, width, channels]; got [10].",
    );
    const two = [
      [4, 4, 1],
      [4, 4, 1],
    ];
    expect(() => layer.outputShape(two, layer.options({}), "max_pooling2d")).toThrow(
      "max_pooling2d: inputs must be one tensor; got 2.",
    );
    expect(() => layer.outputShape([[1, 9, 3]], layer.options({}), "max_pooling2d_1")).toThrow(
      "max_pooling2d_1: a window of [2, 2] does not fit into an input of height 1 and width 9",
    );
  });

  test("shape, cost and receptive field", () => {
    const options = layer.options({ poolSize: 3, strides: 2 });
    expect(layer.outputShape([[30, 31, 96]], options, "p")).toEqual([14, 15, 96]);
    expect(layer.parameterSpecs([[30, 31, 96]], options)).toEqual({});
    expect(layer.flops([[30, 31, 96]], options)).toBe(14 * 15 * 96 * 9);
    expect(layer.receptiveField({ size: [5, 7], jump: [1, 2] }, options)).toEqual({
      size: [7, 11],
      jump: [2, 4],
    });
  });

  test("forward and backward", () => {
    const backend = reference as unknown as Backend<NDArray>;
    const options = layer.options({ poolSize: 3, strides: 2, padding: "same" });
    const x = tieFree([2, 5, 4, 3], 5);
    const { y, cache } = layer.forward(backend, [x], {}, options, { training: true, stream: 0 });
    expect(y.shape.slice(1)).toEqual(layer.outputShape([[5, 4, 3]], options, "p"));
    const dY = randomArray(y.shape, 6);
    const context = { dX: true, inputs: [[5, 4, 3]] };
    const { dXs, parameters } = layer.backward(backend, dY, {}, cache, options, context);
    expect(parameters).toEqual({});
    const window: Window2D = { kernel: [3, 3], strides: [2, 2], padding: "same" };
    const expected = numericGradient(() => dot(reference.maxPooling2d(x, window).y, dY), x);
    expectClose(dXs[0]?.data ?? [], expected, { atol: 1e-8 });
    const unwanted = layer.backward(backend, dY, {}, cache, options, { ...context, dX: false });
    expect(unwanted.dXs).toEqual([undefined]);
  });
});
