/**
 * Transfer: a network that has learnt ten classes learns a new task from a few images. Its first layers are kept and frozen
 * while a new head learns; then everything is fine-tuned at a small rate.
 *
 *   node examples/transfer.js
 */
import { adam, datasets, layers, sequential } from "cbapd";

const options = { loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] };

function network(classes) {
  return sequential([
    layers.conv2d({ filters: 8, kernelSize: 5, strides: 2, padding: "same", inputShape: [32, 32, 3] }),
    layers.batchNormalization({ momentum: 0.9 }),
    layers.activation({ activation: "relu" }),
    layers.maxPooling2d(),
    layers.conv2d({ filters: 24, kernelSize: 3, activation: "relu" }),
    layers.flatten(),
    layers.dense({ units: classes, activation: "softmax" }),
  ]);
}

// The teacher knows ten coloured shapes.
const many = datasets.shapes({ train: 2000, test: 200 });
const teacher = network(10).compile({ optimizer: adam({ learningRate: 0.005 }), ...options });
await teacher.fit(many.train, { epochs: 6, seed: 0 });

// The new task: is it one of the first five? Ninety images must do.
const halves = ({ images, labels }, count) => ({
  x: images.subarray(0, count * 32 * 32 * 3),
  y: Array.from(labels.subarray(0, count), (label) => Number(label >= 5)),
});
const few = halves(datasets.shapes({ train: 90, test: 1, seed: 7 }).train, 90);
const test = halves(many.test, 200);

const net = network(2);
for (const layer of net.layers.slice(0, -1)) {
  layer.setWeights(teacher.getLayer(layer.name).getWeights());
  layer.trainable = false;
}
net.summary(); // frozen layers count as non-trainable
net.compile({ optimizer: adam({ learningRate: 0.01 }), ...options });
await net.fit(few, { epochs: 8, batchSize: 15, seed: 1 });
const frozen = await net.evaluate(test);

net.unfreeze();
net.compile({ optimizer: adam({ learningRate: 0.0003 }), ...options });
await net.fit(few, { epochs: 4, batchSize: 15, seed: 2 });
const tuned = await net.evaluate(test);

const scratch = network(2).compile({ optimizer: adam({ learningRate: 0.01 }), ...options });
await scratch.fit(few, { epochs: 12, batchSize: 15, seed: 1 });
const alone = await scratch.evaluate(test);

console.log(`from scratch: accuracy ${alone.accuracy.toFixed(2)}`);
console.log(`new head: accuracy ${frozen.accuracy.toFixed(2)}; fine-tuned: ${tuned.accuracy.toFixed(2)}`);
