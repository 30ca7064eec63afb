import { expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { dropoutOps } from "../src/backend/wasm/dropout.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { STATE_BYTES, STATE_SEED, STATE_STEP } from "../src/backend/wasm/state.js";
import { dropout } from "../src/layers/dropout.js";
import { Purpose, philox } from "../src/random.js";
import { referenceDropout } from "../src/reference/dropout.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { dot, numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { expectSameBits } from "./support/splits.js";

const core = new Core();
const { dropoutForward, dropoutBackward, philoxWords } = core.exports;

/** The step state of a worker. */
function putState(seed: number, step: number): number {
  const bytes = new Uint8Array(STATE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(STATE_SEED, seed, true);
  view.setUint32(STATE_STEP, step, true);
  return core.put(bytes);
}

// The published test vectors, and counters whose products carry.
for (const [c1, c2, c3, key0, key1] of [
  [0, 0, 0, 0, 0],
  [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
  [0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0],
  [7, 12345, 3, 42, Purpose.Dropout],
]) {
  test(`random words of the core are those of src/random.ts, key ${key0}`, () => {
    core.reset();
    const groups = 33;
    const [words] = expectSameBits(core, [groups * 64], groups, ([to], begin, end) => {
      philoxWords(to, c1, c2, c3, key0, key1, begin, end);
    });
    const expected = Array.from({ length: groups * 4 }, (_, block) => philox(block, c1, c2, c3, key0, key1));
    expect([...core.ints(words, groups * 16)]).toEqual(expected.flat().map((word) => word | 0));
  });
}

test("Philox gives the published words", () => {
  // Random123's known answers for philox4x32-10: counter and key all zero, all ones, and digits of π.
  const ones = 0xffffffff;
  expect(philox(0, 0, 0, 0, 0, 0)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  expect(philox(ones, ones, ones, ones, ones, ones)).toEqual([
    0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
  ]);
  expect(philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)).toEqual([
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
  ]);
});

for (const [images, size] of [
  [1, 1],
  [3, 3],
  [5, 15],
  [4, 16],
  [3, 17],
  [2, 32],
  [3, 49],
  [4, 131],
])
  for (const rate of [0, 0.2, 0.5, 0.999]) {
    test(`dropout of [${images}, ${size}] at rate ${rate} drops what the reference drops, for any split`, () => {
      core.reset();
      const seed = 0xdeadbeef;
      const step = 3_000_000_000;
      const stream = 5;
      const array = randomArray([images, size], size);
      const x = core.putFloats(array.data);
      const work = core.allocate(128);
      const state = putState(seed, step);
      const threshold = Math.floor(rate * 2 ** 32);
      const scale = 1 / (1 - rate);
      const count = images * size;
      const [y, mask] = expectSameBits(core, [count * 4, count], images, ([to, toMask], begin, end) => {
        dropoutForward(to, toMask, x, work, state, threshold, scale, stream, size, begin, end);
      });
      const reference = referenceDropout(seed, step);
      const expected = reference.dropout(array, rate, stream);
      expect(Array.from(core.bytes(mask, count), (byte) => byte / 255)).toEqual([...expected.mask.data]);
      // 1/(1 − rate) is rounded, and the product.
      expectClose(core.floats(y, count), expected.y.data, { rtol: 3 * FLOAT32_EPSILON });

      const upstream = randomArray([images, size], size + 1);
      const dY = core.putFloats(upstream.data);
      const [dX] = expectSameBits(core, [count * 4], images, ([to], begin, end) => {
        dropoutBackward(to, mask, dY, scale, size, begin, end);
      });
      const dXs = reference.dropoutGradient(expected.mask, upstream, rate);
      expectClose(core.floats(dX, count), dXs.data, { rtol: 3 * FLOAT32_EPSILON });
    });
  }

test("what falls depends on seed, step, stream and image; the share that falls is the rate", () => {
  const x = ndarray([4, 10_000]);
  x.data.fill(1);
  const { mask } = referenceDropout(1, 2).dropout(x, 0.2, 3);
  const kept = mask.data.reduce((sum, value) => sum + value, 0);
  // 40,000 draws: a standard deviation is √(40,000·0.2·0.8) = 80; five of them.
  expect(Math.abs(kept - 32_000)).toBeLessThan(400);
  expect(mask.data.slice(0, 10_000)).not.toEqual(mask.data.slice(10_000, 20_000));
  expect(referenceDropout(1, 2).dropout(x, 0.2, 3).mask).toEqual(mask);
  for (const [seed, step, stream] of [
    [2, 2, 3],
    [1, 3, 3],
    [1, 2, 4],
  ]) {
    expect(referenceDropout(seed, step).dropout(x, 0.2, stream).mask).not.toEqual(mask);
  }
});

test("the gradient is that of central differences", () => {
  const { dropout: drop, dropoutGradient } = referenceDropout(1, 2);
  const x = randomArray([2, 9], 1);
  const dY = randomArray([2, 9], 2);
  const { mask } = drop(x, 0.4, 0);
  const numeric = numericGradient(() => dot(drop(x, 0.4, 0).y, dY), x);
  expectClose(dropoutGradient(mask, dY, 0.4).data, numeric, { atol: 1e-9 });
});

test("the layer drops while training only", () => {
  const reference = referenceDropout(7, 0);
  const backend = reference as unknown as Backend<NDArray>;
  const options = dropout.options({ rate: 0.5 });
  const x = randomArray([2, 8], 1);
  const { y, cache } = dropout.forward(backend, [x], {}, options, { training: true, stream: 4 });
  expect(y).toEqual(reference.dropout(x, 0.5, 4).y);
  const inputs = [[8]];
  const { dXs } = dropout.backward(backend, x, {}, cache, options, { dX: true, inputs });
  expect(dXs[0]).toEqual(y); // dY = X, and the same mask
  expect(dropout.backward(backend, x, {}, cache, options, { dX: false, inputs }).dXs).toEqual([undefined]);
  const inference = { training: false, stream: 4 };
  expect(dropout.forward(backend, [x], {}, options, inference)).toEqual({ y: x, cache: {} });

  const none = dropout.options({ rate: 0 });
  const kept = dropout.forward(backend, [x], {}, none, { training: true, stream: 4 });
  expect(kept.y).toBe(x);
  expect(dropout.backward(backend, x, {}, kept.cache, none, { dX: true, inputs }).dXs[0]).toBe(x);
});

test("options that are wrong are refused by name", () => {
  expect(() => dropout.options({ rate: 1 })).toThrow("dropout: rate must be at least 0 and below 1; got 1.");
  expect(() => dropout.options({})).toThrow("dropout: rate must be at least 0 and below 1; got undefined.");
  expect(() => dropout.options({ rte: 0.5 })).toThrow('dropout: unknown option "rte". Did you mean "rate"?');
});

test("the recording gives the kernel its threshold, scale, stream and size", () => {
  const recorder = new Recorder();
  const ops = dropoutOps(recorder);
  const x = recorder.tensor([32, 4, 4, 6]);
  const { y, mask } = ops.dropout(x, 0.75, 9);
  expect([mask.dataType, mask.buffer.bytes]).toEqual(["uint8", 32 * 96]);
  ops.dropoutGradient(mask, y, 0.75);
  const [forward, backward] = recorder.instructions;
  expect(forward.kernel).toBe("dropoutForward");
  expect(forward.args.slice(3)).toEqual([{ scratchBytes: 128 }, { stepState: true }, 3 * 2 ** 30, 4, 9, 96]);
  expect(backward.kernel).toBe("dropoutBackward");
  expect(backward.args.slice(3)).toEqual([4, 96]);
});
