/** Dead and stuck workers, many times over: an error within a second of the fault. */
import { expect, it } from "vitest";
import { datasets } from "../../src/index.js";
import { initialWeights } from "../../src/models/initializers.js";
import { lenet5 } from "../../src/models/networks.js";
import { adam } from "../../src/train/optimizers.js";
import { CAUSES, openFaulty, runningWorkers, struckAt } from "../support/faults.js";
import { soakCount, soakReport, soakSeed } from "../support/soak.js";

const PLACES = ["batch", "conv2d_1 forward", "loss", "dense_1 backward", "update", "barrier"];
const { train } = await datasets.loadDataset("shapes");

it("every cause in every place, at random steps: an error within a second", async () => {
  const started = performance.now();
  const count = soakCount(1000);
  const graph = lenet5();
  const weights = initialWeights(graph, 0);
  const worst: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const number = soakSeed() + i;
    const cause = CAUSES[number % CAUSES.length];
    const place = PLACES[Math.floor(number / CAUSES.length) % PLACES.length];
    const fault = { cause, place, thread: number % 2, step: (number * 7919) % 97 };
    // A fault of "once" instructions and of the loss' sums strikes thread 0 only.
    const session = await openFaulty(place === "loss" ? { ...fault, thread: 0 } : fault)({
      graph,
      loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
      optimizer: adam(),
      batchSize: 8,
      workers: 2,
      seed: 0,
      training: datasets.limit(train, 8 * 128),
    });
    session.writeWeights(weights);
    const totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
    const stretch = { from: 0, to: 128, step: 0, learningRate: 0.001, totals };
    await expect(session.train(stretch), `${cause} in ${place}`).rejects.toThrow(/^(a )?worker/);
    const ms = performance.timeOrigin + performance.now() - struckAt[0];
    expect(ms).toBeGreaterThan(0);
    worst[cause] = Math.max(worst[cause] ?? 0, ms);
    await session.close();
    expect(runningWorkers()).toBe(0);
    expect(ms, `${cause} in ${place}`).toBeLessThan(1000);
  }
  const figures = Object.entries(worst).map(([cause, ms]) => `${cause} ${ms.toFixed(0)} ms`);
  soakReport(`faults, the slowest: ${figures.join(", ")}`, count, started, soakSeed() + count);
});
