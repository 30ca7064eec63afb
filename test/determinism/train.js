/**
 * Trains each of the six networks for 20 steps with the built package and prints, as JSON, the SHA-256 of all weights for each
 * number of workers. Run by test/determinism.test.ts on this machine's Node, and by nodes.js on others.
 *   node test/determinism/train.js [1,2,3,4,8]
 */
import { createHash } from "node:crypto";
import { adam, datasets, models, weightsSha256 } from "cbapd";

/** Widths at which it is quick, and Winograd's form (16 channels and more), the direct one and the narrow first layers all run. */
const WIDTHS = { baseline: 1, lenet5: 1, alexnet8: 1 / 8, vgg16: 1 / 4, inception10: 1 / 2, resnet18: 1 / 4 };
/** Ten steps an epoch, the last one of three images, which no number of workers shares evenly. */
const IMAGES = 75;
const BATCH_SIZE = 8;
const EPOCHS = 2;

const workers = (process.argv[2] ?? "1,2,3,4,8").split(",").map(Number);
const { train } = datasets.shapes({ train: IMAGES, test: 10, seed: 3 });
const dataSha256 = createHash("sha256").update(train.images).update(train.labels).digest("hex");
const weights = {};
for (const [name, width] of Object.entries(WIDTHS)) {
  weights[name] = {};
  for (const count of workers) {
    const network = models[name]({ width });
    network.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
    const { state } = await network.fit(train, {
      batchSize: BATCH_SIZE,
      epochs: EPOCHS,
      seed: 1,
      workers: count,
    });
    if (state.step !== 20) throw new Error(`${name} made ${state.step} steps, not 20`);
    weights[name][count] = weightsSha256(network.getWeights());
  }
}
console.log(JSON.stringify({ node: process.version, v8: process.versions.v8, dataSha256, weights }));
