/**
 * A layer of your own with its own gradient: swish with a learnt slope for each channel (Ramachandran et al. 2017),
 *   y = x·σ(z),  z = beta·x.
 * With s = σ(z), ds/dz = s·(1 − s), so
 *   dX    = dY·(s + z·s·(1 − s))
 *   dBeta = Σ dY·x²·s·(1 − s), over all but the channels.
 * It is written against the backend's operations, so it runs on the fast kernels and on the float64 reference alike; and it is
 * held against central differences before anything is trained with it.
 *
 *   node examples/own-layer.js
 */
import { adam, datasets, defineLayer, layers, sequential } from "cbapd";
import { checkLayer } from "cbapd/verify";

export const swish = defineLayer({
  kind: "swish",
  title: "Swish",
  parameters: ([input]) => ({ beta: { shape: [input[input.length - 1]], initializer: "ones" } }),
  forward(backend, x, { beta }) {
    const z = backend.multiplyChannels(x, beta);
    const s = backend.sigmoid(z);
    return { y: backend.multiply(x, s), cache: { x, z, s } };
  },
  backward(backend, dY, { beta: _beta }, { x, z, s }) {
    const slope = backend.multiply(s, backend.affine(s, -1, 1)); // s·(1 − s)
    const dX = backend.multiply(dY, backend.add(s, backend.multiply(z, slope)));
    const squares = backend.multiply(backend.multiply(x, x), slope);
    return { dX, parameters: { beta: backend.channelSums(backend.multiply(dY, squares)) } };
  },
});

const verdict = checkLayer(swish.layer, { cases: 30 });
if (!verdict.ok) throw new Error(verdict.message);
console.log(`swish: ${verdict.cases} random cases agree with central differences`);

const { train, test } = datasets.shapes({ train: 1500, test: 200 });
const net = sequential([
  layers.conv2d({ filters: 8, kernelSize: 5, strides: 2, padding: "same", inputShape: [32, 32, 3] }),
  layers.batchNormalization({ momentum: 0.9 }),
  swish(),
  layers.maxPooling2d(),
  layers.conv2d({ filters: 16, kernelSize: 3 }),
  swish(),
  layers.flatten(),
  layers.dense({ units: train.classes.length, activation: "softmax" }),
]);
net.compile({
  optimizer: adam({ learningRate: 0.005 }),
  loss: "sparseCategoricalCrossentropy",
  metrics: ["accuracy"],
});
await net.fit(train, { epochs: 5, seed: 0 });
const { accuracy } = await net.evaluate(test);
const beta = Array.from(net.getWeights().get("swish/beta"), (value) => value.toFixed(2));
console.log(`accuracy ${accuracy.toFixed(3)}, beta ${beta.join(" ")}`);
