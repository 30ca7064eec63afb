import { describe, expect, it } from "vitest";
import { SaveClock } from "../src/train/saveClock.js";
import type { Callback } from "../src/train/types.js";

const saver = (saveEvery: Callback["saveEvery"]): Callback => ({ saveEvery, onSave() {} });

describe("SaveClock", () => {
  it("by the clock: due when so much time has passed, and then again", () => {
    let now = 1000;
    const callback = saver({ seconds: 30 });
    const clock = new SaveClock([callback], 0, () => now);
    expect(clock.delayMs()).toBe(30_000);
    expect(clock.stepsLeft(7)).toBe(Number.POSITIVE_INFINITY);
    now += 29_999;
    expect(clock.delayMs()).toBe(1);
    expect(clock.due(5)).toEqual([]);
    now += 2;
    expect(clock.delayMs()).toBe(0);
    expect(clock.due(6)).toEqual([callback]);
    expect(clock.due(6)).toEqual([]);
    now += 10_000;
    clock.reset(8); // an epoch has ended
    expect(clock.delayMs()).toBe(30_000);
  });

  it("by steps: at the multiples, wherever the run began, and never twice at one", () => {
    const callback = saver({ steps: 10 });
    const clock = new SaveClock([callback], 23);
    expect(clock.delayMs()).toBeUndefined();
    expect(clock.stepsLeft(23)).toBe(7);
    expect(clock.due(23)).toEqual([]);
    expect(clock.due(30)).toEqual([callback]);
    expect(clock.due(30)).toEqual([]);
    expect(clock.stepsLeft(30)).toBe(10);
    expect(new SaveClock([callback], 30).due(30)).toEqual([]);
  });

  it("the first of several counts; who saves never, or only at epochs' ends, does not", () => {
    let now = 0;
    const [a, b] = [saver({ seconds: 5 }), saver({ seconds: 3 })];
    const clock = new SaveClock([a, {}, saver(undefined), b, { saveEvery: { steps: 1 } }], 0, () => now);
    expect(clock.delayMs()).toBe(3000);
    expect(clock.stepsLeft(0)).toBe(Number.POSITIVE_INFINITY);
    now = 3500;
    expect(clock.due(1)).toEqual([b]);
    expect(clock.delayMs()).toBe(1500);
  });

  it("bounds a timer's time", () => {
    expect(new SaveClock([saver({ seconds: 1e9 })], 0).delayMs()).toBe(2 ** 31 - 1);
  });

  it.each([
    [{ seconds: 0 }, "fit: saveEvery.seconds must be positive; got 0."],
    [{ seconds: Number.NaN }, "fit: saveEvery.seconds must be positive; got NaN."],
    [{ steps: 1.5 }, "fit: saveEvery.steps must be a positive integer; got 1.5."],
    [{ steps: 0 }, "fit: saveEvery.steps must be a positive integer; got 0."],
  ])("refuses %j", (saveEvery, message) => {
    expect(() => new SaveClock([saver(saveEvery)], 0)).toThrow(message);
  });
});
