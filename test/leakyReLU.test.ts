import { expect, test } from "vitest";
import { layers } from "../src/index.js";
import { leakyReLU } from "../src/layers/leakyReLU.js";
import * as reference from "../src/reference/leakyReLU.js";
import { ndarray } from "../src/reference/ndarray.js";
import { dot, numericGradient, randomArray, tieFree } from "./support/arrays.js";
import { expectClose } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { expectSameBits } from "./support/splits.js";

const ALPHA = 0.25; // exact in float32: so the kernels must agree to the bit
const core = new Core();

test("by hand", () => {
  //   x    -8    -1    0    3   NaN          dY = 4 everywhere
  //   y    -2   -¼     0    3   NaN          dX   1    1    1    4    1
  const x = ndarray([5], [-8, -1, 0, 3, Number.NaN]);
  const y = reference.leakyReLU(x, ALPHA);
  expect([...y.data]).toEqual([-2, -0.25, 0, 3, Number.NaN]);
  const dX = reference.leakyReLUGradient(y, ndarray([5], [4, 4, 4, 4, 4]), ALPHA);
  expect([...dX.data]).toEqual([1, 1, 1, 4, 1]);
});

test("the reference's gradient agrees with central differences", () => {
  const x = tieFree([3, 2, 7], 5);
  const dY = randomArray(x.shape, 6);
  const dX = reference.leakyReLUGradient(reference.leakyReLU(x, ALPHA), dY, ALPHA);
  const numeric = numericGradient(() => dot(reference.leakyReLU(x, ALPHA), dY), x);
  expectClose(dX.data, numeric, { atol: 1e-9 }); // truncation and rounding of central differences
});

// [images, elements an image]: one lane, tails of each length, several vectors.
test.each([
  [1, 1],
  [3, 5],
  [4, 6],
  [3, 50],
  [7, 131],
])(
  "the kernels on [%i, %i] give the reference's bits, for any split, NaN, infinities and zeros too",
  (images, size) => {
    core.reset();
    const { data } = randomArray([images, size], size);
    [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0, -0].forEach((value, i) => {
      if (i < data.length / 2) data[2 * i] = value;
    });
    const x = ndarray([images, size], data);
    const dY = randomArray([images, size], 7);
    const [xAt, dYAt] = [core.putFloats(x.data), core.putFloats(dY.data)];
    const bytes = [images * size * 4];
    const [yAt] = expectSameBits(core, bytes, images, ([to], begin, end) => {
      core.exports.leakyReLUForward(to, xAt, ALPHA, size, begin, end);
    });
    const y = reference.leakyReLU(x, ALPHA);
    expect(core.floats(yAt, images * size)).toEqual(Float32Array.from(y.data));
    const [dXAt] = expectSameBits(core, bytes, images, ([to], begin, end) => {
      core.exports.leakyReLUBackward(to, yAt, dYAt, ALPHA, size, begin, end);
    });
    const dX = reference.leakyReLUGradient(y, dY, ALPHA);
    expect(core.floats(dXAt, images * size)).toEqual(Float32Array.from(dX.data));
  },
);

test("options, shape, cost and receptive field", () => {
  expect(leakyReLU.options({})).toEqual({ alpha: 0.3 });
  for (const alpha of [-0.1, Number.NaN, Number.POSITIVE_INFINITY, "0.1"]) {
    expect(() => leakyReLU.options({ alpha })).toThrow("leakyReLU: alpha must be a finite number ≥ 0; got");
  }
  expect(() => layers.leakyReLU({ slope: 0.1 } as object)).toThrow('leakyReLU: unknown option "slope".');
  expect(leakyReLU.outputShape([[3, 4, 2]], { alpha: 0.3 }, "leaky_re_lu")).toEqual([3, 4, 2]);
  expect(leakyReLU.flops([[3, 4, 2]], { alpha: 0.3 })).toBe(48);
  const field = { size: [5, 5], jump: [2, 2] } as const;
  expect(leakyReLU.receptiveField(field, { alpha: 0.3 })).toEqual(field);
});
