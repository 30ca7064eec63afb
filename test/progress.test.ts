/** How often training tells of itself. */
import { expect, it } from "vitest";
import { shapes } from "../src/data/shapes.js";
import { models } from "../src/index.js";
import { CallbackList } from "../src/train/callbackList.js";
import type { Callback } from "../src/train/types.js";

const { train } = shapes({ train: 640, test: 8 });

async function reports(progressEvery: Callback["progressEvery"]): Promise<number[]> {
  const steps: number[] = [];
  const net = models.baseline().compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy" });
  const onProgress: Callback["onProgress"] = ({ step }) => void steps.push(step);
  await net.fit(train, { epochs: 1, batchSize: 4, workers: 2, callbacks: [{ progressEvery, onProgress }] });
  return steps;
}

it("as often as is asked for, and at the end of the epoch", async () => {
  expect(await reports({ seconds: 1e6 })).toEqual([160]);
  const often = await reports({ seconds: 0.001 });
  expect(often.length).toBeGreaterThan(2);
  expect(often.at(-1)).toBe(160);
  expect(often).toEqual(often.toSorted((a, b) => a - b));
});

it("as the most eager of those who listen", () => {
  const onProgress = () => {};
  const every = (...seconds: number[]) =>
    new CallbackList(seconds.map((each) => ({ onProgress, progressEvery: { seconds: each } }))).progressMs;
  expect(every(3, 0.5, 2)).toBe(500);
  expect(new CallbackList([{ onProgress }]).progressMs).toBe(100);
  expect(every(Number.POSITIVE_INFINITY)).toBe(2 ** 31 - 1); // what timers take
  expect(
    new CallbackList([{ onProgress, progressEvery: { seconds: 2 } }, { progressEvery: { seconds: 1 } }])
      .progressMs,
  ).toBe(2000);
  for (const wrong of [0, -1, Number.NaN]) {
    expect(() => every(1, wrong)).toThrow(`fit: progressEvery.seconds must be positive; got ${wrong}.`);
  }
});
