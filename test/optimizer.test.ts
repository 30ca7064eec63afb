import { describe, expect, test } from "vitest";
import { recordAdam, recordSgd } from "../src/backend/wasm/optimizer.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { adamLearningRate, adamUpdate, sgdUpdate } from "../src/reference/optimizer.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded, type Values } from "./support/recorded.js";

const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
const COUNTS = [1, 3, 4, 5, 15, 16, 17, 64, 1003];

/** Steps of Adam in wasm, one gradient each: the weights, m and v after the last. */
function wasmAdam(weights: NDArray, gradients: readonly NDArray[], learningRate: number, parts = 1) {
  let state: Values[] = [weights.data, ndarray(weights.shape).data, ndarray(weights.shape).data].map((data) =>
    Float32Array.from(data),
  );
  gradients.forEach((gradient, t) => {
    const rate = adamLearningRate(learningRate, t + 1, betas.beta1, betas.beta2);
    state = runRecorded(
      parts,
      ({ recorder, put, array }) => {
        const [w, m, v] = state.map((values) => put(weights.shape, values));
        recordAdam(recorder, w, m, v, array(gradient), betas);
        return [w, m, v];
      },
      { learningRate: rate },
    );
  });
  return state;
}

function wasmSgd(
  weights: NDArray,
  gradients: readonly NDArray[],
  learningRate: number,
  options: { momentum: number; nesterov: boolean },
  parts = 1,
) {
  let state: Values[] = [weights.data, ndarray(weights.shape).data].map((data) => Float32Array.from(data));
  for (const gradient of gradients) {
    state = runRecorded(
      parts,
      ({ recorder, put, array }) => {
        const [w, velocity] = state.map((values) => put(weights.shape, values));
        recordSgd(recorder, w, velocity, array(gradient), options);
        return [w, velocity];
      },
      { learningRate },
    );
  }
  return state;
}

describe("adam", () => {
  // Computed in the other form, m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ), w −= lr·m̂/(√v̂ + ε/√(1 − β₂ᵗ)): w, m, v after
  // g = 0.1 and g = −0.2 from w = 1, with Keras' defaults.
  const first = [0.9990000316217766, 0.01, 1e-5];
  const second = [0.9993661299708821, -0.011, 4.999e-5];
  const gradients = [ndarray([1], [0.1]), ndarray([1], [-0.2])];

  test("two steps by hand", () => {
    const weights = ndarray([1], [1]);
    const [m, v] = [ndarray([1]), ndarray([1])];
    [first, second].forEach((expected, t) => {
      adamUpdate(weights, m, v, gradients[t], { learningRate: 0.001, step: t + 1, ...betas });
      expectClose([weights.data[0], m.data[0], v.data[0]], expected, { atol: 1e-15 });
      const actual = wasmAdam(ndarray([1], [1]), gradients.slice(0, t + 1), 0.001).map(([value]) => value);
      expectClose([actual[0]], [expected[0]], { rtol: 2 * FLOAT32_EPSILON });
      expectClose([actual[1]], [expected[1]], { rtol: 8 * FLOAT32_EPSILON });
      // 1 − β₂ itself, were it taken in float32, would be off by 1.3e-5.
      expectClose([actual[2]], [expected[2]], { rtol: 8 * FLOAT32_EPSILON });
    });
  });

  test("no gradient, no movement: 0/(0 + ε) is 0", () => {
    const [weights] = wasmAdam(ndarray([5], [1, 2, 3, 4, 5]), [ndarray([5])], 0.001);
    expect(Array.from(weights)).toEqual([1, 2, 3, 4, 5]);
  });

  test.each(COUNTS)("wasm agrees with the reference, the same bits for every split (%i weights)", (count) => {
    const weights = randomArray([count], 1);
    const gradients = [2, 3, 4].map((seed) => randomArray([count], seed));
    const actual = wasmAdam(weights, gradients, 0.01);
    for (const parts of [2, 3, 7]) expect(wasmAdam(weights, gradients, 0.01, parts)).toEqual(actual);
    const expected = [ndarray([count], weights.data), ndarray([count]), ndarray([count])];
    gradients.forEach((gradient, t) => {
      const [w, m, v] = expected;
      adamUpdate(w, m, v, gradient, { learningRate: 0.01, step: t + 1, ...betas });
    });
    // Three steps of about eight roundings on values of the size of the largest.
    actual.forEach((values, i) => {
      expectClose(values, expected[i].data, { rtol: 24 * FLOAT32_EPSILON });
    });
  });

  test("the learning rate's correction takes the averages' bias out", () => {
    expect(adamLearningRate(0.001, 1, 0.9, 0.999)).toBeCloseTo(0.001 * (Math.sqrt(0.001) / 0.1), 15);
    expect(adamLearningRate(0.001, 1e6, 0.9, 0.999)).toBe(0.001);
    expect(adamLearningRate(1, 5, 0, 0.5)).toBeCloseTo(Math.sqrt(1 - 0.5 ** 5), 15);
  });
});

describe("sgd", () => {
  const gradients = [ndarray([1], [1]), ndarray([1], [1])];
  test.each([
    // velocity: −0.1, −0.09 − 0.1
    { momentum: 0, nesterov: false, weight: 0.8, velocity: 0 },
    { momentum: 0.9, nesterov: false, weight: 1 - 0.1 - 0.19, velocity: -0.19 },
    { momentum: 0.9, nesterov: true, weight: 1 - (0.09 + 0.1) - (0.171 + 0.1), velocity: -0.19 },
  ])("two steps by hand: momentum $momentum, nesterov $nesterov", ({ weight, velocity, ...options }) => {
    const [w, moving] = [ndarray([1], [1]), ndarray([1])];
    for (const gradient of gradients) sgdUpdate(w, moving, gradient, { learningRate: 0.1, ...options });
    expectClose([...w.data, ...moving.data], [weight, velocity], { atol: 1e-15 });
    const actual = wasmSgd(ndarray([1], [1]), gradients, 0.1, options).map(([value]) => value);
    expectClose(actual, [weight, velocity], { rtol: 4 * FLOAT32_EPSILON });
  });

  test.each(
    COUNTS.flatMap((count) =>
      [
        { momentum: 0, nesterov: true },
        { momentum: 0.9, nesterov: false },
        { momentum: 0.9, nesterov: true },
      ].map((options) => ({ count, ...options })),
    ),
  )(
    "wasm agrees with the reference, the same bits for every split: $count weights, momentum $momentum, nesterov $nesterov",
    ({ count, ...options }) => {
      const weights = randomArray([count], 1);
      const gradients = [2, 3, 4].map((seed) => randomArray([count], seed));
      const actual = wasmSgd(weights, gradients, 0.01, options);
      for (const parts of [2, 3, 7]) {
        expect(wasmSgd(weights, gradients, 0.01, options, parts)).toEqual(actual);
      }
      const expected = [ndarray([count], weights.data), ndarray([count])];
      for (const gradient of gradients) {
        sgdUpdate(expected[0], expected[1], gradient, { learningRate: 0.01, ...options });
      }
      // Three steps of six roundings.
      actual.forEach((values, i) => {
        expectClose(values, expected[i].data, { rtol: 18 * FLOAT32_EPSILON });
      });
    },
  );

  test("without momentum no velocity is needed", () => {
    const [weights] = runRecorded(
      1,
      ({ recorder, put }) => {
        const w = put([5], [1, 2, 3, 4, 5]);
        const gradients = put([5], [2, 2, 2, 2, 2]);
        recordSgd(recorder, w, undefined, gradients, { momentum: 0, nesterov: false });
        return [w];
      },
      { learningRate: 0.5 },
    );
    expect(Array.from(weights)).toEqual([0, 1, 2, 3, 4]);
  });
});

test("equal elements stay equal, in vector lanes and in the tail", () => {
  const same = (value: number) => ndarray([7], new Array<number>(7).fill(value));
  const gradients = [same(0.3), same(-0.7), same(0.1)];
  const results = [
    ...wasmAdam(same(0.1), gradients, 0.001),
    ...wasmSgd(same(0.1), gradients, 0.01, { momentum: 0.9, nesterov: true }),
    ...wasmSgd(same(0.1), gradients, 0.01, { momentum: 0.9, nesterov: false }),
    ...wasmSgd(same(0.1), gradients, 0.01, { momentum: 0, nesterov: false }),
  ];
  for (const values of results) expect(new Set(values).size).toBe(1);
});
