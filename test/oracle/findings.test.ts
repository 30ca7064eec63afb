/** What docs/oracles.md says of tfjs 4.22, held to be true: when an update of tfjs changes it, this tells. */
import { beforeAll, describe, expect, it } from "vitest";
import { conv2d } from "../../src/reference/conv2d.js";
import { ndarray } from "../../src/reference/ndarray.js";
import { loadTfjs, type OracleBackend, type Tfjs, useBackend } from "../../src/verify/oracle/load.js";

let tf: Tfjs;
beforeAll(async () => {
  tf = (await loadTfjs())!;
});

function on<Result>(backend: OracleBackend, run: () => Result): Result {
  useBackend(tf, backend);
  return run();
}

const row = (values: readonly number[]) => tf.tensor4d([...values], [1, 1, values.length, 1]);

describe("tfjs 4.22", () => {
  it("conv2d: wasm gives zeros where strides beyond the kernel leave rows unread", () => {
    const convolve = () =>
      Array.from(
        tf
          .conv2d(tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]), tf.ones([1, 2, 1, 1]), [2, 1], "same")
          .dataSync(),
      );
    expect(on("cpu", convolve)).toEqual([3, 5, 3]);
    expect(on("wasm", convolve)).toEqual([0, 0, 0]);
    const window = { kernel: [1, 2], strides: [2, 1], padding: "same" } as const;
    const ours = conv2d(
      ndarray([1, 2, 3, 1], [1, 2, 3, 4, 5, 6]),
      ndarray([1, 2, 1, 1], [1, 1]),
      undefined,
      window,
    );
    expect(Array.from(ours.data)).toEqual([3, 5, 3]);
  });

  it("conv2d: wasm has no filter gradient", () => {
    const gradient = () =>
      tf.grad((kernel) => tf.sum(tf.conv2d(tf.ones([1, 3, 3, 1]) as never, kernel as never, 1, "valid")))(
        tf.ones([2, 2, 1, 1]),
      );
    expect(Array.from(on("cpu", gradient).dataSync())).toEqual([4, 4, 4, 4]);
    expect(() => on("wasm", gradient)).toThrow(/Conv2DBackpropFilter/);
  });

  it("maxPool: wasm sends the gradient of a negative maximum astray", () => {
    const gradient = () =>
      Array.from(
        tf
          .grad((x) => tf.sum(tf.maxPool(x as never, 1, 1, "valid")))(row([-1, -2]))
          .dataSync(),
      );
    expect(on("cpu", gradient)).toEqual([1, 1]);
    expect(on("wasm", gradient)).toEqual([1, 0]);
  });

  it("maxPool: a tie goes to the first maximum on cpu, to the last on wasm", () => {
    const gradient = () =>
      Array.from(
        tf
          .grad((x) => tf.sum(tf.maxPool(x as never, [1, 2], 1, "valid")))(row([5, 5]))
          .dataSync(),
      );
    expect(on("cpu", gradient)).toEqual([1, 0]);
    expect(on("wasm", gradient)).toEqual([0, 1]);
  });

  it("avgPool: forward leaves the padding out of the count, the gradient does not, on either backend", () => {
    for (const backend of ["cpu", "wasm"] as const) {
      const pool = (x: unknown) => tf.avgPool(x as ReturnType<typeof row>, [1, 2], 1, "same");
      expect(on(backend, () => Array.from(pool(row([1, 2])).dataSync()))).toEqual([1.5, 2]);
      // The second output is the second input itself: ½ + 1 of it in the sum.
      const gradient = on(backend, () =>
        Array.from(
          tf
            .grad((x) => tf.sum(pool(x)))(row([1, 2]))
            .dataSync(),
        ),
      );
      expect(gradient).toEqual([0.5, 1]);
    }
  });
});
