import { adam, datasets, models, weightsSha256 } from "cbapd";

const output = document.querySelector("output");
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
        output.value = `epoch ${epoch + 1}, step ${step} of ${steps}: loss ${logs.loss.toFixed(3)}`;
      },
    },
  ],
});
output.value = `trained: ${weightsSha256(net.getWeights())}`;
