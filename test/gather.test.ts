import { describe, expect, test } from "vitest";
import { gatherImages, gatherLabels, scatterOutputs } from "../src/backend/wasm/gather.js";
import { permutation } from "../src/random.js";
import { randomValues } from "./support/arrays.js";
import { runRecorded } from "./support/recorded.js";

const EXAMPLES = 11;
const BATCH = 5;
const first = 4;
const order = permutation(EXAMPLES, 3, 0);
/** The examples that the batch must hold. */
const chosen = Array.from(order.subarray(first, first + BATCH));
const scale = Math.fround(1 / 255);

describe.each([
  [1, 1, 1],
  [1, 3, 1],
  [3, 5, 1],
  [4, 4, 1],
  [2, 3, 3],
  [1, 17, 1],
  [32, 32, 3],
])("images of %i×%i×%i", (...shape) => {
  const size = shape[0] * shape[1] * shape[2];

  test("bytes, each times the scale, correctly rounded", () => {
    const bytes = Uint8Array.from({ length: EXAMPLES * size }, (_, i) => (i * 37 + (i >> 8)) & 255);
    const run = (parts: number) =>
      runRecorded(
        parts,
        ({ recorder, put }) => {
          const source = put([EXAMPLES, ...shape], bytes, "uint8");
          return [gatherImages(recorder, source, put([EXAMPLES], order, "int32"), scale, BATCH, shape)];
        },
        { first },
      )[0];
    const expected = chosen.flatMap((n) =>
      Array.from(bytes.subarray(n * size, (n + 1) * size), (byte) => Math.fround(byte * scale)),
    );
    expect(Array.from(run(1))).toEqual(expected);
    for (const parts of [2, 3, 8]) expect(run(parts)).toEqual(run(1));
  });

  test("floats, each times the scale, correctly rounded", () => {
    const floats = Float32Array.from(randomValues(EXAMPLES * size, 1));
    const run = (parts: number) =>
      runRecorded(
        parts,
        ({ recorder, put }) => {
          const source = put([EXAMPLES, ...shape], floats);
          return [gatherImages(recorder, source, put([EXAMPLES], order, "int32"), scale, BATCH, shape)];
        },
        { first },
      )[0];
    const expected = chosen.flatMap((n) =>
      Array.from(floats.subarray(n * size, (n + 1) * size), (value) => Math.fround(value * scale)),
    );
    expect(Array.from(run(1))).toEqual(expected);
    for (const parts of [2, 3, 8]) expect(run(parts)).toEqual(run(1));
  });
});

test("all 256 bytes convert exactly", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const [x] = runRecorded(1, ({ recorder, put }) => [
    gatherImages(recorder, put([1, 256], bytes, "uint8"), put([1], [0], "int32"), 1, 1, [256]),
  ]);
  expect(Array.from(x)).toEqual(Array.from(bytes));
});

describe("labels", () => {
  test.each(["uint8", "int32"] as const)("class indices from %s", (dataType) => {
    const classes = Array.from({ length: EXAMPLES }, (_, n) => 250 - n * 3);
    for (const parts of [1, 2, 3, 8]) {
      const [labels] = runRecorded(
        parts,
        ({ recorder, put }) => {
          const source = put([EXAMPLES], classes, dataType);
          return [gatherLabels(recorder, source, put([EXAMPLES], order, "int32"), BATCH)];
        },
        { first },
      );
      expect(labels).toEqual(Int32Array.from(chosen, (n) => classes[n]));
    }
  });

  test("distributions", () => {
    const rows = Float32Array.from(randomValues(EXAMPLES * 10, 2));
    const [labels] = runRecorded(
      2,
      ({ recorder, put }) => {
        const source = put([EXAMPLES, 10], rows);
        const gathered = gatherLabels(recorder, source, put([EXAMPLES], order, "int32"), BATCH);
        expect(gathered.shape).toEqual([BATCH, 10]);
        return [gathered];
      },
      { first },
    );
    const expected = chosen.flatMap((n) => Array.from(rows.subarray(n * 10, (n + 1) * 10)));
    expect(Array.from(labels)).toEqual(expected);
  });
});

test.each([1, 3, 10])("outputs of %i numbers go to their rows, and no others change", (size) => {
  const y = randomValues(BATCH * size, 1);
  const before = randomValues(EXAMPLES * size, 2);
  for (const parts of [1, 2, 3, 8]) {
    const [results] = runRecorded(
      parts,
      ({ recorder, put }) => {
        const target = put([EXAMPLES, size], before);
        scatterOutputs(recorder, target, put([BATCH, size], y));
        return [target];
      },
      { first },
    );
    const expected = Float32Array.from(before);
    expected.set(y, first * size);
    expect(results).toEqual(expected);
  }
});
