import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import {
  amplificationOf,
  chooseAlgorithm,
  winogradTileWidth,
} from "../src/backend/wasm/convolutionAlgorithm.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { winogradForward, winogradGradients } from "../src/backend/wasm/winograd.js";
import type { Padding, Shape, Window2D } from "../src/shape.js";
import { randomValues } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import {
  amplification,
  type ConvolutionCase,
  convolutionSums,
  times,
  transpose,
  windowOf,
} from "./support/convolutionSums.js";
import { Core } from "./support/kernels.js";
import { Program } from "./support/recording.js";
import { axisFactors, MATRICES, type WinogradForm } from "./support/winogradMatrices.js";

/** How a tile's transforms amplify roundings. */
function factors(x: Shape, kernel: Shape) {
  const high = axisFactors(kernel[0] === 3 ? "F(4, 3)" : "F(2, 5)");
  const wide = axisFactors(kernel[0] === 3 ? "F(4, 3)" : `F(${winogradTileWidth(x, kernel)}, 5)`);
  return {
    forward: Math.sqrt(high.forward * wide.forward),
    gradient: Math.sqrt(high.gradient * wide.gradient),
  };
}

const core = new Core();
beforeEach(() => core.reset());

/** Forward and gradients by the recorded program, cut for so many workers. */
function winograd(test: ConvolutionCase, inputs: ReturnType<typeof convolutionSums>, workers: number) {
  core.reset();
  const recorder = new Recorder();
  const x = recorder.tensor([test.n, test.h, test.w, test.c]);
  const kernel = recorder.tensor([test.k ?? 3, test.k ?? 3, test.c, test.f]);
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

function check(test: ConvolutionCase): void {
  const expected = convolutionSums(test);
  const got = winograd(test, expected, 1);
  const { n, h, w, c, f, k = 3 } = test;
  const [x, kernel] = [
    [n, h, w, c],
    [k, k, c, f],
  ];
  const { forward, gradient } = factors(x, kernel);
  const wide = winogradTileWidth(x, kernel);
  const tiles = n * Math.ceil(expected.outHeight / (7 - k)) * Math.ceil(expected.outWidth / wide);
  const context = JSON.stringify(test);
  expectClose(got.y, expected.y, { rtol: forward * sumTolerance(test.c) }, `y ${context}`);
  expectClose(got.dX, expected.dX, { rtol: forward * sumTolerance(test.f) }, `dX ${context}`);
  expectClose(got.dKernel, expected.dKernel, { rtol: gradient * sumTolerance(tiles) }, `dKernel ${context}`);
  const biased = got.plain.map((value, i) => value + expected.bias[i % test.f]);
  expect(got.y).toEqual(biased);
  for (const workers of [2, 3]) {
    const split = winograd(test, expected, workers);
    for (const name of ["y", "plain", "dX", "dKernel"] as const) expect(split[name]).toEqual(got[name]);
  }
}

describe("matrices", () => {
  const forms = Object.keys(MATRICES) as WinogradForm[];

  it.each(forms)("are a convolution: Aᵀ[(G g) ⊙ (Bᵀ d)] = Σ g_k·d_{r+k}, %s", (form) => {
    const [outer, input, kernel] = MATRICES[form];
    const d = randomValues(input.length, 5);
    const g = randomValues(kernel[0].length, 6);
    const v = times(input, d);
    const y = times(
      outer,
      times(kernel, g).map((value, i) => value * v[i]),
    );
    expectClose(
      y,
      y.map((_, r) => g.reduce((sum, tap, j) => sum + tap * d[r + j], 0)),
      { rtol: 1e-14 },
    );
  });

  it.each([
    { x: [1, 8, 8, 16], kernel: [3, 3, 16, 16], forward: 7.13, gradient: 5.97 },
    { x: [1, 8, 2, 16], kernel: [5, 5, 16, 16], forward: 5.53, gradient: 9.44 },
    { x: [1, 8, 8, 16], kernel: [5, 5, 16, 16], forward: 12.82, gradient: 18.42 },
  ])("amplify rounding by these factors: $x, $kernel", ({ x, kernel, forward, gradient }) => {
    const got = factors(x, kernel);
    expect(got.forward).toBeCloseTo(forward, 2);
    expect(got.gradient).toBeCloseTo(gradient, 2);
    const allowed = amplificationOf("winograd", x, kernel);
    expect(allowed.forward).toBeGreaterThanOrEqual(got.forward - 0.05);
    expect(allowed.gradient).toBeGreaterThanOrEqual(got.gradient - 0.05);
    expect(allowed.forward).toBeLessThanOrEqual(1.02 * got.forward);
  });
});

describe("dX tile by tile of dY", () => {
  const writerOfDX = (padding: Padding, size: number) => {
    const recorder = new Recorder();
    const outputs = padding === "valid" ? size - 2 : size;
    const x = recorder.tensor([2, size, size, 16]);
    const kernel = recorder.tensor([3, 3, 16, 16]);
    const dY = recorder.tensor([2, outputs, outputs, 16]);
    const window: Window2D = { kernel: [3, 3], strides: [1, 1], padding };
    const { dX } = winogradGradients(recorder, x, kernel, dY, window, { dX: true, dBias: false });
    return recorder.instructions.find(({ args }) =>
      args.some((arg) => typeof arg === "object" && "buffer" in arg && arg.buffer === dX?.buffer),
    )?.kernel;
  };

  it("is taken where dY has fewer tiles than dX", () => {
    expect(writerOfDX("valid", 14)).toBe("winogradInputGradient");
    expect(writerOfDX("valid", 16)).toBe("winogradConvolution");
    expect(writerOfDX("same", 14)).toBe("winogradConvolution");
  });

  it("amplifies rounding by less than forward does, where tiles meet too", () => {
    const [outer, input, kernel] = MATRICES["F(4, 3)"];
    const alone = transpose(input).map((row) => amplification([row], transpose(outer), kernel, 3));
    expect(Math.max(...alone)).toBeCloseTo(6.46, 2);
    expect(alone[0] + alone[4]).toBeCloseTo(3.58, 2);
    expect(alone[1] + alone[5]).toBeCloseTo(3.58, 2);
  });
});

describe("winograd against direct float64 sums", () => {
  it.each<ConvolutionCase>([
    { n: 1, h: 4, w: 4, c: 32, f: 32, padding: "same" },
    { n: 1, h: 1, w: 1, c: 8, f: 8, padding: "same" },
    { n: 3, h: 7, w: 5, c: 32, f: 40, padding: "same" },
    { n: 3, h: 3, w: 3, c: 40, f: 32, padding: "valid" },
    { n: 17, h: 5, w: 9, c: 8, f: 16, padding: "valid" },
    { n: 17, h: 2, w: 3, c: 16, f: 8, padding: "same" },
    { n: 17, h: 13, w: 7, c: 8, f: 16, padding: "valid" },
    { n: 2, h: 6, w: 18, c: 24, f: 8, padding: "valid" },
    { n: 3, h: 14, w: 14, c: 96, f: 48, padding: "valid" },
    { n: 2, h: 32, w: 32, c: 64, f: 64, padding: "same" },
    { n: 5, h: 8, w: 8, c: 264, f: 32, padding: "same" },
    { n: 1, h: 2, w: 2, c: 32, f: 32, padding: "same", k: 5 },
    { n: 3, h: 7, w: 6, c: 32, f: 40, padding: "same", k: 5 },
    { n: 3, h: 5, w: 8, c: 40, f: 32, padding: "valid", k: 5 },
    { n: 2, h: 16, w: 16, c: 16, f: 16, padding: "same", k: 5 },
    { n: 2, h: 6, w: 9, c: 136, f: 16, padding: "same", k: 5 },
    { n: 2, h: 6, w: 5, c: 16, f: 264, padding: "same", k: 5 },
  ])("$n × $h × $w × $c → $f, $padding, $k", check);

  it.each<ConvolutionCase>([
    { n: 2, h: 32, w: 32, c: 128, f: 128, padding: "same", k: 5 },
    { n: 8, h: 16, w: 16, c: 16, f: 16, padding: "same", k: 5 },
    { n: 8, h: 8, w: 8, c: 32, f: 32, padding: "same", k: 5 },
  ])("keep within 5e-6 of the largest result: $c channels, 5×5, $h × $w", (test) => {
    const expected = convolutionSums(test);
    const got = winograd(test, expected, 1);
    for (const name of ["y", "dX", "dKernel"] as const) {
      expectClose(got[name], expected[name], { rtol: 5e-6 }, name);
    }
  });

  it("any size", () => {
    const cases = fc
      .record({
        n: fc.integer({ min: 1, max: 5 }),
        h: fc.integer({ min: 1, max: 13 }),
        w: fc.integer({ min: 1, max: 13 }),
        c: fc.integer({ min: 1, max: 6 }).map((panels) => 8 * panels),
        f: fc.integer({ min: 1, max: 6 }).map((panels) => 8 * panels),
        padding: fc.constantFrom<Padding>("same", "valid"),
        k: fc.constantFrom(3, 5),
      })
      .filter(({ h, w, padding, k }) => padding === "same" || (h >= k && w >= k));
    fc.assert(fc.property(cases, check), { numRuns: 30 });
  });
});

describe("the choice", () => {
  const same: Window2D = { kernel: [3, 3], strides: [1, 1], padding: "same" };
  const chosen = (x: number[], filters: number, window = same) =>
    chooseAlgorithm(x, [...window.kernel, x[3], filters], window);

  it("takes 3×3 of stride 1 with panels of channels", () => {
    expect(chosen([32, 32, 32, 64], 64)).toBe("winograd");
    expect(chosen([32, 14, 14, 96], 256, { ...same, padding: "valid" })).toBe("winograd");
    expect(chosen([32, 32, 32, 64], 64, { ...same, strides: [2, 2] })).toBe("winogradStride2");
    expect(chosen([32, 32, 32, 64], 64, { ...same, kernel: [1, 1] })).toBe("direct");
    expect(chosen([32, 16, 16, 16], 16, { ...same, kernel: [5, 5] })).toBe("winograd");
    expect(chosen([32, 16, 16, 16], 16, { ...same, kernel: [5, 3] })).toBe("winogradRows");
    expect(chosen([32, 32, 32, 3], 64)).toBe("winogradRows");
    expect(chosen([32, 32, 32, 60], 64)).toBe("winogradRows");
    expect(chosen([32, 32, 32, 3], 64, { ...same, strides: [1, 2] })).toBe("direct");
  });

  it("takes maps whose tiles are not too empty: 36 products a tile, nine an output", () => {
    expect(chosen([32, 3, 3, 512], 512)).toBe("winograd");
    expect(chosen([32, 1, 3, 512], 512)).toBe("direct");
  });
});
