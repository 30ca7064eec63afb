import fc from "fast-check";
import { expect, test } from "vitest";
import { recordMetrics } from "../src/backend/wasm/metrics.js";
import { accumulateMetrics, type MetricTotals } from "../src/reference/metrics.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { randomArray } from "./support/arrays.js";
import { runRecorded } from "./support/recorded.js";

interface Batch {
  readonly losses: NDArray;
  readonly outputs: NDArray;
  readonly labels: NDArray;
  readonly penalty?: number;
  readonly k: number;
}

function wasm(totals: MetricTotals, { losses, outputs, labels, penalty, k }: Batch): MetricTotals {
  const sums = Float64Array.of(totals.loss, totals.correct, totals.topK, totals.samples);
  const [bytes] = runRecorded(3, ({ recorder, put, array }) => {
    // As float32 the bytes of a float64 may be a NaN, whose bits a conversion need not keep: copy them as integers.
    const target = put([8], new Int32Array(sums.buffer), "int32");
    recordMetrics(recorder, {
      totals: target,
      losses: array(losses),
      outputs: array(outputs),
      labels: array(labels, labels.shape.length === 1 ? "int32" : "float32"),
      penalty: penalty === undefined ? undefined : put([], [penalty]),
      k,
    });
    return [target];
  });
  const [loss, correct, topK, samples] = new Float64Array(bytes.buffer);
  return { loss, correct, topK, samples };
}

function reference(totals: MetricTotals, batch: Batch): MetricTotals {
  const added = { ...totals };
  accumulateMetrics(added, batch.losses, batch.outputs, batch.labels, batch.penalty ?? 0, batch.k);
  return added;
}

const nothing: MetricTotals = { loss: 0, correct: 0, topK: 0, samples: 0 };

test("by hand", () => {
  const { NaN: nan } = Number;
  const batch: Batch = {
    losses: ndarray([5], [0.5, 1, 2, 4, 8]),
    // biggest   label   correct   greater than the label's (k = 2: top k when fewer than 2)
    // 1         1       yes       0
    // 0         2       no        1: in the top 2
    // 2         0       no        2: not
    // 0 (ties)  1       no        0: in the top 2, as ties count in its favour
    // NaN       0       no        not
    outputs: ndarray([5, 3], [1, 3, 2, 3, 1, 2, 1, 2, 3, 5, 5, 5, nan, nan, nan]),
    labels: ndarray([5], [1, 2, 0, 1, 0]),
    penalty: 0.25,
    k: 2,
  };
  const before: MetricTotals = { loss: 100, correct: 10, topK: 20, samples: 30 };
  const after: MetricTotals = { loss: 100 + 15.5 + 5 * 0.25, correct: 11, topK: 23, samples: 35 };
  expect(reference(before, batch)).toEqual(after);
  expect(wasm(before, batch)).toEqual(after);
});

test("a distribution counts as its first largest class", () => {
  const batch: Batch = {
    losses: ndarray([3], [1, 1, 1]),
    outputs: ndarray([3, 2], [1, 2, 2, 1, 2, 1]),
    labels: ndarray([3, 2], [0.1, 0.9, 0.5, 0.5, 0, 1]),
    k: 1,
  };
  const after: MetricTotals = { loss: 3, correct: 2, topK: 2, samples: 3 };
  expect(reference(nothing, batch)).toEqual(after);
  expect(wasm(nothing, batch)).toEqual(after);
});

test("one NaN among an image's outputs: neither correct nor in the top k", () => {
  const batch: Batch = {
    losses: ndarray([1], [1]),
    outputs: ndarray([1, 3], [9, Number.NaN, 1]),
    labels: ndarray([1], [0]),
    k: 3,
  };
  const after: MetricTotals = { loss: 1, correct: 0, topK: 0, samples: 1 };
  expect(reference(nothing, batch)).toEqual(after);
  expect(wasm(nothing, batch)).toEqual(after);
});

test("wasm agrees with the reference exactly, batch after batch", () => {
  const cases = fc.record({
    N: fc.integer({ min: 1, max: 9 }),
    K: fc.constantFrom(1, 2, 3, 5, 10, 17, 100),
    k: fc.constantFrom(1, 2, 5),
    dense: fc.boolean(),
    seed: fc.nat(1000),
  });
  fc.assert(
    fc.property(cases, ({ N, K, k, dense, seed }) => {
      const labels = dense
        ? randomArray([N, K], seed + 2)
        : ndarray(
            [N],
            Int32Array.from({ length: N }, (_, n) => (n * 7 + seed) % K),
          );
      const outputs = randomArray([N, K], seed);
      // Multiples of ⅛, so that ties happen.
      for (let i = 0; i < N * K; i++) outputs.data[i] = Math.floor(outputs.data[i] * 8) / 8;
      const batch: Batch = { losses: randomArray([N], seed + 1), outputs, labels, penalty: 0.375, k };
      // Losses are float32, their sum float64 in the same order in both: the same bits.
      const once = reference(nothing, batch);
      expect(wasm(nothing, batch)).toEqual(once);
      expect(wasm(once, batch)).toEqual(reference(once, batch));
    }),
    { numRuns: 100 },
  );
});
