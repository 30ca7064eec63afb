import { adam, datasets, models, weightsSha256 } from "cbapd";

const { train } = datasets.shapes({ train: 75, test: 10, seed: 3 });
const net = models.lenet5();
net.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
await net.fit(train, {
  batchSize: 8,
  epochs: 2,
  seed: 1,
  callbacks: [
    {
      onProgress({ epoch, step, steps, logs }) {
        postMessage(`epoch ${epoch + 1}, step ${step} of ${steps}: loss ${logs.loss.toFixed(3)}`);
      },
    },
  ],
});
postMessage(`trained: ${weightsSha256(net.getWeights())}`);
