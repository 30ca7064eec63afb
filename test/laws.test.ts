/**
 * Algebraic laws: what must hold whatever the numbers are, with no oracle but algebra. Exact laws on both backends; the others in
 * float64 to roundings.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { KINDS } from "../src/layers/index.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import {
  type CaseBounds,
  type LayerDescription,
  productScales,
  sumError,
} from "../src/verify/description.js";
import { DESCRIPTIONS } from "../src/verify/descriptions/index.js";
import { referenceEngine, wasmEngine } from "../src/verify/engine.js";
import { type LayerCase, type LayerValues, type Results, runLayer } from "../src/verify/layer.js";
import { Machine } from "../src/verify/machine.js";
import { largest } from "../src/verify/values.js";
import { dot, randomArray, tieFree } from "./support/arrays.js";
import { CASES, SEED } from "./support/cases.js";

let machine: Machine;
beforeAll(async () => {
  machine = await Machine.open();
});

type Run = (given: LayerCase, values: LayerValues) => Results;
const BACKENDS: readonly [string, Run][] = [
  ["reference", (given, values) => runLayer(referenceEngine(), given, values)],
  ["wasm", (given, values) => runLayer(wasmEngine(machine), given, values)],
];
const BOUNDS: CaseBounds = { batch: 4, size: 9, kernel: 5, channels: 9 };
/** Float64: sums of a few thousand terms. */
const FLOAT64 = 1e-12;

function check(arbitrary: fc.Arbitrary<LayerCase>, holds: (given: LayerCase, seed: number) => void): void {
  const seeded = fc.tuple(arbitrary, fc.integer({ min: 0, max: 999 }));
  fc.assert(
    fc.property(seeded, ([given, seed]) => holds(given, seed)),
    { numRuns: CASES, seed: SEED },
  );
}

function described(name: string): LayerDescription {
  const found = DESCRIPTIONS.find((description) => description.name === name);
  if (!found) throw new Error(`no description of ${name}`);
  return found;
}

function layerCase(kind: string, options: object, inputs: LayerCase["inputs"], batch: number): LayerCase {
  const layer = KINDS[kind];
  return { layer, options: layer.options(options), inputs, batch, training: true };
}

function map({ shape, data }: NDArray, f: (value: number, i: number) => number): NDArray {
  return ndarray(shape, data.map(f));
}

function expectNear(actual: NDArray, expected: NDArray, tolerance: number): void {
  expect(actual.shape).toEqual(expected.shape);
  actual.data.forEach((value, i) => {
    expect(Math.abs(value - expected.data[i]), `element ${i}`).toBeLessThanOrEqual(tolerance);
  });
}

describe("adjoint: ⟨A·x, dY⟩ = ⟨x, Aᵀ·dY⟩ where y is linear in x, and likewise in the kernel", () => {
  const linear: [string, object][] = [
    ["conv2d", { activation: "linear", useBias: false }],
    ["dense", { activation: "linear", useBias: false }],
    ["averagePooling2d", {}],
    ["globalAveragePooling2d", {}],
    ["flatten", {}],
    ["add", {}],
    ["concatenate", {}],
    ["dropout", {}],
  ];
  it.each(linear)("%s", (name, options) => {
    const description = described(name);
    check(description.cases(BOUNDS), (drawn, seed) => {
      const given = { ...drawn, options: { ...drawn.options, ...options } };
      const values = description.values(given, seed);
      for (const [backend, run] of BACKENDS) {
        const results = run(given, values);
        const forward = dot(results.get("y")!, values.dY);
        const terms = values.dY.data.length;
        // Each side is a sum over y of products with sums: their errors add up as √terms·sumError(terms of one sum).
        const scale = Math.sqrt(terms) * productScales(given, values).get("y")!;
        const longest = Math.max(...values.xs.map(({ data }) => data.length), terms);
        const tolerance = backend === "wasm" ? 8 * sumError(longest) * scale : FLOAT64 * longest * scale;
        const byX = values.xs.reduce(
          (sum, x, i) => sum + dot(x, results.get(values.xs.length === 1 ? "dX" : `dX${i}`)!),
          0,
        );
        expect(Math.abs(forward - byX), backend).toBeLessThanOrEqual(tolerance);
        const dKernel = results.get("dKernel");
        if (!dKernel) continue;
        expect(Math.abs(forward - dot(values.parameters.kernel, dKernel)), backend).toBeLessThanOrEqual(
          tolerance,
        );
      }
    });
  });
});

describe.each(BACKENDS)("%s", (_name, run) => {
  const forward: (...args: Parameters<Run>) => NDArray = (given, values) => run(given, values).get("y")!;

  it("conv2d with a delta kernel is the identity", () => {
    const arbitrary = fc.record({
      half: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })),
      size: fc.tuple(fc.integer({ min: 1, max: 11 }), fc.integer({ min: 1, max: 11 })),
      channels: fc.constantFrom(1, 2, 3, 8, 16, 17),
    });
    const cases = arbitrary.map(({ half, size, channels }) => {
      const kernelSize = [2 * half[0] + 1, 2 * half[1] + 1];
      return layerCase(
        "conv2d",
        { filters: channels, kernelSize, padding: "same", useBias: false },
        [[...size, channels]],
        2,
      );
    });
    check(cases, (given, seed) => {
      const [[height, width, channels]] = given.inputs;
      const {
        kernelSize: [kh, kw],
      } = given.options as { kernelSize: [number, number] };
      const kernel = ndarray([kh, kw, channels, channels]);
      const middle = Math.floor(kh / 2) * kw + Math.floor(kw / 2);
      for (let c = 0; c < channels; c++) kernel.data[(middle * channels + c) * channels + c] = 1;
      const x = randomArray([2, height, width, channels], seed);
      const results = run(given, { xs: [x], parameters: { kernel }, dY: x });
      // Winograd's points are irrational: there the identity holds to roundings.
      expectNear(results.get("y")!, x, sumError(kh * kw * channels));
      expectNear(results.get("dX")!, x, sumError(kh * kw * channels));
    });
  });

  it("max pooling commutes with monotone maps, and its gradient is unchanged by them", () => {
    const description = described("maxPooling2d");
    check(description.cases(BOUNDS), (given, seed) => {
      const values = description.values(given, seed);
      const monotone = (value: number) => 4 * value - 3; // exact in float32: what the values are multiples of stays
      const mapped = { ...values, xs: [map(values.xs[0], monotone)] };
      const [plain, after] = [run(given, values), run(given, mapped)];
      expect(after.get("y")!.data).toEqual(map(plain.get("y")!, monotone).data);
      expect(after.get("dX")!.data).toEqual(plain.get("dX")!.data);
    });
  });

  it("softmax does not see shifts, and sums to 1", () => {
    const cases = fc
      .integer({ min: 1, max: 33 })
      .map((n) => layerCase("activation", { activation: "softmax" }, [[n]], 3));
    check(cases, (given, seed) => {
      const x = tieFree([3, given.inputs[0][0]], seed);
      const values = { xs: [x], parameters: {}, dY: randomArray(x.shape, seed + 1) };
      const y = forward(given, values);
      const shifted = forward(given, { ...values, xs: [map(x, (value) => value + 64)] });
      expect(shifted.data).toEqual(y.data); // x + 64 is exact here, and so is the difference to the maximum
      for (let i = 0; i < 3; i++) {
        const row = y.data.subarray(i * given.inputs[0][0], (i + 1) * given.inputs[0][0]);
        expect(Math.abs(row.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThanOrEqual(sumError(row.length));
      }
      // So the gradient is orthogonal to shifts.
      const dX = run(given, values).get("dX")!;
      for (let i = 0; i < 3; i++) {
        const row = dX.data.subarray(i * given.inputs[0][0], (i + 1) * given.inputs[0][0]);
        expect(Math.abs(row.reduce((sum, d) => sum + d, 0))).toBeLessThanOrEqual(4 * sumError(row.length));
      }
    });
  });

  it("concatenate, then split, gives the parts back", () => {
    const description = described("concatenate");
    check(description.cases(BOUNDS), (given, seed) => {
      const values = description.values(given, seed);
      const y = forward(given, values);
      const results = run(given, { ...values, dY: y });
      values.xs.forEach((x, i) => {
        expect(results.get(`dX${i}`)!.data).toEqual(x.data);
      });
    });
  });

  it("add does not see the order of two, and passes dY on to all", () => {
    const cases = described("add")
      .cases(BOUNDS)
      .filter(({ inputs }) => inputs.length === 2);
    check(cases, (given, seed) => {
      const values = described("add").values(given, seed);
      const results = run(given, values);
      expect(forward(given, { ...values, xs: [...values.xs].reverse() }).data).toEqual(
        results.get("y")!.data,
      );
      for (const name of ["dX0", "dX1"]) expect(results.get(name)!.data).toEqual(values.dY.data);
    });
  });

  it("flatten keeps every number in its place", () => {
    const description = described("flatten");
    check(description.cases(BOUNDS), (given, seed) => {
      const values = description.values(given, seed);
      const results = run(given, values);
      expect(results.get("y")!.data).toEqual(values.xs[0].data);
      expect(results.get("dX")!.data).toEqual(values.dY.data);
    });
  });

  it("average pooling keeps constants", () => {
    const description = described("averagePooling2d");
    check(description.cases(BOUNDS), (given, seed) => {
      const values = description.values(given, seed);
      const y = forward(given, { ...values, xs: [map(values.xs[0], () => 0.75)] });
      const { poolSize } = given.options as { poolSize: [number, number] };
      const tolerance = sumError(poolSize[0] * poolSize[1]);
      expectNear(
        y,
        map(y, () => 0.75),
        tolerance,
      );
    });
  });

  it("relu is idempotent; sigmoid(−x) = 1 − sigmoid(x); tanh is odd", () => {
    const input = [[5, 3, 7]];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9999 }), (seed) => {
        const x = tieFree([2, 5, 3, 7], seed);
        const apply = (activation: string, on: NDArray) =>
          forward(layerCase("activation", { activation }, input, 2), { xs: [on], parameters: {}, dY: x });
        const negative = map(x, (value) => -value);
        const relu = apply("relu", x);
        expect(apply("relu", relu).data).toEqual(relu.data);
        expectNear(
          apply("sigmoid", negative),
          map(apply("sigmoid", x), (value) => 1 - value),
          2 ** -22,
        );
        expectNear(
          apply("tanh", negative),
          map(apply("tanh", x), (value) => -value),
          2 ** -23,
        );
      }),
      { numRuns: CASES, seed: SEED },
    );
  });

  it("dropout keeps or drops the same elements forward and backward, and scales what it keeps", () => {
    const description = described("dropout");
    check(description.cases(BOUNDS), (given, seed) => {
      const { rate } = given.options as { rate: number };
      const ones = (array: NDArray) => map(array, () => 1);
      const values = description.values(given, seed);
      const results = run(given, { ...values, xs: values.xs.map(ones), dY: ones(values.dY) });
      expect(results.get("dX")!.data).toEqual(results.get("y")!.data);
      for (const value of results.get("y")!.data) {
        if (value !== 0) expect(Math.abs(value - 1 / (1 - rate))).toBeLessThanOrEqual(2 ** -23 / (1 - rate));
      }
    });
  });
});

describe("batch normalisation in float64", () => {
  const description = described("batchNormalization");
  const byBatch = description
    .cases(BOUNDS)
    .filter((given) => (given.options as { statistics: string }).statistics === "batch")
    .map((given) => ({ ...given, options: { ...given.options, epsilon: 1e-30 } })) // the laws are exact for epsilon → 0
    .filter(({ batch, inputs: [input] }) => batch * input.slice(0, -1).reduce((n, size) => n * size, 1) > 2);
  const [[, run]] = BACKENDS;

  it("does not see scaling or shifting of its input; dX shrinks as x grows", () => {
    check(byBatch, (given, seed) => {
      const values = description.values(given, seed);
      const scaled = { ...values, xs: [map(values.xs[0], (value) => 3 * value + 5)] };
      const [plain, after] = [run(given, values), run(given, scaled)];
      const scale = 1e-9 * (1 + largest(plain.get("dX")!));
      expectNear(after.get("y")!, plain.get("y")!, 1e-9 * (1 + largest(plain.get("y")!)));
      expectNear(
        after.get("dX")!,
        map(plain.get("dX")!, (value) => value / 3),
        scale,
      );
    });
  });

  it("dX sums to zero over each channel, and is orthogonal to x", () => {
    check(byBatch, (given, seed) => {
      const values = description.values(given, seed);
      const dX = run(given, values).get("dX")!;
      const channels = given.inputs[0][given.inputs[0].length - 1];
      const tolerance = 1e-9 * (1 + largest(dX)) * dX.data.length;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let product = 0;
        for (let i = c; i < dX.data.length; i += channels) {
          sum += dX.data[i];
          product += dX.data[i] * values.xs[0].data[i];
        }
        expect(Math.abs(sum)).toBeLessThanOrEqual(tolerance);
        expect(Math.abs(product)).toBeLessThanOrEqual(tolerance);
      }
    });
  });
});
