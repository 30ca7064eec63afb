/** The checks of options that layers share: each kind of wrong value, by name and with the value. */
import { describe, expect, it } from "vitest";
import { OptionError, ShapeError } from "../src/errors.js";
import { flag, inputOfRank, oneOf, positiveInteger } from "../src/layers/checks.js";

describe("positiveInteger", () => {
  it.each([1, 2, 4096])("takes %s", (value) => {
    expect(positiveInteger("dense", "units", value)).toBe(value);
  });

  // Each is wrong in one way only: an integer that is too small, a number that is large enough and no integer, no number.
  it.each([0, -3, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "3", null, undefined, [3]])(
    "rejects %s",
    (value) => {
      expect(() => positiveInteger("dense", "units", value)).toThrow(OptionError);
      expect(() => positiveInteger("dense", "units", value)).toThrow(
        /^dense: units must be a positive integer; got /,
      );
    },
  );
});

describe("oneOf", () => {
  it("takes what is known, and rejects the rest with the choice", () => {
    expect(oneOf("conv2d", "padding", "same", ["same", "valid"])).toBe("same");
    for (const value of ["Same", "", 1, undefined]) {
      expect(() => oneOf("conv2d", "padding", value, ["same", "valid"])).toThrow(
        /^conv2d: padding must be "same" or "valid"; got /,
      );
    }
  });
});

describe("flag", () => {
  it("takes true and false alone", () => {
    expect(flag("conv2d", "useBias", true)).toBe(true);
    expect(flag("conv2d", "useBias", false)).toBe(false);
    for (const value of [0, 1, "true", null, undefined]) {
      expect(() => flag("conv2d", "useBias", value)).toThrow(/^conv2d: useBias must be true or false; got /);
    }
  });
});

describe("inputOfRank", () => {
  it("gives the input of the right rank", () => {
    expect(inputOfRank("conv2d", [[5, 4, 3]], 3)).toEqual([5, 4, 3]);
    expect(inputOfRank("dense", [[7]], 1)).toEqual([7]);
  });

  it("says what was wanted, and the cure where there is one", () => {
    expect(() => inputOfRank("conv2d", [[7]], 3)).toThrow(ShapeError);
    expect(() => inputOfRank("conv2d", [[7]], 3)).toThrow(
      /^conv2d: input must have shape \[height, width, channels\]; got \[7\]\.$/,
    );
    expect(() => inputOfRank("dense", [[5, 4, 3]], 1)).toThrow(
      /^dense: input must have shape \[features\]; got \[5, 4, 3\]\. Put a flatten layer before it\.$/,
    );
  });
});
