/**
 * A training step of each network, batch 32, Adam, as `cbapd train` runs it: milliseconds with one worker and with two, how
 * much two gain, and the share of one core's peak that the first has (direct multiply-adds counted; Winograd needs fewer).
 * Before timing, one and two workers must have trained the same weights. FILTER=name chooses networks.
 */
import { initialWeights } from "../src/models/initializers.js";
import { NETWORK_NAMES, NETWORKS, type NetworkName } from "../src/models/networks.js";
import { summaryData } from "../src/models/summary.js";
import { weightsSha256 } from "../src/train/checkpoint.js";
import { openSession } from "../src/train/openSession.js";
import { adam } from "../src/train/optimizers.js";
import { randomValues } from "../test/support/arrays.js";
import { peakMeter } from "./support/peak.js";

const BATCH = 32;
/** Stretches of each session; the best counts, as the machine is shared. */
const STRETCHES = 5;
const STEPS: Record<NetworkName, number> = {
  baseline: 40,
  lenet5: 40,
  alexnet8: 4,
  vgg16: 3,
  inception10: 10,
  resnet18: 2,
};

const peakNow = await peakMeter();
for (const name of NETWORK_NAMES) {
  if (process.env.FILTER && !name.includes(process.env.FILTER)) continue;
  const one = await bestStep(name, 1);
  const two = await bestStep(name, 2);
  if (one.sha256 !== two.sha256) throw new Error(`${name}: one and two workers trained different weights`);
  // Forward, and twice as much backward.
  const gflops = (3 * 2 * summaryData(NETWORKS[name]()).macs * BATCH) / one.ms / 1e6;
  console.log(
    `${name.padEnd(12)} 1 worker ${one.ms.toFixed(2).padStart(8)} ms   2 workers ${two.ms.toFixed(2).padStart(8)} ms` +
      `   gain ${(one.ms / two.ms).toFixed(2)}   of peak ${(gflops / peakNow()).toFixed(2)}`,
  );
}

async function bestStep(name: NetworkName, workers: number): Promise<{ ms: number; sha256: string }> {
  const graph = NETWORKS[name]();
  const steps = STEPS[name];
  const count = BATCH * steps;
  const images = Uint8Array.from(randomValues(count * 3072, 1), (value) => (value + 1) * 127);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const optimizer = adam();
  const session = await openSession({
    graph,
    loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
    optimizer,
    batchSize: BATCH,
    workers,
    seed: 0,
    training: { count, images, scale: 1 / 255, labels },
  });
  try {
    session.writeWeights(initialWeights(graph, 0));
    let best = Number.POSITIVE_INFINITY;
    for (let stretch = 0; stretch <= STRETCHES; stretch++) {
      const totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
      const started = performance.now();
      await session.train({ from: 0, to: steps, step: stretch * steps, learningRate: 0.001, totals });
      // The first lets the engine compile the kernels well.
      if (stretch > 0) best = Math.min(best, (performance.now() - started) / steps);
    }
    return { ms: best, sha256: weightsSha256(session.readWeights()) };
  } finally {
    await session.close();
  }
}
