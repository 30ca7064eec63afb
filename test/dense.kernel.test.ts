/** Dense layers and their gradients against the reference, with guards, and the same bits for any number of workers. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { denseOps } from "../src/backend/wasm/dense.js";
import { dense, denseGradients } from "../src/reference/dense.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

function check(batch: number, inputs: number, units: number, hasBias = true): void {
  const x = randomArray([batch, inputs], 1);
  const kernel = randomArray([inputs, units], 2);
  const bias = hasBias ? randomArray([units], 3) : undefined;
  const dY = randomArray([batch, units], 4);
  const run = (parts: number) =>
    runRecorded(parts, ({ recorder, array }) => {
      const ops = denseOps(recorder);
      const [xs, kernels, slopes] = [x, kernel, dY].map((values) => array(values));
      const y = ops.dense(xs, kernels, bias && array(bias));
      const { dX, dKernel, dBias } = ops.denseGradients(xs, kernels, slopes, { dX: true, dBias: true });
      if (!dX || !dBias) throw new Error("a gradient that was wished for is missing");
      return [y, dX, dKernel, dBias];
    });
  const whole = run(1);
  const expected = denseGradients(x, kernel, dY);
  const context = `${batch}×${inputs}×${units}`;
  expectClose(whole[0], dense(x, kernel, bias).data, { rtol: sumTolerance(inputs + 1) }, `y ${context}`);
  expectClose(whole[1], expected.dX?.data ?? [], { rtol: sumTolerance(units) }, `dX ${context}`);
  expectClose(whole[2], expected.dKernel.data, { rtol: sumTolerance(batch) }, `dKernel ${context}`);
  expectClose(whole[3], expected.dBias?.data ?? [], { rtol: sumTolerance(batch) }, `dBias ${context}`);
  for (const parts of [2, 3]) expect(run(parts), `${parts} workers ${context}`).toEqual(whole);
}

test("by hand: [1 2]·[[1 2 3] [4 5 6]] + [1 1 1] = [10 13 16]", () => {
  const [y] = runRecorded(1, ({ recorder, put }) => [
    denseOps(recorder).dense(put([1, 2], [1, 2]), put([2, 3], [1, 2, 3, 4, 5, 6]), put([3], [1, 1, 1])),
  ]);
  expect([...y]).toEqual([10, 13, 16]);
});

test.each([
  [32, 400, 120],
  [32, 120, 84],
  [32, 84, 10],
  [17, 1536, 128],
  [16, 300, 520],
  [1, 257, 265],
  [33, 10, 1],
  [300, 7, 5],
])("%i×%i×%i", (batch, inputs, units) => check(batch, inputs, units));

test("without bias", () => check(5, 6, 7, false));

test("any sizes", () => {
  const size = fc.integer({ min: 1, max: 70 });
  fc.assert(
    fc.property(size, size, size, (batch, inputs, units) => check(batch, inputs, units)),
    { numRuns: 60 },
  );
});

test("what is not wished for is not computed", () => {
  runRecorded(1, ({ recorder, array }) => {
    const [x, kernel, dY] = [
      [4, 3],
      [3, 2],
      [4, 2],
    ].map((shape, seed) => array(randomArray(shape, seed)));
    const gradients = denseOps(recorder).denseGradients(x, kernel, dY, { dX: false, dBias: false });
    expect([gradients.dX, gradients.dBias]).toEqual([undefined, undefined]);
    expect(recorder.instructions.map(({ kernel }) => kernel)).toEqual(["matmulTN"]);
    return [];
  });
});
