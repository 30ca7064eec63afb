/**
 * What training takes of memory, measured in a process of its own: `node --expose-gc memoryChild.js steps 1000` trains one
 * LeNet5 for so many steps after a warm-up; `… models 100` trains so many networks one after another. Prints JSON.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { adam, datasets, models } from "../../dist/index.js";

const [mode, count] = [process.argv[2], Number(process.argv[3])];
const STEPS = 64; // an epoch
const { train } = await datasets.loadDataset("shapes");
const data = datasets.limit(train, STEPS * 32);

function network() {
  return models.lenet5().compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
}

/** After all garbage is gone, as far as that can be had. */
async function measure() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await sleep(20);
  }
  const threads = /^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"));
  return { rssMB: process.memoryUsage().rss / 2 ** 20, threads: Number(threads[1]) };
}

/** Of the time after the warm-up, taken evenly. */
const SAMPLES = 20;
const samples = [];
const sampleAt = (done, of) => Math.floor((done * SAMPLES) / of) > Math.floor(((done - 1) * SAMPLES) / of);

if (mode === "steps") {
  // Compiled code and the allocator's arenas grow for some 1,500 steps: 5 MB; then nothing does.
  const warmUp = Math.max(24, Math.ceil(count / STEPS / 5));
  const epochs = Math.ceil(count / STEPS);
  const onEpochEnd = async (epoch) => {
    const done = epoch + 1 - warmUp;
    if (done === 0 || (done > 0 && sampleAt(done, epochs))) samples.push(await measure());
  };
  await network().fit(data, { workers: 2, epochs: warmUp + epochs, callbacks: [{ onEpochEnd }] });
} else {
  // V8's heap and compiled code grow for some 30 networks: 10 MB, and by chance sooner or later; then next to nothing does.
  const warmUp = 40;
  const few = datasets.limit(data, 64);
  for (let i = 0; i < warmUp + count; i++) {
    await network().fit(few, { workers: 2 });
    const done = i + 1 - warmUp;
    if (done === 0 || (done > 0 && sampleAt(done, count))) samples.push(await measure());
  }
}
// V8 gives pages back, and takes them again, by some megabytes at any time: a quarter of the samples at either end says what stays.
const quarter = Math.ceil(samples.length / 4);
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const rss = (some) => median(some.map(({ rssMB }) => rssMB));
const [before, after] = [rss(samples.slice(0, quarter)), rss(samples.slice(-quarter))];
const threads = [samples[0].threads, samples.at(-1).threads];
process.stdout.write(`${JSON.stringify({ grownMB: after - before, threads, rssMB: after })}\n`);
