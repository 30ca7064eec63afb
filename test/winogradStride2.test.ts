import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { amplificationOf, chooseAlgorithm } from "../src/backend/wasm/convolutionAlgorithm.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { winogradStride2 } from "../src/backend/wasm/winogradStride2.js";
import { conv2d, conv2dGradients } from "../src/reference/conv2d.js";
import type { Padding, Window2D } from "../src/shape.js";
import { randomArray, randomValues } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { Program } from "./support/recording.js";

/** The matrices of docs/winograd.md, built here from the points: ±a, ±b, ∞. */
const POINTS = [1 / 2, -1 / 2, 5 / 4, -5 / 4];
/** Coefficients of Π (x − root), ascending. */
function polynomial(roots: number[]): number[] {
  let p = [1];
  for (const root of roots)
    p = Array.from({ length: p.length + 1 }, (_, k) => (p[k - 1] ?? 0) - root * (p[k] ?? 0));
  return p;
}
const others = (x: number) => POINTS.filter((y) => y !== x);
const weight = (x: number) => others(x).reduce((product, y) => product / (x - y), 1);
const A_TRANSPOSED = [0, 1, 2, 3].map((r) => [...POINTS.map((x) => x ** r), r === 3 ? 1 : 0]);
const B_TRANSPOSED = [...POINTS.map((x) => [...polynomial(others(x)), 0]), polynomial(POINTS)];
const G_EVEN = [...POINTS.map((x) => [weight(x), weight(x) * x]), [0, 1]];
const G_ODD = [...POINTS.map((x) => [weight(x)]), [0]];
const transpose = (m: number[][]) => m[0].map((_, j) => m.map((row) => row[j]));
const times = (m: number[][], v: ArrayLike<number>) =>
  m.map((row) => row.reduce((sum, value, k) => sum + value * v[k], 0));

/**
 * By how much the transforms amplify rounding against a direct sum of `terms` products, as in test/winograd.test.ts: with
 * independent inputs of variance 1, product i has variance |left_i|²·|right_i|², and enters result r with weight outer_ri². Several
 * phases add their variances before the square root of both dimensions is taken.
 */
function amplification(outer: number[][], products: [number[][], number[][]][], terms: number): number {
  const square = (row: number[]) => row.reduce((sum, value) => sum + value * value, 0);
  const rows = outer.map((row) =>
    row.reduce(
      (sum, value, i) =>
        sum + value ** 2 * products.reduce((all, [l, r]) => all + square(l[i]) * square(r[i]), 0),
      0,
    ),
  );
  return Math.max(...rows) / terms;
}
const A = transpose(A_TRANSPOSED);
const phases: [number[][], number[][]][] = [
  [B_TRANSPOSED, G_EVEN],
  [B_TRANSPOSED, G_ODD],
];
const FORWARD = amplification(A_TRANSPOSED, phases, 3);
const INPUT_GRADIENT = Math.max(
  amplification(A_TRANSPOSED, phases.slice(0, 1), 2),
  amplification(A_TRANSPOSED, phases.slice(1), 1),
);
const KERNEL_GRADIENT = Math.max(
  amplification(transpose(G_EVEN), [[B_TRANSPOSED, A]], 4),
  amplification(transpose(G_ODD), [[B_TRANSPOSED, A]], 4),
);

interface Case {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly f: number;
  readonly padding: Padding;
}

const windowOf = ({ padding }: Case): Window2D => ({ kernel: [3, 3], strides: [2, 2], padding });

/** float32 inputs of a case, and its results by direct float64 sums. */
function direct(test: Case) {
  const { n, h, w, c, f } = test;
  const x = randomArray([n, h, w, c], 1);
  const kernel = randomArray([3, 3, c, f], 2);
  const bias = randomArray([f], 3);
  const y = conv2d(x, kernel, bias, windowOf(test));
  const dY = randomArray(y.shape, 4);
  const { dX, dKernel } = conv2dGradients(x, kernel, dY, windowOf(test));
  return { x, kernel, bias, dY, y, dX, dKernel };
}

const core = new Core();
beforeEach(() => core.reset());

/** Forward and gradients by the recorded program, cut for so many workers. */
function winograd(test: Case, inputs: ReturnType<typeof direct>, workers: number) {
  core.reset();
  const recorder = new Recorder();
  const x = recorder.tensor(inputs.x.shape);
  const kernel = recorder.tensor(inputs.kernel.shape);
  const bias = recorder.tensor(inputs.bias.shape);
  const dY = recorder.tensor(inputs.dY.shape);
  const stride2 = winogradStride2(recorder);
  const y = stride2.forward(x, kernel, bias, windowOf(test));
  const plain = stride2.forward(x, kernel, undefined, windowOf(test));
  const wishes = { dX: true, dBias: false };
  const { dX, dKernel } = stride2.gradients(x, kernel, dY, windowOf(test), wishes);
  const program = new Program(core, recorder);
  program.write(x, inputs.x.data);
  program.write(kernel, inputs.kernel.data);
  program.write(bias, inputs.bias.data);
  program.write(dY, inputs.dY.data);
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
  const [images, outHeight, outWidth] = expected.y.shape;
  const tiles = images * Math.ceil(outHeight / 4) * Math.ceil(outWidth / 4);
  const context = JSON.stringify(test);
  const { c, f } = test;
  expectClose(got.y, expected.y.data, { rtol: FORWARD * sumTolerance(c) }, `y ${context}`);
  expectClose(got.dX, expected.dX?.data ?? [], { rtol: INPUT_GRADIENT * sumTolerance(f) }, `dX ${context}`);
  const ofKernel = { rtol: KERNEL_GRADIENT * sumTolerance(tiles) };
  expectClose(got.dKernel, expected.dKernel.data, ofKernel, `dKernel ${context}`);
  const biased = got.plain.map((value, i) => value + expected.bias.data[i % f]);
  expect(got.y).toEqual(biased);
  for (const workers of [2, 3]) {
    const split = winograd(test, expected, workers);
    for (const name of ["y", "plain", "dX", "dKernel"] as const) expect(split[name]).toEqual(got[name]);
  }
}

describe("matrices", () => {
  const e = randomValues(5, 5);
  const o = randomValues(4, 6);
  const g = randomValues(3, 7);
  const product = (samples: ArrayLike<number>, taps: number[][], kernel: number[]) =>
    times(taps, kernel).map((value, i) => value * times(B_TRANSPOSED, samples)[i]);

  it("are a convolution of stride 2: Aᵀ[(G₀ g) ⊙ (Bᵀ e) + (G₁ g) ⊙ (Bᵀ o)] = g0·e_i + g1·o_i + g2·e_{i+1}", () => {
    const even = product(e, G_EVEN, [g[0], g[2]]);
    const odd = product([...o, 0], G_ODD, [g[1]]);
    const y = times(
      A_TRANSPOSED,
      even.map((value, i) => value + odd[i]),
    );
    const expected = [0, 1, 2, 3].map((i) => g[0] * e[i] + g[1] * o[i] + g[2] * e[i + 1]);
    expectClose(y, expected, { rtol: 1e-14 });
  });

  it("take dY back to dX, from end to start: e_i = g0·dY_i + g2·dY_{i−1}, o_i = g1·dY_i", () => {
    const dY = e; // dY_{−1} … dY_3
    const reversed = [...dY].reverse();
    const even = times(A_TRANSPOSED, product(reversed, G_EVEN, [g[0], g[2]])).reverse();
    const odd = times(A_TRANSPOSED, product(reversed, G_ODD, [g[1]])).reverse();
    expectClose(
      even,
      [1, 2, 3, 4].map((i) => g[0] * dY[i] + g[2] * dY[i - 1]),
      { rtol: 1e-14 },
    );
    expectClose(
      odd,
      [1, 2, 3, 4].map((i) => g[1] * dY[i]),
      { rtol: 1e-14 },
    );
  });

  it("amplify rounding by these factors", () => {
    expect(FORWARD).toBeCloseTo(4.35, 2);
    expect(INPUT_GRADIENT).toBeCloseTo(5.5, 2);
    expect(KERNEL_GRADIENT).toBeCloseTo(3.27, 2);
    const { forward, gradient } = amplificationOf("winogradStride2", [1, 8, 8, 16], [3, 3, 16, 16]);
    expect(forward).toBeCloseTo(FORWARD, 1);
    expect(gradient).toBeCloseTo(INPUT_GRADIENT, 1);
  });
});

describe("winograd of stride 2 against direct float64 sums", () => {
  it.each<Case>([
    { n: 1, h: 8, w: 8, c: 16, f: 16, padding: "same" },
    { n: 1, h: 1, w: 1, c: 8, f: 8, padding: "same" },
    { n: 2, h: 2, w: 1, c: 8, f: 16, padding: "same" },
    { n: 3, h: 7, w: 10, c: 32, f: 40, padding: "same" },
    { n: 3, h: 3, w: 4, c: 40, f: 32, padding: "valid" },
    { n: 17, h: 9, w: 17, c: 8, f: 16, padding: "valid" },
    { n: 5, h: 16, w: 18, c: 24, f: 8, padding: "valid" },
    { n: 2, h: 15, w: 14, c: 72, f: 48, padding: "same" },
    { n: 70, h: 2, w: 2, c: 136, f: 8, padding: "same" },
    { n: 70, h: 1, w: 2, c: 8, f: 264, padding: "same" },
    { n: 33, h: 16, w: 16, c: 16, f: 8, padding: "same" },
  ])("$n × $h × $w × $c → $f, $padding", check);

  it("any size", () => {
    const cases = fc
      .record({
        n: fc.integer({ min: 1, max: 5 }),
        h: fc.integer({ min: 1, max: 19 }),
        w: fc.integer({ min: 1, max: 19 }),
        c: fc.integer({ min: 1, max: 5 }).map((panels) => 8 * panels),
        f: fc.integer({ min: 1, max: 5 }).map((panels) => 8 * panels),
        padding: fc.constantFrom<Padding>("same", "valid"),
      })
      .filter(({ h, w, padding }) => padding === "same" || (h >= 3 && w >= 3));
    fc.assert(fc.property(cases, check), { numRuns: 30 });
  });
});

describe("the choice of algorithm", () => {
  const same: Window2D = { kernel: [3, 3], strides: [2, 2], padding: "same" };
  const choice = (size: number, channels: number, filters: number, window = same) =>
    chooseAlgorithm([32, size, size, channels], [...window.kernel, channels, filters], window);

  it("takes 3×3 of stride 2 with panels of channels", () => {
    expect(choice(32, 64, 128)).toBe("winogradStride2");
    expect(choice(8, 256, 512)).toBe("winogradStride2");
    expect(choice(32, 64, 64, { ...same, strides: [1, 1] })).toBe("winograd");
    expect(choice(32, 64, 64, { ...same, strides: [2, 1] })).toBe("direct");
    expect(choice(32, 64, 64, { ...same, strides: [3, 3] })).toBe("direct");
    expect(choice(32, 64, 64, { ...same, kernel: [1, 1] })).toBe("direct");
    expect(choice(32, 8, 64)).toBe("direct");
    expect(choice(32, 60, 64)).toBe("direct");
  });

  it("leaves maps alone of which tiles would waste what they gain", () => {
    expect(choice(4, 512, 512)).toBe("direct");
    expect(choice(9, 64, 64)).toBe("direct");
    // Of 9×9, four rows of outputs but five even rows of dX: four tiles there.
    expect(choice(9, 64, 64, { ...same, padding: "valid" })).toBe("direct");
  });
});
