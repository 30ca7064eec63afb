/** Products and affine functions: the kernels against the reference, for any split. */
import { expect, test } from "vitest";
import { elementwiseOps } from "../src/backend/wasm/elementwise.js";
import * as reference from "../src/reference/elementwise.js";
import { ndarray } from "../src/reference/ndarray.js";
import { channelSums } from "../src/reference/sums.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { runRecorded } from "./support/recorded.js";
import { expectSameBits } from "./support/splits.js";

const core = new Core();
const { multiplyForward, affineForward, multiplyChannelsForward } = core.exports;

test("worked examples", () => {
  const a = ndarray([2, 2], [1, 2, 3, 4]);
  expect([...reference.multiply(a, a).data]).toEqual([1, 4, 9, 16]);
  expect([...reference.affine(a, -1, 1).data]).toEqual([0, -1, -2, -3]);
  expect([...reference.multiplyChannels(a, ndarray([2], [10, 100])).data]).toEqual([10, 200, 30, 400]);
});

// One lane, tails of each length, whole vectors.
for (const [images, positions, channels] of [
  [1, 1, 1],
  [3, 1, 5],
  [4, 2, 8],
  [5, 7, 3],
  [3, 5, 18],
]) {
  const shape = [images, positions, channels];
  const size = positions * channels;
  const [a, b, gain] = [randomArray(shape, 1), randomArray(shape, 2), randomArray([channels], 3)];
  const bytes = images * size * 4;

  test(`kernels on [${shape.join(", ")}] are the reference's, for any split`, () => {
    core.reset();
    const [x, y, g] = [a, b, gain].map(({ data }) => core.putFloats(data));
    const rtol = 2 * FLOAT32_EPSILON;
    const [product] = expectSameBits(core, [bytes], images, ([to], begin, end) => {
      multiplyForward(to, x, y, size, begin, end);
    });
    expectClose(core.floats(product, images * size), reference.multiply(a, b).data, { rtol });
    const [line] = expectSameBits(core, [bytes], images, ([to], begin, end) => {
      affineForward(to, x, -1.5, 0.25, size, begin, end);
    });
    expectClose(core.floats(line, images * size), reference.affine(a, -1.5, 0.25).data, { rtol, atol: 1e-7 });
    const [scaled] = expectSameBits(core, [bytes], images, ([to], begin, end) => {
      multiplyChannelsForward(to, x, g, positions, channels, begin, end);
    });
    expectClose(core.floats(scaled, images * size), reference.multiplyChannels(a, gain).data, { rtol });
  });

  test(`what is recorded on [${shape.join(", ")}] is the reference's, for 1 and 3 workers`, () => {
    const expected = [
      reference.multiply(a, b),
      reference.affine(a, 2, -1),
      reference.multiplyChannels(a, gain),
      channelSums(reference.multiply(a, b)),
    ];
    const terms = images * positions;
    for (const workers of [1, 3]) {
      const results = runRecorded(workers, ({ recorder, array }) => {
        const ops = elementwiseOps(recorder);
        const [x, y, g] = [a, b, gain].map((each) => array(each));
        const product = ops.multiply(x, y);
        return [product, ops.affine(x, 2, -1), ops.multiplyChannels(x, g), ops.channelSums(product)];
      });
      results.forEach((values, i) => {
        expectClose(values, expected[i].data, { atol: sumTolerance(terms) * terms });
      });
    }
  });
}
