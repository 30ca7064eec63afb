/**
 * A training loop of your own: gradients from `gradients()`, the update written by hand. Here it is gradient descent with
 * momentum whose learning rate falls in a line; whatever else you want to try goes in the same place.
 *
 *   node examples/own-loop.js
 */
import { datasets, layers, sequential, sgd } from "cbapd";

const { train, test } = datasets.shapes({ train: 1600, test: 200 });
const size = 32 * 32 * 3;
const net = sequential([
  layers.conv2d({ filters: 8, kernelSize: 5, strides: 2, activation: "relu", inputShape: [32, 32, 3] }),
  layers.conv2d({ filters: 16, kernelSize: 3, activation: "relu" }),
  layers.maxPooling2d(),
  layers.flatten(),
  layers.dense({ units: train.classes.length, activation: "softmax" }),
]);
// `gradients` asks for a loss; the optimizer that stands here is never used.
net.compile({ optimizer: sgd(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });

const batchSize = 32;
const steps = 6 * (train.count / batchSize);
const velocities = new Map();

for (let step = 0; step < steps; step++) {
  const first = (step * batchSize) % train.count;
  const images = train.images.subarray(first * size, (first + batchSize) * size); // bytes: scaled by 1/255
  const labels = train.labels.subarray(first, first + batchSize);

  const { loss, gradients } = await net.gradients(images, labels);

  const learningRate = 0.05 * (1 - step / steps);
  const weights = net.getWeights();
  for (const [name, gradient] of gradients) {
    const weight = weights.get(name);
    const velocity = velocities.get(name) ?? new Float32Array(weight.length);
    for (let i = 0; i < weight.length; i++) {
      velocity[i] = 0.9 * velocity[i] - learningRate * gradient[i];
      weight[i] += velocity[i];
    }
    velocities.set(name, velocity);
  }
  net.setWeights(weights);
  if (step % 60 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
}

const { accuracy } = await net.evaluate(test);
console.log(`accuracy ${accuracy.toFixed(3)}`);
