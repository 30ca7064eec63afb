import { expect, test } from "vitest";
import type { Backend } from "../src/backend/backend.js";
import { joinOps } from "../src/backend/wasm/join.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { OptionError, ShapeError } from "../src/errors.js";
import { add as addLayer } from "../src/layers/add.js";
import { concatenate as concatenateLayer } from "../src/layers/concatenate.js";
import { add } from "../src/reference/add.js";
import { concatenate, concatenateGradient } from "../src/reference/concatenate.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { dot, numericGradient, randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { Core } from "./support/kernels.js";
import { expectSameBits } from "./support/splits.js";

const core = new Core();
const { addForward, copyChannels } = core.exports;
/** These layers ask their backend for joins alone. */
const backend = { add, concatenate, concatenateGradient } as unknown as Backend<NDArray>;
const training = { training: true, stream: 0 };

test("a worked example: channels side by side, and apart again", () => {
  const a = ndarray([2, 1, 1], [1, 2]);
  const b = ndarray([2, 1, 2], [3, 4, 5, 6]);
  const y = concatenate([a, b]);
  expect(y).toEqual(ndarray([2, 1, 3], [1, 3, 4, 2, 5, 6]));
  expect(concatenateGradient(y, [1, 2])).toEqual([a, b]);
  expect(add(b, b)).toEqual(ndarray([2, 1, 2], [6, 8, 10, 12]));
});

test("gradients of both joins are those of central differences", () => {
  const a = randomArray([3, 2, 3], 1);
  const b = randomArray([3, 2, 3], 2);
  const c = randomArray([3, 2, 2], 3);
  const dSum = randomArray([3, 2, 3], 4);
  const dJoin = randomArray([3, 2, 8], 5);
  const inputs = [a, b, a].map(({ shape }) => shape.slice(1));
  const sum = () => addLayer.forward(backend, [a, b, a], {}, {}, training).y;
  const { dXs } = addLayer.backward(backend, dSum, {}, {}, {}, { dX: true, inputs });
  expectClose(
    dXs[1]!.data,
    numericGradient(() => dot(sum(), dSum), b),
    { atol: 1e-9 },
  );
  expect(dXs).toHaveLength(3);

  const joined = [a, c, b];
  const shapes = joined.map(({ shape }) => shape.slice(1));
  const join = () => concatenateLayer.forward(backend, joined, {}, {}, training).y;
  const apart = concatenateLayer.backward(backend, dJoin, {}, {}, {}, { dX: true, inputs: shapes }).dXs;
  joined.forEach((x, i) => {
    expectClose(
      apart[i]!.data,
      numericGradient(() => dot(join(), dJoin), x),
      { atol: 1e-9 },
    );
  });
});

for (const [images, size] of [
  [1, 1],
  [3, 5],
  [4, 16],
  [5, 131],
]) {
  test(`the sum of two [${images}, ${size}] is the reference's, for any split`, () => {
    core.reset();
    const arrays = [randomArray([images, size], 1), randomArray([images, size], 2)];
    const [a, b] = arrays.map(({ data }) => core.putFloats(data));
    const [y] = expectSameBits(core, [images * size * 4], images, ([to], begin, end) => {
      addForward(to, a, b, size, begin, end);
    });
    const expected = add(arrays[0], arrays[1]).data;
    expectClose(core.floats(y, images * size), expected, { rtol: FLOAT32_EPSILON });
  });
}

for (const [images, positions, ...sizes] of [
  [1, 1, 1, 1],
  [3, 4, 3, 17, 6],
  [4, 1, 10, 16],
  [3, 9, 16, 16, 16, 16],
  [2, 5, 64, 1, 10],
]) {
  test(`concatenating ${sizes} channels copies the very bits, both ways, for any split`, () => {
    core.reset();
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const arrays = sizes.map((size, i) => randomArray([images, positions, size], i));
    const xs = arrays.map(({ data }) => core.putFloats(data));
    const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
    const [y] = expectSameBits(core, [images * positions * total * 4], images, ([to], begin, end) => {
      xs.forEach((x, i) => {
        copyChannels(to, x, starts[i], total, 0, sizes[i], sizes[i], positions, begin, end);
      });
    });
    const values = core.floats(y, images * positions * total);
    expect([...values]).toEqual([...concatenate(arrays).data]);
    sizes.forEach((size, i) => {
      const [dX] = expectSameBits(core, [images * positions * size * 4], images, ([to], begin, end) => {
        copyChannels(to, y, 0, size, starts[i], total, size, positions, begin, end);
      });
      expect([...core.floats(dX, images * positions * size)]).toEqual([...arrays[i].data]);
    });
  });
}

for (const [images, positions, count, first, total] of [
  [1, 1, 1, 0, 1],
  [3, 4, 3, 2, 9],
  [4, 9, 16, 16, 48],
  [5, 2, 7, 1, 8],
  [2, 5, 20, 4, 24],
]) {
  test(`relu on ${count} of ${total} channels gives the bits of relu and a copy, for any split`, () => {
    core.reset();
    const kernels = core.exports;
    const size = positions * count;
    const zeros = (values: ArrayLike<number>) =>
      Float32Array.from(values, (value, i) => [value, -0, 0, value, Number.NaN][i % 7] ?? value);
    const put = (shape: number[], seed: number) => core.putFloats(zeros(randomArray(shape, seed).data));
    const x = put([images, positions, count], 1);
    const wide = put([images, positions, total], 2);
    const dWide = put([images, positions, total], 3);
    const [mean, gamma, beta] = [4, 5, 6].map((seed) => core.putFloats(randomArray([count], seed).data));
    const variance = core.putFloats(randomArray([count], 7).data.map((value) => Math.abs(value) + 0.1));
    const work = core.allocate(count * 16 * 8);
    const floats = (address: number) => core.bytes(address, images * positions * total * 4);
    const narrow = core.allocate(images * size * 4);
    const gradient = core.allocate(images * size * 4);
    const expected = core.allocate(images * positions * total * 4);

    kernels.reluForward(narrow, x, size, 0, images);
    kernels.copyChannels(expected, narrow, first, total, 0, count, count, positions, 0, images);
    const [y] = expectSameBits(core, [images * positions * total * 4], images, ([to], begin, end) => {
      kernels.reluForwardIntoBand(to, x, first, total, count, positions, begin, end);
    });
    expect(floats(y)).toEqual(floats(expected));

    kernels.normalizeReluForward(
      narrow,
      x,
      mean,
      variance,
      gamma,
      beta,
      work,
      1e-3,
      positions,
      count,
      0,
      images,
    );
    kernels.copyChannels(expected, narrow, first, total, 0, count, count, positions, 0, images);
    const [z] = expectSameBits(core, [images * positions * total * 4], images, ([to], begin, end) => {
      const statistics = [mean, variance, gamma, beta, work, 1e-3];
      kernels.normalizeReluForwardIntoBand(to, x, ...statistics, first, total, count, positions, begin, end);
    });
    expect(floats(z)).toEqual(floats(expected));

    kernels.copyChannels(narrow, wide, 0, count, first, total, count, positions, 0, images);
    kernels.copyChannels(gradient, dWide, 0, count, first, total, count, positions, 0, images);
    const whole = core.allocate(images * size * 4);
    kernels.reluBackward(whole, narrow, gradient, size, 0, images);
    for (const [gate, from, ...bands] of [
      [wide, dWide, first, total, first, total],
      [wide, gradient, first, total, 0, count],
      [narrow, dWide, 0, count, first, total],
    ]) {
      const [dX] = expectSameBits(core, [images * size * 4], images, ([to], begin, end) => {
        kernels.reluBackwardOfBands(to, gate, from, ...bands, count, positions, begin, end);
      });
      expect(core.bytes(dX, images * size * 4)).toEqual(core.bytes(whole, images * size * 4));
    }
  });
}

test("the recording copies each input into its band, and each gradient out of it", () => {
  const recorder = new Recorder();
  const ops = joinOps(recorder);
  const a = recorder.tensor([32, 4, 4, 6]);
  const b = recorder.tensor([32, 4, 4, 10]);
  const y = ops.concatenate([a, b]);
  expect(y.shape).toEqual([32, 4, 4, 16]);
  const dXs = ops.concatenateGradient(y, [6, 10]);
  expect(dXs.map(({ shape }) => shape)).toEqual([a.shape, b.shape]);
  expect(ops.add(a, dXs[0]).shape).toEqual(a.shape);
  expect(recorder.instructions.every(({ split }) => split.by === "images")).toBe(true);
  const numbers = recorder.instructions.map(({ kernel, args }) => [
    kernel,
    ...args.filter((arg) => typeof arg === "number"),
  ]);
  expect(numbers).toEqual([
    ["copyChannels", 0, 16, 0, 6, 6, 16],
    ["copyChannels", 6, 16, 0, 10, 10, 16],
    ["copyChannels", 0, 6, 0, 16, 6, 16],
    ["copyChannels", 0, 10, 6, 16, 10, 16],
    ["addForward", 96],
  ]);
});

test("joins refuse shapes that do not fit, by the layer's name", () => {
  const a = [8, 8, 16];
  const b = [4, 4, 32];
  expect(() => addLayer.outputShape([a, a, b], {}, "add_1")).toThrow(
    new ShapeError("add_1: inputs must have equal shapes; got [8, 8, 16] and [4, 4, 32]."),
  );
  expect(() => addLayer.outputShape([a], {}, "add")).toThrow("add: inputs must be at least two; got 1.");
  expect(() => concatenateLayer.outputShape([a, b], {}, "concatenate_2")).toThrow(
    new ShapeError(
      "concatenate_2: inputs must have equal shapes but for the last axis; got [8, 8, 16] and [4, 4, 32].",
    ),
  );
  expect(() => concatenateLayer.outputShape([a], {}, "join")).toThrow(
    "join: inputs must be at least two; got 1.",
  );
  expect(addLayer.outputShape([a, a], {}, "add")).toEqual(a);
  expect(concatenateLayer.outputShape([a, [8, 8, 3]], {}, "join")).toEqual([8, 8, 19]);
  expect(addLayer.flops([a, a, a], {})).toBe(2 * 8 * 8 * 16);
  const unwanted = { dX: false, inputs: [a, a] };
  const dY = randomArray([1, ...a], 1);
  expect(addLayer.backward(backend, dY, {}, {}, {}, unwanted).dXs).toEqual([undefined, undefined]);
  expect(concatenateLayer.backward(backend, dY, {}, {}, {}, unwanted).dXs).toEqual([undefined, undefined]);
  for (const layer of [addLayer, concatenateLayer]) {
    expect(() => layer.options({ axis: 1 })).toThrow(OptionError);
  }
});
