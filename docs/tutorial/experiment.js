/**
 * What each part of the Baseline network is good for: it is trained whole, and with one part changed, on 10,000 images of CIFAR-10 for five
 * epochs with two seeds. The figures of the tutorial's pages: node docs/tutorial/experiment.js
 */
import { adam, datasets, layers, sequential } from "../../dist/index.js";

const { train, test } = await datasets.cifar10();
const data = datasets.limit(train, 10_000);

const CHANGES = {
  "as it is": {},
  "without batch normalisation": { normalize: false },
  "without dropout": { rate: 0 },
  "sigmoid for relu": { activation: "sigmoid" },
  "average for max pooling": { pool: layers.averagePooling2d },
  "strides for pooling": { strides: 2 },
  "two 3×3 for one 5×5": { kernels: [3, 3] },
};

function baseline({
  normalize = true,
  rate = 0.2,
  activation = "relu",
  pool = layers.maxPooling2d,
  strides = 1,
  kernels = [5],
}) {
  const stage = kernels.flatMap((kernelSize, i) => [
    layers.conv2d({
      filters: 6,
      kernelSize,
      strides,
      padding: "same",
      ...(i === 0 && { inputShape: [32, 32, 3] }),
    }),
    ...(normalize ? [layers.batchNormalization()] : []),
    layers.activation({ activation }),
  ]);
  return sequential([
    ...stage,
    ...(strides === 1 ? [pool({ poolSize: 2, strides: 2, padding: "same" })] : []),
    ...(rate > 0 ? [layers.dropout({ rate })] : []),
    layers.flatten(),
    layers.dense({ units: 128, activation }),
    ...(rate > 0 ? [layers.dropout({ rate })] : []),
    layers.dense({ units: 10, activation: "softmax" }),
  ]);
}

for (const [name, change] of Object.entries(CHANGES)) {
  const results = [];
  for (const seed of [0, 1]) {
    const net = baseline(change);
    net.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
    const { history } = await net.fit(data, { epochs: 5, seed });
    const { accuracy } = await net.evaluate(test);
    results.push({ training: history.logs.accuracy.at(-1), test: accuracy });
  }
  const row = (key) => results.map((result) => result[key].toFixed(3).slice(1)).join(" ");
  console.log(`${name}: training ${row("training")}; test ${row("test")}`);
}
