/**
 * The smallest possible net: one dense layer, on images of ten coloured shapes.
 *
 *   node examples/smallest.js
 */
import { adam, datasets, layers, sequential } from "cbapd";

const { train, test } = datasets.shapes({ train: 1000, test: 200 });

const net = sequential([
  layers.flatten({ inputShape: [32, 32, 3] }),
  layers.dense({ units: train.classes.length, activation: "softmax" }),
]);
net.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });

await net.fit(train, { epochs: 5, seed: 0 });

const { loss, accuracy } = await net.evaluate(test);
console.log(`loss ${loss.toFixed(3)}, accuracy ${accuracy.toFixed(3)}`);
