/** In a page: what test/determinism/train.js does in Node, for one network; in whole stretches, and step by step. */
import { adam, datasets, models, weightsSha256 } from "cbapd";

const { train } = datasets.shapes({ train: 75, test: 10, seed: 3 });

globalThis.train = async ({ name, workers }) => {
  const heard = [];
  const sums = [];
  for (const callbacks of [[], [{ onBatchEnd: (batch, { loss }) => heard.push({ batch, loss }) }]]) {
    const network = models[name]();
    network.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
    await network.fit(train, { batchSize: 8, epochs: 2, seed: 1, workers, callbacks });
    sums.push(weightsSha256(network.getWeights()));
  }
  return { sums, heard };
};

globalThis.ready = true;
