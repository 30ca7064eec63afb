import { describe, expect, test } from "vitest";
import { l2Ops } from "../src/backend/wasm/l2.js";
import { batchNormalization } from "../src/layers/batchNormalization.js";
import { conv2d } from "../src/layers/conv2d.js";
import { dense } from "../src/layers/dense.js";
import { checkRegularizer, l2 as layerL2 } from "../src/layers/l2.js";
import type { Layer } from "../src/layers/layer.js";
import { addL2Gradient, l2 } from "../src/reference/l2.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

function wasm(dKernel: NDArray, kernel: NDArray, rate: number, parts = 1) {
  const [penalty, gradient] = runRecorded(parts, ({ recorder, array }) => {
    const ops = l2Ops(recorder);
    const [d, w] = [array(dKernel), array(kernel)];
    ops.addL2Gradient(d, w, rate);
    return [ops.l2(w, rate), d];
  });
  return { penalty, gradient };
}

test("by hand: 0.5·(1 + 4 + 9) = 7, and 2·0.5·w is added", () => {
  const kernel = ndarray([3], [1, -2, 3]);
  const dKernel = ndarray([3], [10, 20, 30]);
  expect(l2(kernel, 0.5)).toEqual(ndarray([], [7]));
  const actual = wasm(dKernel, kernel, 0.5);
  expect(Array.from(actual.penalty)).toEqual([7]);
  expect(Array.from(actual.gradient)).toEqual([11, 18, 33]);
  addL2Gradient(dKernel, kernel, 0.5);
  expect(Array.from(dKernel.data)).toEqual([11, 18, 33]);
});

test("the reference's gradient agrees with central differences", () => {
  const kernel = randomArray([3, 5], 1);
  const dKernel = ndarray([3, 5]);
  addL2Gradient(dKernel, kernel, 0.01);
  expectClose(
    dKernel.data,
    numericGradient(() => l2(kernel, 0.01).data[0], kernel),
    { atol: 1e-9 },
  );
});

describe("wasm agrees with the reference, with the same bits for every split", () => {
  test.each([1, 3, 4, 5, 4095, 4096, 4097, 5120, 8192, 12_291])("%i weights", (count) => {
    const kernel = randomArray([count], count);
    const dKernel = randomArray([count], 1);
    const actual = wasm(dKernel, kernel, 0.01);
    // Squares of 24-bit numbers are exact in float64 and their sum nearly: what is left is one rounding to float32.
    expectClose(actual.penalty, l2(kernel, 0.01).data, { rtol: FLOAT32_EPSILON * 1.0001 });
    for (const parts of [2, 3, 7]) expect(wasm(dKernel, kernel, 0.01, parts)).toEqual(actual);
    addL2Gradient(dKernel, kernel, 0.01);
    expectClose(actual.gradient, dKernel.data, { rtol: sumTolerance(2) });
  });
});

test("l2(rate) as users write it: 0.01 by default, checked", () => {
  expect(layerL2()).toEqual({ l2: 0.01 });
  expect(layerL2(0)).toEqual({ l2: 0 });
  for (const rate of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => layerL2(rate)).toThrow(`l2: rate must be a finite number ≥ 0; got ${rate}`);
  }
  expect(checkRegularizer("dense", undefined)).toBeUndefined();
  expect(checkRegularizer("dense", null)).toBeUndefined();
  expect(checkRegularizer("dense", { l2: 0.5 })).toEqual({ l2: 0.5 });
  expect(() => checkRegularizer("dense", { rate: 1 })).toThrow("dense: kernelRegularizer must be l2(rate)");
  expect(() => checkRegularizer("dense", { l2: -1 })).toThrow("l2: rate must be a finite number ≥ 0; got -1");
});

test("each weight may have a rate of its own, which its layer remembers", () => {
  const [kernel, bias] = [layerL2(0.1), layerL2(0.2)];
  const written = { kernelRegularizer: kernel, biasRegularizer: bias };
  const rates = (layer: Layer, given: object, input: readonly number[]) =>
    Object.values(layer.parameterSpecs([input], layer.options(given))).map(({ l2: rate }) => rate);
  expect(rates(conv2d, { filters: 2, kernelSize: 3, ...written }, [5, 5, 1])).toEqual([0.1, 0.2]);
  expect(rates(dense, { units: 2, ...written }, [5])).toEqual([0.1, 0.2]);
  const normalised = { gammaRegularizer: kernel, betaRegularizer: bias };
  expect(rates(batchNormalization, normalised, [5])).toEqual([0.1, 0.2, undefined, undefined]);
  expect(() => dense.options({ units: 2, biasRegularizer: 0.1 })).toThrow(
    "dense: biasRegularizer must be l2(rate); got 0.1.",
  );
});
