import { expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { activationOps } from "../src/backend/wasm/activation.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { OptionError } from "../src/errors.js";
import { activation } from "../src/layers/activation.js";
import {
  ACTIVATIONS,
  activationGradient,
  applyActivation,
  checkActivation,
} from "../src/layers/activations.js";
import * as reference from "../src/reference/activation.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { sizeOf } from "../src/shape.js";
import { dot, numericGradient, randomArray, tieFree } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { expectSameBits } from "./support/splits.js";

const core = new Core();
const kernels = core.exports;
/** The layer asks its backend for activations alone. */
const backend = reference as unknown as Backend<NDArray>;
const context = { training: true, stream: 0 };

const elementwise = {
  relu: { forward: reference.relu, gradient: reference.reluGradient },
  sigmoid: { forward: reference.sigmoid, gradient: reference.sigmoidGradient },
  tanh: { forward: reference.tanh, gradient: reference.tanhGradient },
};

test("worked examples", () => {
  expect([...reference.relu(ndarray([4], [-2, 0, 3, Number.NaN])).data]).toEqual([0, 0, 3, Number.NaN]);
  expect([...reference.reluGradient(ndarray([3], [0, 0, 3]), ndarray([3], [5, 6, 7])).data]).toEqual([
    0, 0, 7,
  ]);
  expect(reference.sigmoid(ndarray([1], [Math.log(3)])).data[0]).toBeCloseTo(0.75, 15);
  const y = reference.softmax(ndarray([1, 3], [0, Math.log(2), Math.log(5)]));
  expectClose(y.data, [1 / 8, 2 / 8, 5 / 8], { atol: 1e-15 });
  // Σ dY·y = (8 + 2·2 + 5·0)/8 = 1.5, with dY = [8, 2, 0].
  const dX = reference.softmaxGradient(y, ndarray([1, 3], [8, 2, 0]));
  expectClose(dX.data, [6.5 / 8, 1 / 8, -7.5 / 8], { atol: 1e-14 });
  expect([...reference.softmax(ndarray([1, 2], [1000, 1000])).data]).toEqual([0.5, 0.5]);
});

for (const name of ACTIVATIONS) {
  test(`the gradient of ${name} is that of central differences`, () => {
    const x = tieFree([3, 2, 7], 5);
    const dY = randomArray(x.shape, 6);
    const y = applyActivation(backend, name, x);
    const dX = activationGradient(backend, name, y, dY);
    const numeric = numericGradient(() => dot(applyActivation(backend, name, x), dY), x);
    expectClose(dX.data, numeric, { atol: 1e-9 }); // truncation and rounding of central differences
  });
}

// [images, elements an image]: one lane, tails of each length, several vectors.
const SIZES = [
  [1, 1],
  [3, 5],
  [4, 6],
  [5, 16],
  [3, 50],
  [7, 131],
];

for (const [name, { forward, gradient }] of Object.entries(elementwise))
  for (const [images, size] of SIZES) {
    test(`${name} of [${images}, ${size}] is the reference's, for any split`, () => {
      core.reset();
      const array = randomArray([images, size], size);
      array.data.forEach((value, i) => {
        array.data[i] = value * 8;
      });
      const x = core.putFloats(array.data);
      const [y] = expectSameBits(core, [images * size * 4], images, ([y], begin, end) => {
        kernels[`${name}Forward`](y, x, size, begin, end);
      });
      const ys = core.floats(y, images * size);
      expectClose(ys, forward(array).data, { rtol: 2 * 2 * FLOAT32_EPSILON }); // 2 ulp, see math.test.ts

      const upstream = randomArray([images, size], size + 1);
      const dY = core.putFloats(upstream.data);
      const [dX] = expectSameBits(core, [images * size * 4], images, ([dX], begin, end) => {
        kernels[`${name}Backward`](dX, y, dY, size, begin, end);
      });
      const expected = gradient(ndarray([images, size], ys), upstream);
      expectClose(core.floats(dX, images * size), expected.data, { rtol: 5 * FLOAT32_EPSILON }); // four operations
    });
  }

for (const [positions, channels] of [
  [1, 1],
  [1, 3],
  [2, 10],
  [3, 16],
  [1, 17],
  [5, 6],
]) {
  test(`softmax of [5, ${positions}, ${channels}] is the reference's, for any split`, () => {
    core.reset();
    const shape = [5, positions, channels];
    const array = randomArray(shape, channels);
    array.data.forEach((value, i) => {
      array.data[i] = value * 16;
    });
    const x = core.putFloats(array.data);
    const bytes = sizeOf(shape) * 4;
    const [y] = expectSameBits(core, [bytes], 5, ([y], begin, end) => {
      kernels.softmaxForward(y, x, positions, channels, begin, end);
    });
    const ys = core.floats(y, sizeOf(shape));
    // x − max x has one rounding of at most 2⁻²⁴·32, which exp turns into a relative error.
    expectClose(ys, reference.softmax(array).data, { atol: 32 * FLOAT32_EPSILON + sumTolerance(channels) });

    const upstream = randomArray(shape, channels + 1);
    const dY = core.putFloats(upstream.data);
    const [dX] = expectSameBits(core, [bytes], 5, ([dX], begin, end) => {
      kernels.softmaxBackward(dX, y, dY, positions, channels, begin, end);
    });
    const expected = reference.softmaxGradient(ndarray(shape, ys), upstream);
    // |dY| < 1 and Σ y = 1, so no intermediate value exceeds 2.
    expectClose(core.floats(dX, sizeOf(shape)), expected.data, { atol: 2 * sumTolerance(channels) });
  });
}

test("NaN passes through every activation, and stops at relu's gradient only", () => {
  core.reset();
  const x = core.putFloats([1, Number.NaN, 2, 3, 4, Number.NaN]);
  const y = core.allocate(24);
  for (const name of Object.keys(elementwise)) {
    kernels[`${name}Forward`](y, x, 6, 0, 1);
    expect(Array.from(core.floats(y, 6), Number.isNaN)).toEqual([false, true, false, false, false, true]);
  }
  kernels.softmaxForward(y, x, 2, 3, 0, 1);
  expect(core.floats(y, 6).every(Number.isNaN)).toBe(true);
});

test("the layer keeps its output, and its gradient is undefined when not wanted", () => {
  const x = ndarray([1, 2], [-1, 2]);
  const options = activation.options({ activation: "relu" });
  const { y, cache } = activation.forward(backend, [x], {}, options, context);
  expect([...y.data]).toEqual([0, 2]);
  const dY = ndarray([1, 2], [3, 4]);
  const inputs = [[2]];
  const { dXs } = activation.backward(backend, dY, {}, cache, options, { dX: true, inputs });
  expect([...dXs[0]!.data]).toEqual([0, 4]);
  expect(activation.backward(backend, dY, {}, cache, options, { dX: false, inputs }).dXs).toEqual([
    undefined,
  ]);
  expect(activation.outputShape([[8, 8, 3]], options, "relu")).toEqual([8, 8, 3]);
  expect(activation.flops([[8, 8, 3]], options)).toBe(192);
});

test("options that are wrong are refused by name", () => {
  expect(() => activation.options({ activation: "rellu" })).toThrow(
    new OptionError('activation: unknown activation "rellu". Did you mean "relu"?'),
  );
  expect(() => activation.options({})).toThrow(
    'activation: activation must be given; got undefined (such as "relu").',
  );
  expect(() => activation.options({ activaton: "relu" })).toThrow(
    'activation: unknown option "activaton". Did you mean "activation"?',
  );
  expect(() => checkActivation("dense", "gelu")).toThrow(
    'dense: unknown activation "gelu". Did you mean "relu"?',
  );
  expect(() => checkActivation("dense", null)).toThrow(OptionError);
});

test("the recording splits by images", () => {
  const recorder = new Recorder();
  const ops = activationOps(recorder);
  const x = recorder.tensor([32, 8, 8, 6]);
  ops.reluGradient(ops.relu(x), x);
  ops.softmaxGradient(ops.softmax(x), x);
  ops.tanhGradient(ops.tanh(x), x);
  ops.sigmoidGradient(ops.sigmoid(x), x);
  const numbers = recorder.instructions.map(({ kernel, args, split }) => [
    kernel,
    args.filter((arg) => typeof arg === "number"),
    split,
  ]);
  const split = { by: "images", count: 32 };
  expect(numbers).toEqual([
    ["reluForward", [384], split],
    ["reluBackward", [384], split],
    ["softmaxForward", [64, 6], split],
    ["softmaxBackward", [64, 6], split],
    ["tanhForward", [384], split],
    ["tanhBackward", [384], split],
    ["sigmoidForward", [384], split],
    ["sigmoidBackward", [384], split],
  ]);
});
