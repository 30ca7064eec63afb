import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { amplificationOf, chooseAlgorithm } from "../src/backend/wasm/convolutionAlgorithm.js";
import { winogradRows } from "../src/backend/wasm/winogradRows.js";
import { conv2d, conv2dGradients } from "../src/reference/conv2d.js";
import type { Padding, Pair, Window2D } from "../src/shape.js";
import { randomArray, randomValues } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { times, transpose } from "./support/convolutionSums.js";
import { Core } from "./support/kernels.js";
import { type Recording, runRecorded } from "./support/recorded.js";
import { axisFactors, MATRICES } from "./support/winogradMatrices.js";

/** By the kernel's width; along one axis alone the root of what two axes would have. */
const FORMS = { 3: "F(4, 3)", 5: "F(4, 5)" } as const;
type Columns = keyof typeof FORMS;
function factors(columns: Columns) {
  const { forward, gradient } = axisFactors(FORMS[columns]);
  return { forward: Math.sqrt(forward), gradient: Math.sqrt(gradient) };
}

interface Case {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly f: number;
  readonly rows: number;
  /** Of the kernel; default 5. */
  readonly columns?: Columns;
  readonly stride: number;
  readonly padding: Padding;
  readonly bias?: boolean;
}

const windowOf = ({ rows, columns = 5, stride, padding }: Case): Window2D => ({
  kernel: [rows, columns],
  strides: [stride, 1],
  padding,
});

/** Inputs of a case, and its results by direct float64 sums. */
function direct(test: Case) {
  const { n, h, w, c, f, rows, columns = 5, bias: hasBias = true } = test;
  const x = randomArray([n, h, w, c], 1);
  const kernel = randomArray([rows, columns, c, f], 2);
  const bias = hasBias ? randomArray([f], 3) : undefined;
  const y = conv2d(x, kernel, bias, windowOf(test));
  const dY = randomArray(y.shape, 4);
  const { dKernel } = conv2dGradients(x, kernel, dY, windowOf(test));
  return { x, kernel, bias, dY, y, dKernel };
}

function winograd(test: Case, { x, kernel, bias, dY }: ReturnType<typeof direct>, workers: number) {
  const [y, dKernel] = runRecorded(workers, ({ recorder, array }: Recording) => {
    const { forward, kernelGradient } = winogradRows(recorder);
    const xs = array(x);
    return [
      forward(xs, array(kernel), bias && array(bias), windowOf(test)),
      kernelGradient(xs, kernel.shape, array(dY), windowOf(test)),
    ];
  });
  return { y, dKernel };
}

function check(test: Case): void {
  const expected = direct(test);
  const got = winograd(test, expected, 1);
  const [images, outHeight, outWidth] = expected.y.shape;
  const terms = images * outHeight * Math.ceil(outWidth / 4);
  const context = JSON.stringify(test);
  // Where sums are short and cancel, the roundings of their terms remain.
  const atol = 4 * FLOAT32_EPSILON;
  const { forward, gradient } = factors(test.columns ?? 5);
  const ofY = { rtol: forward * sumTolerance(test.rows * test.c), atol: forward * atol };
  expectClose(got.y, expected.y.data, ofY, `y ${context}`);
  const ofKernel = { rtol: gradient * sumTolerance(terms), atol: gradient * atol };
  expectClose(got.dKernel, expected.dKernel.data, ofKernel, `dKernel ${context}`);
  for (const workers of [2, 3]) expect(winograd(test, expected, workers)).toEqual(got);
}

it("amplifies rounding by these factors", () => {
  expect(factors(3).forward).toBeCloseTo(2.67, 2);
  expect(factors(3).gradient).toBeCloseTo(2.44, 2);
  expect(factors(5).forward).toBeCloseTo(5.45, 2);
  expect(factors(5).gradient).toBeCloseTo(6.0, 2);
  for (const columns of [3, 5] as const) {
    const { forward, gradient } = amplificationOf("winogradRows", [1, 32, 32, 3], [5, columns, 3, 6]);
    expect(forward).toBeCloseTo(factors(columns).forward, 1);
    expect(gradient).toBeCloseTo(factors(columns).gradient, 1);
    const alone = amplificationOf("winogradRowsForward", [1, 14, 14, 6], [5, columns, 6, 20]);
    expect(alone).toEqual({ forward, gradient: 1 });
  }
});

describe("transforms", () => {
  const core = new Core();
  beforeEach(() => core.reset());
  const VECTORS = 3;
  const LANES = 4 * VECTORS;

  /** `kernel` on random rows of lanes, and what `matrix` makes of them. */
  function line(kernel: string, matrix: number[][], length: number, shift: readonly number[] = []): void {
    const inputs = matrix[0].length;
    const values = randomValues(inputs * LANES, 7);
    const from = core.putFloats(values);
    const to = core.allocate(matrix.length * LANES * 4);
    core.exports[kernel](to, LANES * 4, from, LANES * 4, ...shift, length);
    const got = core.floats(to, matrix.length * LANES);
    core.checkGuards();
    for (let lane = 0; lane < LANES; lane++) {
      const column = Array.from({ length: inputs }, (_, k) => values[k * LANES + lane]);
      const expected = times(matrix, column).map((value) => value + (shift[0] ?? 0));
      const actual = expected.map((_, k) => got[k * LANES + lane]);
      expectClose(actual, expected, { rtol: 1e-6 }, `${kernel}, lane ${lane}`);
    }
  }

  const [outer, , kernel3] = MATRICES["F(4, 3)"];
  const [outer8, , kernel8] = MATRICES["F(4, 5)"];
  it.each<[string, number[][], number, number[]]>([
    ["rowsOutputLine6", outer, VECTORS, [0.75]],
    ["rowsOutputLine8", outer8, VECTORS, [0.75]],
    ["rowsGradientLine8", transpose(outer8), VECTORS, []],
    ["winogradKernelLine", kernel3, LANES * 4, []],
    ["winogradKernelLine8", kernel8, LANES * 4, []],
    ["winogradKernelGradientLine", transpose(kernel3), LANES * 4, []],
    ["winogradKernelGradientLine8", transpose(kernel8), LANES * 4, []],
  ])("%s", line);

  it.each([3, 5] as const)(
    "rowsInputLine: four columns are the tile's own, the others the next tile's: %d taps",
    (taps) => {
      const points = taps + 3;
      const width = LANES + 4;
      const columns = randomValues(4 * width, 8);
      const from = core.putFloats(columns);
      const to = core.allocate(points * LANES * 4);
      core.exports[`rowsInputLine${points}`](to, LANES * 4, from, width * 4, VECTORS);
      const got = core.floats(to, points * LANES);
      core.checkGuards();
      for (let tile = 0; tile < LANES; tile++) {
        const d = Array.from(
          { length: points },
          (_, k) => columns[(k % 4) * width + tile + Math.floor(k / 4)],
        );
        const actual = Array.from({ length: points }, (_, p) => got[p * LANES + tile]);
        expectClose(actual, times(MATRICES[FORMS[taps]][1], d), { rtol: 1e-6 }, `tile ${tile}`);
      }
    },
  );

  it("tiles to lanes and back are exact", () => {
    const values = 12;
    const tiles = randomValues(LANES * values, 9);
    const from = core.putFloats(tiles);
    const lanes = core.allocate(values * LANES * 4);
    core.exports.tilesToLanes(lanes, LANES * 4, from, values, VECTORS);
    const got = core.floats(lanes, values * LANES);
    for (let q = 0; q < values; q++)
      for (let t = 0; t < LANES; t++) expect(got[q * LANES + t]).toBe(tiles[t * values + q]);
    const back = core.allocate(values * LANES * 4);
    core.exports.lanesToTiles(back, lanes, LANES * 4, values, VECTORS);
    expect(core.floats(back, values * LANES)).toEqual(Float32Array.from(tiles));
    core.checkGuards();
  });
});

describe("F(4, 3) and F(4, 5) along the width against direct float64 sums", () => {
  it.each<Case>([
    { n: 2, h: 32, w: 32, c: 3, f: 6, rows: 5, stride: 1, padding: "valid" },
    { n: 2, h: 32, w: 32, c: 3, f: 6, rows: 5, stride: 1, padding: "same", bias: false },
    { n: 1, h: 1, w: 1, c: 1, f: 1, rows: 1, stride: 1, padding: "same" },
    { n: 3, h: 5, w: 5, c: 1, f: 1, rows: 5, stride: 1, padding: "valid" },
    { n: 3, h: 7, w: 9, c: 2, f: 7, rows: 3, stride: 2, padding: "same" },
    { n: 2, h: 9, w: 8, c: 5, f: 5, rows: 2, stride: 3, padding: "valid" },
    { n: 1, h: 11, w: 40, c: 4, f: 3, rows: 7, stride: 1, padding: "same" },
    { n: 1, h: 70, w: 66, c: 1, f: 2, rows: 5, stride: 1, padding: "same" },
    { n: 1, h: 21, w: 130, c: 3, f: 4, rows: 4, stride: 2, padding: "valid", bias: false },
    // Bands of 25, 25 and 23 rows of seven tiles: the last one leaves more of its last vector empty.
    { n: 1, h: 73, w: 28, c: 1, f: 2, rows: 5, stride: 1, padding: "same" },
    { n: 1, h: 73, w: 27, c: 1, f: 2, rows: 5, stride: 1, padding: "same" },
    { n: 5, h: 6, w: 17, c: 13, f: 6, rows: 5, stride: 1, padding: "valid" },
    { n: 3, h: 14, w: 14, c: 6, f: 16, rows: 5, stride: 1, padding: "valid" },
    { n: 2, h: 12, w: 12, c: 20, f: 50, rows: 5, stride: 1, padding: "valid" },
    { n: 2, h: 32, w: 32, c: 3, f: 64, rows: 3, columns: 3, stride: 1, padding: "same" },
    { n: 2, h: 32, w: 32, c: 3, f: 96, rows: 3, columns: 3, stride: 1, padding: "valid", bias: false },
    { n: 2, h: 13, w: 15, c: 5, f: 24, rows: 3, columns: 3, stride: 2, padding: "same" },
    { n: 1, h: 1, w: 1, c: 1, f: 8, rows: 1, columns: 3, stride: 1, padding: "same" },
    { n: 1, h: 3, w: 403, c: 2, f: 8, rows: 3, columns: 3, stride: 1, padding: "same" },
    { n: 2, h: 20, w: 18, c: 3, f: 11, rows: 3, columns: 3, stride: 1, padding: "valid" },
  ])("$n × $h × $w × $c → $f, $rows rows, $columns columns, stride $stride, $padding", check);

  it("any size", () => {
    const cases = fc
      .record({
        n: fc.integer({ min: 1, max: 5 }),
        h: fc.integer({ min: 1, max: 21 }),
        w: fc.integer({ min: 1, max: 37 }),
        c: fc.integer({ min: 1, max: 6 }),
        f: fc.integer({ min: 1, max: 27 }),
        rows: fc.integer({ min: 1, max: 6 }),
        columns: fc.constantFrom<Columns>(3, 5),
        stride: fc.integer({ min: 1, max: 3 }),
        padding: fc.constantFrom<Padding>("same", "valid"),
        bias: fc.boolean(),
      })
      .filter(({ h, w, rows, columns, padding }) => padding === "same" || (h >= rows && w >= columns));
    fc.assert(fc.property(cases, check), { numRuns: 120 });
  });

  it.each<Case>([
    { n: 32, h: 32, w: 32, c: 3, f: 6, rows: 5, stride: 1, padding: "valid" },
    { n: 32, h: 32, w: 32, c: 3, f: 6, rows: 5, stride: 1, padding: "same" },
    { n: 32, h: 14, w: 14, c: 6, f: 16, rows: 5, stride: 1, padding: "valid" },
    { n: 4, h: 16, w: 16, c: 60, f: 100, rows: 5, stride: 1, padding: "same" },
    { n: 4, h: 16, w: 16, c: 60, f: 96, rows: 5, stride: 1, padding: "same" },
    { n: 32, h: 32, w: 32, c: 3, f: 64, rows: 3, columns: 3, stride: 1, padding: "same" },
    { n: 4, h: 16, w: 16, c: 100, f: 96, rows: 3, columns: 3, stride: 1, padding: "same" },
  ])("keeps to 5e-6 of the largest result: $n × $h × $w × $c → $f, $columns columns, $padding", (test) => {
    const expected = direct(test);
    const got = winograd(test, expected, 1);
    expectClose(got.y, expected.y.data, { rtol: 5e-6 }, "y");
    expectClose(got.dKernel, expected.dKernel.data, { rtol: 5e-6 }, "dKernel");
  });

  it.each([7, 16])(
    "gives the same bits wherever a tile lies, %d filters: a picture whose rows are all the same",
    (f) => {
      const [h, w, c] = [70, 75, 2];
      const row = randomValues(w * c, 1);
      const test: Case = { n: 1, h, w, c, f, rows: 5, stride: 1, padding: "valid" };
      const inputs = direct(test);
      for (let i = 0; i < h; i++) inputs.x.data.set(row, i * w * c);
      const { y } = winograd(test, inputs, 1);
      const run = y.length / (h - 4);
      for (let i = 1; i < h - 4; i++) expect(y.slice(i * run, (i + 1) * run)).toEqual(y.slice(0, run));
    },
  );
});

describe("the choice of algorithm", () => {
  const choice = (picture: Pair, channels: number, filters: number, window: Partial<Window2D> = {}) => {
    const whole: Window2D = { kernel: [5, 5], strides: [1, 1], padding: "same", ...window };
    return chooseAlgorithm([32, ...picture, channels], [...whole.kernel, channels, filters], whole);
  };

  it("takes few filters or channels, of three or five columns and horizontal stride 1", () => {
    expect(choice([32, 32], 3, 6)).toBe("winogradRows");
    expect(choice([32, 32], 3, 6, { padding: "valid" })).toBe("winogradRows");
    expect(choice([28, 28], 1, 7)).toBe("winogradRows");
    expect(choice([32, 32], 3, 6, { strides: [2, 1] })).toBe("winogradRows");
    expect(choice([32, 32], 3, 6, { kernel: [3, 5] })).toBe("winogradRows");
    expect(choice([32, 32], 3, 8)).toBe("winogradRows");
    for (const filters of [6, 16, 64, 96])
      expect(choice([32, 32], 3, filters, { kernel: [3, 3] })).toBe("winogradRows");
    expect(choice([14, 14], 6, 16, { padding: "valid" })).toBe("winogradRows");
    expect(choice([28, 28], 1, 20)).toBe("winogradRows");
    expect(choice([16, 16], 60, 64, { kernel: [3, 3] })).toBe("winogradRows");
    expect(choice([32, 32], 16, 16)).toBe("winograd");
    expect(choice([32, 32], 8, 16)).toBe("winogradRows");
    expect(choice([32, 32], 3, 6, { strides: [1, 2] })).toBe("direct");
    expect(choice([32, 32], 3, 6, { kernel: [5, 4] })).toBe("direct");
  });

  it("goes forward alone where dKernel has too few tiles, or not at all", () => {
    expect(choice([14, 14], 6, 20, { padding: "valid" })).toBe("winogradRowsForward");
    expect(choice([8, 8], 6, 20)).toBe("winogradRowsForward");
    expect(choice([8, 8], 6, 16)).toBe("winogradRows");
    expect(choice([8, 8], 6, 8)).toBe("direct");
    expect(choice([14, 14], 1, 16)).toBe("direct");
  });

  it("goes forward alone where the sums of every image would be too many", () => {
    expect(choice([16, 16], 60, 100)).toBe("winogradRowsForward");
    expect(choice([16, 16], 250, 256, { kernel: [3, 3] })).toBe("winogradRowsForward");
    expect(choice([7, 7], 6, 16)).toBe("direct");
  });

  it("leaves alone what has too few tiles, or where a transformed row would meet one row of the kernel", () => {
    expect(choice([9, 9], 3, 6)).toBe("direct");
    expect(choice([32, 2], 3, 6)).toBe("direct");
    expect(choice([32, 32], 3, 6, { kernel: [1, 5] })).toBe("direct");
    expect(choice([32, 32], 3, 6, { strides: [3, 1] })).toBe("direct");
  });
});
