import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchNormalization } from "../src/layers/batchNormalization.js";
import { conv2d } from "../src/layers/conv2d.js";
import { dense } from "../src/layers/dense.js";
import type { Layer } from "../src/layers/layer.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { checkLayer, type PlainLayer } from "../src/verify/checkLayer.js";
import { agrees, gradientCheck } from "../src/verify/differences.js";
import { randomArray } from "./support/arrays.js";

const map = ({ shape, data }: NDArray, f: (value: number, i: number) => number) =>
  ndarray(shape, data.map(f));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** y = x·sigmoid(x), dX = dY·(s + x·s·(1 − s)). */
const swish = (slope: (x: number, s: number) => number): PlainLayer<NDArray> => ({
  name: "swish",
  forward: (x) => ({ y: map(x, (value) => value * sigmoid(value)), cache: x }),
  backward: (dY, x) => ({ dX: map(dY, (d, i) => d * slope(x.data[i], sigmoid(x.data[i]))) }),
});

/** y = scale·x + shift, channel by channel of the last axis. */
const affine: PlainLayer<NDArray> = {
  name: "affine",
  parameterShapes: (input) => ({ scale: [input[input.length - 1]], shift: [input[input.length - 1]] }),
  forward(x, { scale, shift }) {
    const channels = scale.data.length;
    return { y: map(x, (value, i) => scale.data[i % channels] * value + shift.data[i % channels]), cache: x };
  },
  backward(dY, x, { scale, shift }) {
    const channels = scale.data.length;
    const [dScale, dShift] = [ndarray(scale.shape), ndarray(shift.shape)];
    dY.data.forEach((d, i) => {
      dScale.data[i % channels] += d * x.data[i];
      dShift.data[i % channels] += d;
    });
    return { dX: map(dY, (d, i) => d * scale.data[i % channels]), dScale, dShift };
  },
};

describe("checkLayer", () => {
  it("passes right layers, ours and plain ones, with parameters and with kinks", () => {
    const relu: PlainLayer<NDArray> = {
      name: "relu",
      forward: (x) => ({ y: map(x, (value) => Math.max(value, 0)), cache: x }),
      backward: (dY, x) => ({ dX: map(dY, (d, i) => (x.data[i] > 0 ? d : 0)) }),
    };
    for (const layer of [swish((x, s) => s + x * s * (1 - s)), affine, relu]) {
      const verdict = checkLayer(layer);
      expect(verdict).toMatchObject({ ok: true, cases: 100 });
      expect(verdict.worst!.error).toBeLessThanOrEqual(verdict.worst!.tolerance);
    }
    const options = { filters: 3, kernelSize: [3, 2], strides: [1, 2], padding: "same", activation: "relu" };
    expect(checkLayer(conv2d as Layer, { options })).toMatchObject({ ok: true });
    expect(checkLayer(batchNormalization as Layer, { cases: 30 })).toMatchObject({ ok: true, cases: 30 });
    expect(checkLayer(dense as Layer, { options: { units: 4 }, inputShape: [6] })).toMatchObject({
      ok: true,
    });
  });

  it("shrinks a wrong gradient to the smallest case", () => {
    const verdict = checkLayer(swish((_x, s) => s));
    expect(verdict.ok).toBe(false);
    expect(verdict.counterexample).toMatchObject({ batch: 1, inputShape: [1, 1, 1], tensor: "dX", index: 0 });
    const { analytic, numeric } = verdict.counterexample!;
    expect(verdict.message).toContain(`dX at index 0 is ${analytic}; central differences give ${numeric}`);
    expect(verdict.message).toContain("for an input of 1 × [1, 1, 1].");
  });

  it("finds what only larger cases show: a bias gradient that forgets to sum over the batch", () => {
    const forgetful: PlainLayer<NDArray> = {
      ...affine,
      backward(dY, x, parameters) {
        const right = affine.backward(dY, x, parameters);
        const channels = parameters.shift.data.length;
        return { ...right, dShift: ndarray([channels], dY.data.slice(0, channels)) };
      },
    };
    const verdict = checkLayer(forgetful, { inputShape: [3] });
    expect(verdict.counterexample).toMatchObject({ batch: 2, inputShape: [3], tensor: "dShift" });
  });

  it("holds a planted mistake in one of our own layers", () => {
    const wrong: Layer = {
      ...(batchNormalization as Layer),
      backward(backend, dY, parameters, cache, options, context) {
        const constant = { ...options, statistics: "moving" };
        return (batchNormalization as Layer).backward(backend, dY, parameters, cache, constant, context);
      },
    };
    expect(checkLayer(wrong, { cases: 50 })).toMatchObject({ ok: false, counterexample: { tensor: "dX" } });
  });

  it("names what is missing or misshapen, and rejects wrong options", () => {
    const silent: PlainLayer = { ...swish(() => 1), backward: () => ({}) };
    expect(() => checkLayer(silent)).toThrow("swish: backward must return dX; got none.");
    const flat: PlainLayer = {
      ...swish(() => 1),
      backward: (dY) => ({ dX: ndarray([dY.data.length], dY.data) }),
    };
    expect(() => checkLayer(flat, { inputShape: [2, 2, 1] })).toThrow(
      /swish: dX must have the shape .*2×2×1; got \[/,
    );
    expect(() => checkLayer(affine, { inputShape: [0] })).toThrow(
      "checkLayer: inputShape must be a list of positive integers; got [0].",
    );
    expect(() => checkLayer(dense as Layer, { options: { unitz: 3 } })).toThrow(/unitz/);
  });

  it("takes shapes from an arbitrary", () => {
    const seen = new Set<number>();
    const watching: PlainLayer<NDArray> = {
      ...affine,
      forward(x, parameters) {
        seen.add(x.shape.length);
        return affine.forward(x, parameters);
      },
    };
    const vectors = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 2 });
    expect(checkLayer(watching, { inputShape: vectors, cases: 20 }).ok).toBe(true);
    expect([...seen].sort()).toEqual([2, 3]);
  });
});

describe("gradientCheck", () => {
  const x = randomArray([9, 9], 3);
  const dY = randomArray([9, 9], 4);
  const square = () => map(x, (value) => value * value);
  const gradient = map(dY, (d, i) => 2 * d * x.data[i]);

  it("accepts a right gradient and puts the tensor back", () => {
    const before = x.data.slice();
    const probe = gradientCheck(square, x, dY, gradient);
    expect(agrees(probe)).toBe(true);
    expect(x.data).toEqual(before);
  });

  it("sees one wrong element of 81, by its directions, and NaN", () => {
    for (const wrong of [1e-4, Number.NaN]) {
      const changed = map(gradient, (value, i) => (i === 40 ? value + wrong : value));
      expect(agrees(gradientCheck(square, x, dY, changed))).toBe(false);
    }
    expect(() => gradientCheck(square, x, dY, ndarray([3]))).toThrow(
      "must have 81 values, as its tensor has; got 3.",
    );
  });
});
