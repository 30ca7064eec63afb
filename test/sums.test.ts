import { expect, test } from "vitest";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { channelSums, periodBytes } from "../src/backend/wasm/sums.js";
import { ndarray } from "../src/reference/ndarray.js";
import { channelSums as reference } from "../src/reference/sums.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { runRecorded } from "./support/recorded.js";

const core = new Core();
const { channelSumsInImages, sumOfRows } = core.exports;

test("the reference adds everything but the last axis", () => {
  const x = ndarray([2, 1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect([...reference(x).data]).toEqual([22, 26, 30]);
});

// Sizes below, at and above the four periods that the main loop takes, and rests of every kind.
for (const channels of [1, 3, 6, 10, 16, 17, 64, 96])
  for (const positions of [1, 2, 7, 49, 64, 65, 131]) {
    test(`sums of [3, ${positions}, ${channels}] are the reference's, for any split`, () => {
      core.reset();
      const images = 3;
      const array = randomArray([images, positions, channels], positions * 100 + channels);
      const x = core.putFloats(array.data);
      const sums = core.allocate(periodBytes(channels));
      const whole = core.allocate(images * channels * 4);
      const split = core.allocate(images * channels * 4);
      channelSumsInImages(whole, x, sums, positions, channels, 0, images);
      for (const [begin, end] of [
        [1, images],
        [0, 1],
        [2, 2],
      ])
        channelSumsInImages(split, x, sums, positions, channels, begin, end);
      const partials = core.floats(whole, images * channels);
      expect(core.floats(split, images * channels)).toEqual(partials);

      const y = core.allocate(channels * 4);
      const inParts = core.allocate(channels * 4);
      const cut = Math.ceil(channels / 3);
      sumOfRows(y, whole, images, channels, 0, channels);
      sumOfRows(inParts, whole, images, channels, cut, channels);
      sumOfRows(inParts, whole, images, channels, 0, cut);
      core.checkGuards();
      expect(core.floats(inParts, channels)).toEqual(core.floats(y, channels));
      // Absolute: |x| < 1, so no partial sum exceeds the number of terms.
      const terms = images * positions;
      expectClose(core.floats(y, channels), reference(array).data, { atol: sumTolerance(terms) * terms });
    });
  }

test("an empty range writes nothing", () => {
  core.reset();
  const x = core.putFloats(new Float32Array(2 * 5 * 6));
  const y = core.put(Float32Array.of(1, 2, 3, 4, 5, 6));
  channelSumsInImages(y, x, core.allocate(periodBytes(6)), 5, 6, 0, 0);
  sumOfRows(y, x, 10, 6, 6, 6);
  core.checkGuards();
  expect([...core.floats(y, 6)]).toEqual([1, 2, 3, 4, 5, 6]);
});

test("the recording sums within images, then over them; rows at once when there is one position", () => {
  const recorder = new Recorder();
  expect(channelSums(recorder, recorder.tensor([32, 8, 8, 6])).shape).toEqual([6]);
  expect(channelSums(recorder, recorder.tensor([32, 10])).shape).toEqual([10]);
  expect(recorder.instructions.map(({ kernel, split }) => [kernel, split.by])).toEqual([
    ["channelSumsInImages", "images"],
    ["sumOfRows", "rows"],
    ["sumOfRows", "rows"],
  ]);
});

test("the recorded program gives the reference's sums", () => {
  for (const shape of [
    [5, 3, 4, 6],
    [5, 17],
  ]) {
    const array = randomArray(shape, 1);
    const [y] = runRecorded(3, (recording) => [channelSums(recording.recorder, recording.array(array))]);
    expectClose(y, reference(array).data, { atol: 60 * sumTolerance(60) });
  }
});
