/** Weight decay, in every update: kernels against the textbook. */
import { describe, expect, test } from "vitest";
import { recordAdam, recordSgd } from "../src/backend/wasm/optimizer.js";
import type { WasmTensor } from "../src/backend/wasm/recorder.js";
import { recordRmsprop } from "../src/backend/wasm/rmsprop.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { adamUpdate, decayWeights, rmspropUpdate, sgdUpdate } from "../src/reference/optimizer.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { type Recording, runRecorded } from "./support/recorded.js";

const COUNTS = [1, 3, 4, 5, 16, 17, 1003];
const copy = ({ shape, data }: NDArray) => ndarray(shape, data);

describe("weight decay", () => {
  const decay = 0.01 * 0.1;
  const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
  type Record = (recording: Recording, tensors: readonly WasmTensor[]) => void;
  const optimizers: [string, Record, (w: NDArray, a: NDArray, b: NDArray, g: NDArray) => void][] = [
    [
      "adam",
      ({ recorder }, [w, a, b, g]) => recordAdam(recorder, w, a, b, g, { ...betas, decays: true }),
      // The rate is given as the kernel takes it: as corrected.
      (w, a, b, g) => adamUpdate(w, a, b, g, { learningRate: 0.01, step: 1e6, ...betas }),
    ],
    ...[0, 0.9].map((momentum): (typeof optimizers)[number] => [
      `sgd, momentum ${momentum}`,
      ({ recorder }, [w, a, , g]) => recordSgd(recorder, w, a, g, { momentum, nesterov: true, decays: true }),
      (w, a, _, g) => sgdUpdate(w, a, g, { learningRate: 0.01, momentum, nesterov: true }),
    ]),
    [
      "rmsprop",
      ({ recorder }, [w, a, b, g]) => {
        const slots = { velocity: a, average: undefined, moving: b };
        recordRmsprop(recorder, w, slots, g, { rho: 0.9, momentum: 0.9, epsilon: 1e-7, decays: true });
      },
      (w, a, b, g) => {
        const at = { learningRate: 0.01, rho: 0.9, momentum: 0.9, epsilon: 1e-7, centered: false };
        rmspropUpdate(w, { velocity: a, moving: b }, g, at);
      },
    ],
  ];

  test.each(optimizers)("takes decay·w off before the update: %s", (_name, record, update) => {
    for (const count of COUNTS) {
      const [w, a, b, g] = [1, 2, 3, 4].map((seed) => randomArray([count], seed));
      for (const { data } of [a, b]) data.set(data.map(Math.abs));
      const run = (workers: number) =>
        runRecorded(
          workers,
          (recording) => {
            const tensors = [w, a, b, g].map((array) => recording.array(array));
            record(recording, tensors);
            return [tensors[0]];
          },
          { learningRate: 0.01, decay },
        );
      const actual = run(1);
      for (const workers of [2, 3]) expect(run(workers)).toEqual(actual);
      const expected = copy(w);
      decayWeights(expected, 0.01, 0.1);
      update(expected, copy(a), copy(b), g);
      expectClose(actual[0], expected.data, { rtol: 12 * FLOAT32_EPSILON });
    }
  });

  test("by hand: w = 2, lr·weightDecay = 0.001, no gradient", () => {
    const w = ndarray([1], [2]);
    decayWeights(w, 0.01, 0.1);
    expect(w.data[0]).toBe(1.998);
  });
});
