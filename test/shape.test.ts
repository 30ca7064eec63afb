/** The one shape rule. */
import { describe, expect, it } from "vitest";
import { OptionError, ShapeError } from "../src/errors.js";
import { sameShape, showShape, sizeOf, toPair, windowAxis, windowGeometry } from "../src/shape.js";

describe("toPair", () => {
  it("takes a positive integer for both directions, or a pair", () => {
    expect(toPair("conv2d", "strides", 3)).toEqual([3, 3]);
    expect(toPair("conv2d", "strides", [1, 2])).toEqual([1, 2]);
  });

  it.each([
    [0],
    [-1],
    [1.5],
    [[1]],
    [[1, 2, 3]],
    [[0, 1]],
    [[1, 0]],
    [[1, 2.5]],
    [[]],
    ["3"],
    [null],
    [{ length: 2 }],
  ])("rejects %j", (value) => {
    const call = () => toPair("conv2d", "strides", value as number);
    expect(call).toThrow(OptionError);
    expect(call).toThrow("conv2d: strides must be a positive integer or a pair of them; got ");
  });
});

describe("windowAxis", () => {
  // in, kernel, stride, padding → out, before, after; TensorFlow's, worked out by hand
  it.each([
    [5, 3, 1, "same", 5, 1, 1],
    [5, 2, 1, "same", 5, 0, 1], // the odd one behind
    [6, 3, 2, "same", 3, 0, 1], // (3 − 1)·2 + 3 − 6 = 1
    [7, 3, 2, "same", 4, 1, 1],
    [3, 7, 1, "same", 3, 3, 3], // the kernel is larger than the picture
    [5, 1, 3, "same", 2, 0, 0], // never negative
    [5, 3, 1, "valid", 3, 0, 0],
    [6, 3, 2, "valid", 2, 0, 0], // the last row is not seen
    [2, 3, 1, "valid", 0, 0, 0],
  ] as const)("%i by %i, stride %i, %s", (size, kernel, stride, padding, out, before, after) => {
    expect(windowAxis(size, kernel, stride, padding)).toEqual({ out, before, after });
  });
});

describe("windowGeometry", () => {
  it("keeps rows and columns apart", () => {
    const window = { kernel: [3, 2], strides: [2, 1], padding: "same" } as const;
    expect(windowGeometry("pool", 6, 4, window)).toEqual({
      outHeight: 3,
      outWidth: 4,
      padTop: 0,
      padBottom: 1,
      padLeft: 0,
      padRight: 1,
    });
  });

  it.each([
    [2, 9],
    [9, 2],
  ])("says when a window does not fit into %i×%i", (height, width) => {
    const call = () =>
      windowGeometry("pool", height, width, { kernel: [3, 3], strides: [1, 1], padding: "valid" });
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(
      `pool: a window of [3, 3] does not fit into an input of height ${height} and width ${width}`,
    );
  });
});

it("shapes: their size, equality and wording", () => {
  expect(sizeOf([2, 3, 4])).toBe(24);
  expect(sizeOf([])).toBe(1);
  expect(sameShape([2, 3], [2, 3])).toBe(true);
  expect(sameShape([2, 3], [2])).toBe(false);
  expect(sameShape([2], [2, 3])).toBe(false);
  expect(sameShape([2, 3], [2, 4])).toBe(false);
  expect(showShape([32, 32, 3])).toBe("32×32×3");
  expect(showShape([])).toBe("scalar");
});
