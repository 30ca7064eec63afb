/** Direct convolution and its gradients against the reference, with guards, and the same bits for any number of workers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { convolutionOps, directConvolution } from "../src/backend/wasm/conv2d.js";
import type { WasmTensor } from "../src/backend/wasm/recorder.js";
import { conv2d, conv2dGradients } from "../src/reference/conv2d.js";
import { type Padding, type Pair, sizeOf, type Window2D } from "../src/shape.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { type Recording, runRecorded } from "./support/recorded.js";

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly filters: number;
  readonly window: Window2D;
  readonly bias: boolean;
}

const window = (kernel: Pair, strides: Pair, padding: Padding): Window2D => ({ kernel, strides, padding });

function check({ x: xShape, filters, window, bias: hasBias }: Case): void {
  const x = randomArray(xShape, 1);
  const kernel = randomArray([...window.kernel, xShape[3], filters], 2);
  const bias = hasBias ? randomArray([filters], 3) : undefined;
  const y = conv2d(x, kernel, bias, window);
  const dY = randomArray(y.shape, 4);
  const expected = conv2dGradients(x, kernel, dY, window);

  const run = (parts: number) =>
    runRecorded(parts, ({ recorder, array }: Recording): WasmTensor[] => {
      const direct = directConvolution(recorder);
      const [xs, kernels, slopes] = [x, kernel, dY].map((values) => array(values));
      return [
        direct.forward(xs, kernels, bias && array(bias), window),
        direct.inputGradient(xShape, kernels, slopes, window),
        direct.kernelGradient(xs, kernel.shape, slopes, window),
      ];
    });
  const whole = run(1);
  const context = JSON.stringify({ xShape, filters, window });
  const taps = window.kernel[0] * window.kernel[1];
  // Product and bias lie in [−1, 1]: where they cancel, their own roundings remain.
  const atol = 2 * FLOAT32_EPSILON;
  expectClose(whole[0], y.data, { rtol: sumTolerance(taps * xShape[3] + 1), atol }, `y ${context}`);
  expectClose(whole[1], expected.dX?.data ?? [], { rtol: sumTolerance(taps * filters) }, `dX ${context}`);
  const terms = sizeOf(y.shape) / filters;
  expectClose(whole[2], expected.dKernel.data, { rtol: sumTolerance(terms) }, `dKernel ${context}`);
  for (const parts of [2, 3]) expect(run(parts), `${parts} workers ${context}`).toEqual(whole);
}

describe("conv2d", () => {
  test("3×3 on a 3×3 picture, by hand", () => {
    // 1 2 3      0 1 0     same: the middle sees the whole cross, 2 + 4 + 5·(−4) + 6 + 8 = 0; the corner 2 + 4 − 4·1 = 2
    // 4 5 6  by  1−4 1
    // 7 8 9      0 1 0
    const same = window([3, 3], [1, 1], "same");
    const [y] = runRecorded(1, ({ recorder, put }) => [
      directConvolution(recorder).forward(
        put([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        put([3, 3, 1, 1], [0, 1, 0, 1, -4, 1, 0, 1, 0]),
        put([1], [0.5]),
        same,
      ),
    ]);
    expect([...y]).toEqual([2, 1, -4, -3, 0, -7, -16, -11, -22].map((value) => value + 0.5));
  });

  const cases: [string, Case][] = [
    ["lenet5, first", { x: [2, 32, 32, 3], filters: 6, window: window([5, 5], [1, 1], "valid"), bias: true }],
    [
      "lenet5, second",
      { x: [3, 14, 14, 6], filters: 16, window: window([5, 5], [1, 1], "valid"), bias: true },
    ],
    ["baseline", { x: [2, 32, 32, 3], filters: 6, window: window([5, 5], [1, 1], "same"), bias: true }],
    ["vgg16, first", { x: [2, 32, 32, 3], filters: 64, window: window([3, 3], [1, 1], "same"), bias: true }],
    ["vgg16, last", { x: [7, 2, 2, 40], filters: 48, window: window([3, 3], [1, 1], "same"), bias: true }],
    [
      "inception10, 5×5",
      { x: [3, 8, 8, 16], filters: 32, window: window([5, 5], [1, 1], "same"), bias: true },
    ],
    [
      "inception10, 1×1",
      { x: [3, 9, 7, 16], filters: 16, window: window([1, 1], [1, 1], "same"), bias: true },
    ],
    [
      "inception10, 1×1 s2",
      { x: [3, 9, 8, 16], filters: 16, window: window([1, 1], [2, 2], "same"), bias: true },
    ],
    [
      "resnet18, 3×3 s2",
      { x: [3, 8, 8, 24], filters: 40, window: window([3, 3], [2, 2], "same"), bias: false },
    ],
    [
      "resnet18, 1×1 s2",
      { x: [3, 8, 8, 24], filters: 40, window: window([1, 1], [2, 2], "same"), bias: false },
    ],
    [
      "strides beyond the kernel",
      { x: [2, 11, 9, 5], filters: 3, window: window([2, 1], [3, 4], "valid"), bias: true },
    ],
    ["uneven", { x: [2, 7, 10, 17], filters: 9, window: window([4, 2], [1, 3], "same"), bias: true }],
    ["one pixel", { x: [1, 1, 1, 1], filters: 1, window: window([3, 3], [1, 1], "same"), bias: true }],
    ["one window", { x: [6, 5, 4, 2], filters: 11, window: window([5, 4], [1, 1], "valid"), bias: true }],
  ];
  test.each(cases)("%s", (_, layer) => check(layer));

  test("any sizes", () => {
    const size = (max: number) => fc.integer({ min: 1, max });
    const layers = fc
      .record({
        images: size(4),
        kernel: fc.tuple(size(4), size(4)),
        strides: fc.tuple(size(3), size(3)),
        padding: fc.constantFrom<Padding>("same", "valid"),
        extra: fc.tuple(size(7), size(7)),
        channels: size(18),
        filters: size(18),
        bias: fc.boolean(),
      })
      .map(({ images, kernel, strides, padding, extra, channels, filters, bias }): Case => {
        const [height, width] = [kernel[0] + extra[0] - 1, kernel[1] + extra[1] - 1];
        return { x: [images, height, width, channels], filters, window: { kernel, strides, padding }, bias };
      });
    fc.assert(fc.property(layers, check), { numRuns: 150 });
  });
});

test("the choice between direct and Winograd, and what is not wished for", () => {
  const kernelsOf = (channels: number, size: number, dX: boolean) => {
    const names: string[] = [];
    runRecorded(1, ({ recorder, array }) => {
      const ops = convolutionOps(recorder);
      const same = window([size, size], [1, 1], "same");
      const x = array(randomArray([1, 8, 8, channels], 1));
      const kernel = array(randomArray([size, size, channels, 32], 2));
      const y = ops.conv2d(x, kernel, undefined, same);
      const gradients = ops.conv2dGradients(x, kernel, y, same, { dX, dBias: false });
      expect(gradients.dX === undefined).toBe(!dX);
      expect(gradients.dBias).toBeUndefined();
      names.push(...recorder.instructions.map(({ kernel }) => kernel));
      return [];
    });
    return names;
  };
  expect(kernelsOf(32, 3, true).every((name) => name.startsWith("winograd"))).toBe(true);
  expect(kernelsOf(32, 7, true).some((name) => name.startsWith("winograd"))).toBe(false);
  expect(kernelsOf(3, 5, false)).not.toContain("conv2dInputGradient");
});
