import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { amplificationOf, chooseAlgorithm } from "../src/backend/wasm/convolutionAlgorithm.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { winogradMap } from "../src/backend/wasm/winogradMap.js";
import type { Window2D } from "../src/shape.js";
import { randomValues } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import {
  amplification,
  type ConvolutionCase,
  convolutionSums,
  times,
  transpose,
} from "./support/convolutionSums.js";
import { Core } from "./support/kernels.js";
import { Program } from "./support/recording.js";

const SIDES = [2, 4, 5] as const;
type Side = (typeof SIDES)[number];

/** Aᵀ, G and Bᵀ of each side, the padding's columns of Bᵀ left out, as docs/winograd.md derives them. */
function matrices(side: Side): { outer: number[][]; kernel: number[][]; input: number[][] } {
  if (side === 2) {
    return {
      outer: [
        [1, 1, 0],
        [1, 0, 1],
      ],
      kernel: [
        [0, 1, 0],
        [0, -1, 1],
        [1, -1, 0],
      ],
      input: [
        [1, 1],
        [0, 1],
        [1, 0],
      ],
    };
  }
  const [a, b] = [Math.SQRT1_2, Math.SQRT2];
  const points = side === 4 ? [0, a, -a, b, -b] : [5 / 16, -5 / 16, 7 / 8, -7 / 8, 13 / 8, -13 / 8];
  const others = (i: number) => points.filter((_, j) => j !== i);
  // Coefficients of Π(x − root), the constant first.
  const polynomial = (roots: number[]) => {
    let p = [1];
    for (const root of roots) p = [...p, 0].map((_, k) => (p[k - 1] ?? 0) - root * (p[k] ?? 0));
    return p;
  };
  const powers = (x: number, count: number) => Array.from({ length: count }, (_, k) => x ** k);
  const unpadded = (row: number[]) =>
    Array.from({ length: side + 2 }, (_, k) => row[k] ?? 0).slice(1, side + 1);
  return {
    outer: Array.from({ length: side }, (_, r) => [
      ...points.map((x) => powers(x, side)[r]),
      r === side - 1 ? 1 : 0,
    ]),
    kernel: [
      ...points.map((x, i) =>
        powers(x, 3).map((power) => power / others(i).reduce((product, y) => product * (x - y), 1)),
      ),
      [0, 0, 1],
    ],
    input: [...points.map((_, i) => unpadded(polynomial(others(i)))), unpadded(polynomial(points))],
  };
}

const core = new Core();
beforeEach(() => core.reset());

function run(test: ConvolutionCase, inputs: ReturnType<typeof convolutionSums>, workers: number) {
  core.reset();
  const recorder = new Recorder();
  const x = recorder.tensor([test.n, test.h, test.w, test.c]);
  const kernel = recorder.tensor([3, 3, test.c, test.f]);
  const bias = recorder.tensor([test.f]);
  const dY = recorder.tensor([test.n, test.h, test.w, test.f]);
  const ops = winogradMap(recorder);
  const y = ops.forward(x, kernel, bias);
  const { dX, dKernel } = ops.gradients(x, kernel, dY, { dX: true, dBias: false });
  const unkept = winogradMap(recorder).gradients(x, kernel, dY, { dX: false, dBias: false });
  const program = new Program(core, recorder);
  program.write(x, inputs.x);
  program.write(kernel, inputs.kernel);
  program.write(bias, inputs.bias);
  program.write(dY, inputs.dY);
  program.run(workers);
  core.checkGuards();
  return {
    y: program.read(y),
    dX: program.read(dX!),
    dKernel: program.read(dKernel),
    unkept: program.read(unkept.dKernel),
  };
}

function check(test: ConvolutionCase): void {
  const expected = convolutionSums(test);
  const got = run(test, expected, 1);
  const { forward, gradient } = amplificationOf("winogradMap", [test.n, test.h, test.w, test.c], []);
  const context = JSON.stringify(test);
  // Among few channels the largest result may be one that the padding cuts to 4 of 9 terms.
  const slack = Math.max(1, Math.sqrt(32 / Math.min(test.c, test.f)));
  const forwardTolerance = (terms: number) => ({ rtol: slack * forward * sumTolerance(terms) });
  expectClose(got.y, expected.y, forwardTolerance(test.c), `y ${context}`);
  expectClose(got.dX, expected.dX, forwardTolerance(test.f), `dX ${context}`);
  expectClose(got.dKernel, expected.dKernel, { rtol: gradient * sumTolerance(test.n) }, `dKernel ${context}`);
  expect(got.unkept).toEqual(got.dKernel);
  for (const workers of [2, 3]) {
    const split = run(test, expected, workers);
    for (const name of ["y", "dX", "dKernel"] as const) expect(split[name]).toEqual(got[name]);
  }
}

describe.each(SIDES)("side %i", (side) => {
  const { outer, kernel, input } = matrices(side);

  it("is a convolution with padding: Aᵀ[(G g) ⊙ (Bᵀ x)] = Σ g_k·x_{r+k−1}", () => {
    const x = randomValues(side, 5);
    const g = randomValues(3, 6);
    const v = times(input, x);
    const y = times(
      outer,
      times(kernel, g).map((value, i) => value * v[i]),
    );
    const direct = Array.from(
      { length: side },
      (_, r) => g[0] * (x[r - 1] ?? 0) + g[1] * x[r] + g[2] * (x[r + 1] ?? 0),
    );
    expectClose(y, direct, { rtol: 1e-13 });
  });

  it("amplifies rounding by the factors that tolerances use", () => {
    const { forward, gradient } = amplificationOf("winogradMap", [1, side, side, 64], []);
    const terms = side === 2 ? 2 : 3;
    expect(amplification(outer, input, kernel, terms)).toBeCloseTo(forward, 1);
    expect(amplification(transpose(kernel), input, transpose(outer), side)).toBeCloseTo(gradient, 1);
  });
});

describe("whole maps against direct float64 sums", () => {
  it.each<ConvolutionCase>([
    { n: 3, h: 2, w: 2, c: 64, f: 72, padding: "same" },
    { n: 32, h: 2, w: 2, c: 8, f: 8, padding: "same" },
    { n: 7, h: 4, w: 4, c: 72, f: 64, padding: "same" },
    { n: 5, h: 5, w: 5, c: 64, f: 64, padding: "same" },
    { n: 1, h: 5, w: 5, c: 136, f: 72, padding: "same" },
    { n: 6, h: 2, w: 5, c: 64, f: 40, padding: "same" },
    { n: 2, h: 5, w: 4, c: 40, f: 64, padding: "same" },
  ])("$n × $h × $w × $c → $f", check);

  it("any of these sizes", () => {
    const side = fc.constantFrom(...SIDES);
    const panels = fc.integer({ min: 1, max: 7 }).map((count) => 8 * count);
    const cases = fc.record({
      n: fc.integer({ min: 1, max: 6 }),
      h: side,
      w: side,
      c: panels,
      f: panels,
      padding: fc.constant("same" as const),
    });
    fc.assert(fc.property(cases, check), { numRuns: 20 });
  });

  it("keeps to 5e-6 of the largest result at AlexNet8's largest layer", () => {
    const test = { n: 2, h: 5, w: 5, c: 384, f: 384, padding: "same" } as const;
    const expected = convolutionSums(test);
    const got = run(test, expected, 1);
    for (const name of ["y", "dX", "dKernel"] as const) {
      expectClose(got[name], expected[name], { rtol: 5e-6 }, name);
    }
  });
});

describe("the choice", () => {
  const same: Window2D = { kernel: [3, 3], strides: [1, 1], padding: "same" };
  const chosen = (x: number[], filters: number, window = same) =>
    chooseAlgorithm(x, [...window.kernel, x[3], filters], window);

  it("takes small maps of many channels", () => {
    expect(chosen([32, 5, 5, 384], 384)).toBe("winogradMap");
    expect(chosen([32, 4, 4, 512], 512)).toBe("winogradMap");
    expect(chosen([32, 2, 2, 512], 512)).toBe("winogradMap");
    expect(chosen([32, 5, 5, 48], 64)).toBe("winograd");
    expect(chosen([32, 5, 5, 384], 384, { ...same, padding: "valid" })).not.toBe("winogradMap");
    expect(chosen([32, 3, 3, 384], 384)).not.toBe("winogradMap");
    expect(chosen([32, 2, 2, 512], 512, { ...same, strides: [2, 2] })).toBe("direct");
  });
});
