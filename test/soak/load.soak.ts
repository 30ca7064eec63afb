/** Beside other processes that want the machine, and with more workers than cores: right bits, and no collapse. */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { afterEach, expect, it } from "vitest";
import { adam, datasets, type Model, models, weightsSha256 } from "../../src/index.js";
import { soakCount, soakReport } from "../support/soak.js";

const HOGS = 4;
const { train } = await datasets.loadDataset("shapes");
const data = datasets.limit(train, 32 * 64);
const hogs: ChildProcess[] = [];

/** Processes that compute for ever. */
function startHogs(): void {
  for (let i = 0; i < HOGS; i++) hogs.push(spawn(process.execPath, ["-e", "for (;;);"]));
}

function stopHogs(): void {
  for (const hog of hogs.splice(0)) hog.kill("SIGKILL");
}
afterEach(stopHogs);

const lenet5 = () => models.lenet5().compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });

/** Milliseconds of an epoch, the first left out, the median of the others; and the weights. */
async function trainFor(workers: number, epochs: number): Promise<{ ms: number; sha256: string }> {
  const ends: number[] = [];
  const net = lenet5();
  await net.fit(data, {
    workers,
    epochs,
    callbacks: [{ onEpochEnd: () => void ends.push(performance.now()) }],
  });
  return {
    ms: median(ends.slice(1).map((end, i) => end - ends[i])),
    sha256: weightsSha256(net.getWeights()),
  };
}

async function evaluateFor(net: Model, workers: number): Promise<{ ms: number; loss: number }> {
  const started = performance.now();
  const { loss } = await net.evaluate(train, { workers });
  return { ms: performance.now() - started, loss };
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];

it(`beside ${HOGS} busy processes: the right bits, and no more lost than the share`, async () => {
  const started = performance.now();
  const epochs = Math.max(3, soakCount(40));
  const cores = availableParallelism();
  const workers = cores;
  const alone = await trainFor(workers, epochs);
  const net = lenet5();
  const aloneEvaluation = await evaluateFor(net, workers);
  startHogs();
  const loaded = await trainFor(workers, epochs);
  const loadedEvaluation = await evaluateFor(net, workers);
  stopHogs();
  expect(loaded.sha256).toBe(alone.sha256);
  expect(loadedEvaluation.loss).toBe(aloneEvaluation.loss);
  // Each thread's fair share of the machine, were there no barriers.
  const fair = (workers + HOGS) / cores;
  const slower = loaded.ms / alone.ms;
  const slowerEvaluation = loadedEvaluation.ms / aloneEvaluation.ms;
  soakReport(
    `epochs beside ${HOGS} busy processes on ${cores} cores: train ${slower.toFixed(2)}, evaluate ` +
      `${slowerEvaluation.toFixed(2)} times as long; the fair share is ${fair.toFixed(2)}`,
    epochs,
    started,
  );
  // Threads that meet often wait for whoever got the processor last: that is allowed to cost half as much again.
  expect(slower).toBeLessThan(1.5 * fair);
  expect(slowerEvaluation).toBeLessThan(1.5 * fair);
});

it("32 workers: the right bits, in at most twice the time of as many workers as cores", async () => {
  const started = performance.now();
  const epochs = Math.max(3, soakCount(40));
  const few = await trainFor(availableParallelism(), epochs);
  const many = await trainFor(32, epochs);
  expect(many.sha256).toBe(few.sha256);
  soakReport(`epochs with 32 workers: ${(many.ms / few.ms).toFixed(2)} times as long`, epochs, started);
  expect(many.ms / few.ms).toBeLessThanOrEqual(2);
});
