import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crossEntropyOps } from "../src/backend/wasm/crossEntropy.js";
import { crossEntropy, softmaxCrossEntropy } from "../src/reference/crossEntropy.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

const CLASSES = [1, 2, 3, 4, 5, 7, 8, 10, 16, 17, 100];

function wasmSoftmax(logits: NDArray, labels: NDArray, parts = 1) {
  const [losses, probabilities, dLogits] = runRecorded(parts, ({ recorder, array }) => {
    const type = labels.shape.length === 1 ? "int32" : "float32";
    const loss = crossEntropyOps(recorder).softmaxCrossEntropy(array(logits), array(labels, type));
    return [loss.losses, loss.probabilities, loss.dLogits];
  });
  return { losses, probabilities, dLogits };
}

function wasmPlain(probabilities: NDArray, labels: NDArray, parts = 1) {
  const [losses, dProbabilities] = runRecorded(parts, ({ recorder, array }) => {
    const type = labels.shape.length === 1 ? "int32" : "float32";
    const loss = crossEntropyOps(recorder).crossEntropy(array(probabilities), array(labels, type));
    return [loss.losses, loss.dProbabilities];
  });
  return { losses, dProbabilities };
}

/** Class indices [N], or distributions [N, K] in which every class has some weight but class 0. */
function someLabels(N: number, K: number, dense: boolean, seed: number): NDArray {
  if (!dense)
    return ndarray(
      [N],
      Int32Array.from({ length: N }, (_, n) => (n * 7 + seed) % K),
    );
  const labels = randomArray([N, K], seed);
  for (let n = 0; n < N; n++) {
    const row = labels.data.subarray(n * K, (n + 1) * K);
    row.forEach((value, k) => {
      row[k] = k === 0 && K > 1 ? 0 : value + 1.5;
    });
    const sum = row.reduce((a, b) => a + b);
    for (let k = 0; k < K; k++) row[k] = Math.fround(row[k] / sum);
  }
  return labels;
}

const cases = fc.record({
  N: fc.integer({ min: 1, max: 7 }),
  K: fc.constantFrom(...CLASSES),
  dense: fc.boolean(),
  seed: fc.nat(1000),
  parts: fc.integer({ min: 2, max: 8 }),
});

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0);
}

describe("from logits", () => {
  test("by hand", () => {
    // softmax [1 2 3] = [e⁻² e⁻¹ 1]/1.50321; label 1: −log 0.24473
    const expected = [0.09003057, 0.24472847, 0.66524096];
    const logits = ndarray([2, 3], [1, 2, 3, 0, 0, 0]);
    const labels = ndarray([2], [1, 2]);
    for (const loss of [softmaxCrossEntropy(logits, labels), wasmSoftmax(logits, labels)]) {
      const [losses, p, d] = [loss.losses, loss.probabilities, loss.dLogits].map((result) =>
        "data" in result ? result.data : result,
      );
      expectClose(losses, [1.40760596, Math.log(3)], { atol: 4 * FLOAT32_EPSILON });
      expectClose(p, [...expected, 1 / 3, 1 / 3, 1 / 3], { atol: 4 * FLOAT32_EPSILON });
      // (p − y)/2, as the batch has two images
      const dLogits = [0.04501529, -0.37763576, 0.33262048, 1 / 6, 1 / 6, -1 / 3];
      expectClose(d, dLogits, { atol: 4 * FLOAT32_EPSILON });
    }
  });

  test("the reference's gradient agrees with central differences", () => {
    for (const dense of [false, true]) {
      const logits = randomArray([3, 5], 1);
      const labels = someLabels(3, 5, dense, 2);
      // Rounded to float32 a distribution sums to 1 but for 1e-7, and so far is p − y from the gradient.
      const mean = () => sum(softmaxCrossEntropy(logits, labels).losses.data) / 3;
      const expected = numericGradient(mean, logits);
      expectClose(softmaxCrossEntropy(logits, labels).dLogits.data, expected, {
        atol: dense ? 5 * FLOAT32_EPSILON : 1e-9,
      });
    }
  });

  test("wasm agrees with the reference, with the same bits for every split", () => {
    fc.assert(
      fc.property(cases, ({ N, K, dense, seed, parts }) => {
        const logits = randomArray([N, K], seed);
        for (let i = 0; i < logits.data.length; i++) logits.data[i] *= 8;
        const labels = someLabels(N, K, dense, seed);
        const expected = softmaxCrossEntropy(logits, labels);
        const actual = wasmSoftmax(logits, labels);
        // exp of an argument in [−16, 0] carries the argument's rounding: 16 roundings more.
        const atol = sumTolerance(K) + 16 * FLOAT32_EPSILON;
        expectClose(actual.losses, expected.losses.data, { rtol: atol, atol });
        expectClose(actual.probabilities, expected.probabilities.data, { atol });
        expectClose(actual.dLogits, expected.dLogits.data, { atol: atol / N });
        expect(wasmSoftmax(logits, labels, parts)).toEqual(actual);
      }),
      { numRuns: 150 },
    );
  });

  test("logits of ±10000 neither overflow nor vanish", () => {
    const logits = ndarray([3, 3], [1e4, -1e4, 0, 1e4, -1e4, 0, -1e4, -1e4, -1e4]);
    const labels = ndarray([3], [0, 1, 2]);
    const third = 1 / 3;
    const p = [1, 0, 0, 1, 0, 0, third, third, third];
    const d = [0, 0, 0, third, -third, 0, third / 3, third / 3, -2 * (third / 3)];
    for (const loss of [softmaxCrossEntropy(logits, labels), wasmSoftmax(logits, labels)]) {
      const [losses, probabilities, dLogits] = [loss.losses, loss.probabilities, loss.dLogits].map(
        (result) => ("data" in result ? result.data : result),
      );
      expectClose(losses, [0, 2e4, Math.log(3)], { atol: 4 * FLOAT32_EPSILON });
      expectClose(probabilities, p, { atol: 4 * FLOAT32_EPSILON });
      expectClose(dLogits, d, { atol: 4 * FLOAT32_EPSILON });
    }
  });

  test("one class: nothing to learn", () => {
    const logits = ndarray([2, 1], [-3, 1e4]);
    for (const labels of [ndarray([2], [0, 0]), ndarray([2, 1], [1, 1])]) {
      const { losses, probabilities, dLogits } = wasmSoftmax(logits, labels);
      expect([...losses, ...probabilities, ...dLogits]).toEqual([0, 0, 1, 1, 0, 0]);
    }
  });

  test("NaN and +Infinity in one image stay in that image", () => {
    const logits = ndarray([3, 5], [0, 0, 0, 0, Number.NaN, 1, 2, 3, 4, 5, Infinity, 0, 0, 0, 0]);
    const labels = ndarray([3], [0, 1, 2]);
    const expected = softmaxCrossEntropy(logits, labels);
    const actual = wasmSoftmax(logits, labels);
    for (const losses of [expected.losses.data, actual.losses]) {
      expect(Array.from(losses, Number.isFinite)).toEqual([false, true, false]);
    }
    expect(Array.from(actual.dLogits.subarray(0, 5)).every(Number.isNaN)).toBe(true);
    expect(Array.from(actual.dLogits.subarray(5, 10)).every(Number.isFinite)).toBe(true);
  });
});

describe("from probabilities", () => {
  test("by hand", () => {
    // [1 2 2]/5 = [0.2 0.4 0.4]; label 1: −log 0.4. g = [0 −2.5 0], Σ g·q = −1, dP = (g + 1)/5 = [0.2 −0.3 0.2]
    const probabilities = ndarray([1, 3], [1, 2, 2]);
    const labels = ndarray([1], [1]);
    const expected = crossEntropy(probabilities, labels);
    const actual = wasmPlain(probabilities, labels);
    expectClose(expected.losses.data, [0.91629073], { atol: 1e-8 });
    expectClose(expected.dProbabilities.data, [0.2, -0.3, 0.2], { atol: 1e-15 });
    expectClose(actual.losses, [0.91629073], { atol: 4 * FLOAT32_EPSILON });
    expectClose(actual.dProbabilities, [0.2, -0.3, 0.2], { atol: 4 * FLOAT32_EPSILON });
  });

  test("the reference's gradient agrees with central differences", () => {
    for (const dense of [false, true]) {
      const probabilities = randomArray([3, 5], 1);
      for (let i = 0; i < 15; i++) probabilities.data[i] += 1.5;
      const labels = someLabels(3, 5, dense, 2);
      const mean = () => sum(crossEntropy(probabilities, labels).losses.data) / 3;
      const expected = numericGradient(mean, probabilities);
      expectClose(crossEntropy(probabilities, labels).dProbabilities.data, expected, { atol: 1e-9 });
    }
  });

  test("wasm agrees with the reference, with the same bits for every split", () => {
    fc.assert(
      fc.property(cases, ({ N, K, dense, seed, parts }) => {
        const probabilities = randomArray([N, K], seed);
        for (let i = 0; i < N * K; i++) probabilities.data[i] += 1.25;
        const labels = someLabels(N, K, dense, seed);
        const expected = crossEntropy(probabilities, labels);
        const actual = wasmPlain(probabilities, labels);
        const tolerance = sumTolerance(K);
        expectClose(actual.losses, expected.losses.data, { rtol: tolerance, atol: tolerance });
        expectClose(actual.dProbabilities, expected.dProbabilities.data, {
          rtol: tolerance,
          atol: tolerance / N,
        });
        expect(wasmPlain(probabilities, labels, parts)).toEqual(actual);
      }),
      { numRuns: 150 },
    );
  });

  test("certainty is clipped: a finite loss, and no gradient from a clipped class", () => {
    // 0 for the label: −log 1e-7. 1 for the label: −log(1 − 1e-7), which float32 rounds to 1 − 2⁻²³.
    const probabilities = ndarray([2, 3], [1, 0, 0, 0, 1, 0]);
    const labels = ndarray([2], [1, 1]);
    const expected = crossEntropy(probabilities, labels);
    const actual = wasmPlain(probabilities, labels);
    expectClose(expected.losses.data, [16.11809565, 1e-7], { atol: 1e-8 });
    expectClose(actual.losses, expected.losses.data, { rtol: 2 * FLOAT32_EPSILON });
    expectClose(expected.dProbabilities.data, [0, 0, 0, 0, 0, 0], {});
    expect(Array.from(actual.dProbabilities, Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("NaN in one image stays in that image", () => {
    const probabilities = ndarray([2, 3], [1, Number.NaN, 1, 1, 2, 1]);
    const actual = wasmPlain(probabilities, ndarray([2], [0, 1]));
    expect(Array.from(actual.losses, Number.isNaN)).toEqual([true, false]);
    expect(Array.from(actual.dProbabilities, Number.isNaN)).toEqual([true, true, true, false, false, false]);
  });
});
