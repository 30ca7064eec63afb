/** Functions from + − × ÷ alone, against the engine's own: both are right to a few units in the last place. */
import { describe, expect, test } from "vitest";
import { cosPi, exp, log, power } from "../src/elementary.js";
import { randomValues } from "./support/arrays.js";

const EPSILON = 2 ** -53;
const numbers = Array.from(randomValues(3000, 1));

describe("within a few roundings of Math's", () => {
  test("cosPi, absolutely", () => {
    for (const x of [0, 0.25, 0.5, 0.75, 1, ...numbers.map(Math.abs)]) {
      // Math.cos(π·x) itself takes a rounded π·x, off by at most π·2⁻⁵³.
      expect(Math.abs(cosPi(x) - Math.cos(Math.PI * x)), `cosPi(${x})`).toBeLessThan(8 * EPSILON);
    }
    expect([cosPi(0), cosPi(1)]).toEqual([1, -1]);
    expect(Math.abs(cosPi(0.5))).toBeLessThan(EPSILON);
  });

  test("log, relative to itself or to 1", () => {
    const arguments_ = numbers.map((x) => Math.abs(x) * 2 ** Math.round(60 * x));
    for (const x of [1, 2, 0.5, 1e-300, 1e300, Number.MIN_VALUE, 1 + 2 ** -40, ...arguments_]) {
      const expected = Math.log(x);
      expect(Math.abs(log(x) - expected), `log(${x})`).toBeLessThan(
        8 * EPSILON * Math.max(Math.abs(expected), 1),
      );
    }
    expect(log(1)).toBe(0);
  });

  test("exp, relatively", () => {
    for (const x of [0, 1, -1, 700, -700, ...numbers.map((value) => 30 * value)]) {
      const expected = Math.exp(x);
      // The rest of the reduction, x − k·log 2, is off by k·log 2·2⁻⁵³.
      const tolerance = (8 + Math.abs(x)) * EPSILON;
      expect(Math.abs(exp(x) / expected - 1), `exp(${x})`).toBeLessThan(tolerance);
    }
    expect([exp(0), exp(-800), exp(800)]).toEqual([1, 0, Number.POSITIVE_INFINITY]);
  });

  test("power", () => {
    for (const exponent of [0, 1, 0.5, 2, 3.25, -1.5, 10]) {
      for (const base of [0.96, 0.1, 2, 7.5]) {
        const tolerance = (8 + 4 * Math.abs(exponent)) * EPSILON;
        expect(Math.abs(power(base, exponent) / base ** exponent - 1)).toBeLessThan(tolerance);
      }
    }
  });
});

test("bits that no engine may change", () => {
  const bits = (value: number) => new BigUint64Array(Float64Array.of(value).buffer)[0].toString(16);
  expect([cosPi(0.3), log(3), exp(0.7), power(0.96, 1.7)].map(bits)).toMatchInlineSnapshot(`
    [
      "3fe2cf2304755a5e",
      "3ff193ea7aad030a",
      "40001c2a61268987",
      "3feddac63e92ef71",
    ]
  `);
});
