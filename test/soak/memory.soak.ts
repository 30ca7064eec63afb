/** Memory over a long time. */
import { expect, it } from "vitest";
import { memoryRun } from "../support/memoryRun.js";
import { soakCount, soakReport } from "../support/soak.js";

it("10,000 steps of LeNet5 take no more memory", async () => {
  const started = performance.now();
  const count = soakCount(10_000);
  const { grownMB, threads, rssMB } = await memoryRun("steps", count);
  soakReport(`steps, ${grownMB.toFixed(2)} MB more, ${rssMB.toFixed(0)} MB in all`, count, started);
  expect(grownMB).toBeLessThanOrEqual(1);
  expect(threads[1]).toBe(threads[0]);
});

it("100 networks one after another leave nothing", async () => {
  const started = performance.now();
  const count = soakCount(100);
  const { grownMB, threads, rssMB } = await memoryRun("models", count);
  soakReport(`networks, ${grownMB.toFixed(2)} MB more, ${rssMB.toFixed(0)} MB in all`, count, started);
  // The memory of one of them alone has 6 MB: a leak would be 600.
  expect(grownMB).toBeLessThanOrEqual(6);
  expect(threads[1]).toBe(threads[0]);
});
