import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { winogradForward, winogradGradients, winogradSuits } from "../src/backend/wasm/winograd.js";
import { type Padding, type Shape, sizeOf, type Window2D, windowGeometry } from "../src/shape.js";
import { randomValues } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { Program } from "./support/program.js";

/** The three matrices, written out as docs/winograd.md derives them. */
const a = Math.SQRT1_2;
const b = Math.SQRT2;
const B_TRANSPOSED = [
  [1, 0, -5 / 2, 0, 1, 0],
  [0, -2 * a, -2, a, 1, 0],
  [0, 2 * a, -2, -a, 1, 0],
  [0, -b, -1, 2 * b, 2, 0],
  [0, b, -1, -2 * b, 2, 0],
  [0, 1, 0, -5 / 2, 0, 1],
];
const G = [
  [1, 0, 0],
  [-2 / 3, (-2 / 3) * a, -1 / 3],
  [-2 / 3, (2 / 3) * a, -1 / 3],
  [1 / 12, b / 12, 1 / 6],
  [1 / 12, -b / 12, 1 / 6],
  [0, 0, 1],
];
const A_TRANSPOSED = [
  [1, 1, 1, 1, 1, 0],
  [0, a, -a, b, -b, 0],
  [0, 1 / 2, 1 / 2, 2, 2, 0],
  [0, a / 2, -a / 2, 2 * b, -2 * b, 1],
];

/**
 * By how much the transforms amplify rounding against a direct sum. With independent inputs of variance 1, product i of
 * F(4, 3) has variance Σ_k B_ik²·Σ_k G_ik² for each channel; the output adds them with weights A_ri², where a direct
 * sum has 3. So an error relative to the products appears in output r larger by √(Σ_i A_ri²·B_i²·G_i² / 3); in two
 * dimensions by the square of that. The worst r counts.
 */
function amplification(outer: number[][], left: number[][], right: number[][], terms: number): number {
  const square = (row: number[]) => row.reduce((sum, value) => sum + value * value, 0);
  const rows = outer.map((row) =>
    row.reduce((sum, value, i) => sum + value * value * square(left[i]) * square(right[i]), 0),
  );
  return Math.max(...rows) / terms;
}
const transpose = (m: number[][]) => m[0].map((_, j) => m.map((row) => row[j]));
const FORWARD = amplification(A_TRANSPOSED, B_TRANSPOSED, G, 3); // 7.1
const GRADIENT = amplification(transpose(G), B_TRANSPOSED, transpose(A_TRANSPOSED), 4); // 6.0

interface Case {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly f: number;
  readonly padding: Padding;
}

const windowOf = ({ padding }: Case): Window2D => ({ kernel: [3, 3], strides: [1, 1], padding });

/** float32 inputs of a case, and its results by direct float64 sums. */
function direct(test: Case) {
  const { n, h, w, c, f } = test;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("conv2d", h, w, windowOf(test));
  const values = (shape: Shape, seed: number) => randomValues(sizeOf(shape), seed);
  const x = values([n, h, w, c], 1);
  const kernel = values([3, 3, c, f], 2);
  const bias = values([f], 3);
  const dY = values([n, outHeight, outWidth, f], 4);
  const y = new Float64Array(dY.length);
  const dX = new Float64Array(x.length);
  const dKernel = new Float64Array(kernel.length);
  for (let image = 0; image < n; image++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        const at = ((image * outHeight + i) * outWidth + j) * f;
        for (let k = 0; k < f; k++) y[at + k] = bias[k];
        for (let tap = 0; tap < 9; tap++) {
          const row = i + Math.floor(tap / 3) - padTop;
          const column = j + (tap % 3) - padLeft;
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          const pixel = ((image * h + row) * w + column) * c;
          for (let q = 0; q < c; q++) {
            const weights = (tap * c + q) * f;
            let sum = 0;
            for (let k = 0; k < f; k++) {
              y[at + k] += x[pixel + q] * kernel[weights + k];
              dKernel[weights + k] += x[pixel + q] * dY[at + k];
              sum += dY[at + k] * kernel[weights + k];
            }
            dX[pixel + q] += sum;
          }
        }
      }
    }
  }
  return { x, kernel, bias, dY, y, dX, dKernel, outHeight, outWidth };
}

const core = new Core();
beforeEach(() => core.reset());

/** Forward and gradients by the recorded program, cut for so many workers. */
function winograd(test: Case, inputs: ReturnType<typeof direct>, workers: number) {
  core.reset();
  const recorder = new Recorder();
  const x = recorder.tensor([test.n, test.h, test.w, test.c]);
  const kernel = recorder.tensor([3, 3, test.c, test.f]);
  const bias = recorder.tensor([test.f]);
  const dY = recorder.tensor([test.n, inputs.outHeight, inputs.outWidth, test.f]);
  const y = winogradForward(recorder, x, kernel, bias, windowOf(test));
  const plain = winogradForward(recorder, x, kernel, undefined, windowOf(test));
  const wishes = { dX: true, dBias: false };
  const { dX, dKernel } = winogradGradients(recorder, x, kernel, dY, windowOf(test), wishes);
  const program = new Program(core, recorder);
  program.write(x, inputs.x);
  program.write(kernel, inputs.kernel);
  program.write(bias, inputs.bias);
  program.write(dY, inputs.dY);
  program.run(workers);
  core.checkGuards();
  return {
    y: program.read(y),
    plain: program.read(plain),
    dX: program.read(dX!),
    dKernel: program.read(dKernel),
  };
}

function check(test: Case): void {
  const expected = direct(test);
  const got = winograd(test, expected, 1);
  const tiles = test.n * Math.ceil(expected.outHeight / 4) * Math.ceil(expected.outWidth / 4);
  const context = JSON.stringify(test);
  expectClose(got.y, expected.y, { rtol: FORWARD * sumTolerance(test.c) }, `y ${context}`);
  expectClose(got.dX, expected.dX, { rtol: FORWARD * sumTolerance(test.f) }, `dX ${context}`);
  expectClose(got.dKernel, expected.dKernel, { rtol: GRADIENT * sumTolerance(tiles) }, `dKernel ${context}`);
  const biased = got.plain.map((value, i) => value + expected.bias[i % test.f]);
  expect(got.y).toEqual(biased);
  for (const workers of [2, 3]) {
    const split = winograd(test, expected, workers);
    for (const name of ["y", "plain", "dX", "dKernel"] as const) expect(split[name]).toEqual(got[name]);
  }
}

describe("matrices", () => {
  it("are a convolution: Aᵀ[(G g) ⊙ (Bᵀ d)] = Σ g_k·d_{r+k}", () => {
    const d = randomValues(6, 5);
    const g = randomValues(3, 6);
    const times = (m: number[][], v: ArrayLike<number>) =>
      m.map((row) => row.reduce((sum, value, k) => sum + value * v[k], 0));
    const v = times(B_TRANSPOSED, d);
    const y = times(
      A_TRANSPOSED,
      times(G, g).map((value, i) => value * v[i]),
    );
    expectClose(
      y,
      [0, 1, 2, 3].map((r) => g[0] * d[r] + g[1] * d[r + 1] + g[2] * d[r + 2]),
      { rtol: 1e-14 },
    );
  });

  it("amplify rounding by these factors", () => {
    expect(FORWARD).toBeCloseTo(7.13, 2);
    expect(GRADIENT).toBeCloseTo(5.97, 2);
  });
});

describe("winograd against direct float64 sums", () => {
  it.each<Case>([
    { n: 1, h: 4, w: 4, c: 32, f: 32, padding: "same" },
    { n: 1, h: 1, w: 1, c: 8, f: 8, padding: "same" },
    { n: 3, h: 7, w: 5, c: 32, f: 40, padding: "same" },
    { n: 3, h: 3, w: 3, c: 40, f: 32, padding: "valid" },
    { n: 17, h: 5, w: 9, c: 8, f: 16, padding: "valid" },
    { n: 17, h: 2, w: 3, c: 16, f: 8, padding: "same" },
    { n: 3, h: 14, w: 14, c: 96, f: 48, padding: "valid" },
    { n: 2, h: 32, w: 32, c: 64, f: 64, padding: "same" },
    { n: 5, h: 8, w: 8, c: 264, f: 32, padding: "same" },
  ])("$n × $h × $w × $c → $f, $padding", check);

  it("any size", () => {
    const cases = fc
      .record({
        n: fc.integer({ min: 1, max: 5 }),
        h: fc.integer({ min: 1, max: 13 }),
        w: fc.integer({ min: 1, max: 13 }),
        c: fc.integer({ min: 1, max: 6 }).map((panels) => 8 * panels),
        f: fc.integer({ min: 1, max: 6 }).map((panels) => 8 * panels),
        padding: fc.constantFrom<Padding>("same", "valid"),
      })
      .filter(({ h, w, padding }) => padding === "same" || (h >= 3 && w >= 3));
    fc.assert(fc.property(cases, check), { numRuns: 30 });
  });
});

describe("winogradSuits", () => {
  const same: Window2D = { kernel: [3, 3], strides: [1, 1], padding: "same" };

  it("takes 3×3 of stride 1 with panels of channels", () => {
    expect(winogradSuits([32, 32, 32, 64], [3, 3, 64, 64], same)).toBe(true);
    expect(winogradSuits([32, 14, 14, 96], [3, 3, 96, 256], { ...same, padding: "valid" })).toBe(true);
    expect(winogradSuits([32, 32, 32, 64], [3, 3, 64, 64], { ...same, strides: [2, 2] })).toBe(false);
    expect(winogradSuits([32, 32, 32, 64], [1, 1, 64, 64], { ...same, kernel: [1, 1] })).toBe(false);
    expect(winogradSuits([32, 32, 32, 3], [3, 3, 3, 64], same)).toBe(false);
    expect(winogradSuits([32, 32, 32, 60], [3, 3, 60, 64], same)).toBe(false);
  });

  it("leaves 2×2 maps alone: 36 products for four outputs are no gain over nine each", () => {
    expect(winogradSuits([32, 2, 2, 512], [3, 3, 512, 512], same)).toBe(false);
    expect(winogradSuits([32, 4, 4, 512], [3, 3, 512, 512], same)).toBe(true);
  });
});
