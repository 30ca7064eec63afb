/** Small networks that an exporter gets wrong when it gets anything wrong: uneven padding, H ≠ W, flattened images, joins. */
import { input, layers, type Model, model, models, sequential } from "../../src/index.js";
import { livelyWeights } from "./livelyWeights.js";

const {
  conv2d,
  dense,
  activation,
  batchNormalization,
  maxPooling2d,
  averagePooling2d,
  flatten,
  dropout,
  leakyReLU,
} = layers;

const BUILDERS: Readonly<Record<string, () => Model>> = {
  windows: () =>
    sequential(
      [
        conv2d({
          filters: 5,
          kernelSize: [3, 2],
          strides: [2, 3],
          padding: "same",
          activation: "tanh",
          inputShape: [17, 19, 3],
        }),
        averagePooling2d({ poolSize: [3, 2], strides: [2, 1], padding: "same" }),
        conv2d({ filters: 4, kernelSize: 4, padding: "same", useBias: false }),
        leakyReLU({ alpha: 0.2 }),
        maxPooling2d({ poolSize: 2, strides: 2, padding: "same" }),
        flatten(),
        dense({ units: 6 }),
      ],
      { name: "windows" },
    ),
  joins: () => {
    const x = input({ shape: [8, 6, 2] });
    const a = conv2d({ filters: 3, kernelSize: 3, padding: "same", name: "left-1" }).apply(x);
    const b = batchNormalization({ epsilon: 1e-2 }).apply(a);
    const c = activation({ activation: "softmax" }).apply(b);
    const sum = layers.add().apply([a, dropout({ rate: 0.3 }).apply(c), b]);
    const d = layers.concatenate().apply([sum, x, c]);
    const e = averagePooling2d({ poolSize: 2, padding: "valid" }).apply(d);
    const f = dense({ units: 7, activation: "sigmoid", useBias: false }).apply(flatten().apply(e));
    const g = batchNormalization().apply(f);
    return model({ inputs: x, outputs: dense({ units: 4, activation: "relu" }).apply(g), name: "joins" });
  },
  vector: () =>
    sequential(
      [
        dense({ units: 8, useBias: false, inputShape: [5] }),
        batchNormalization(),
        leakyReLU(),
        activation({ activation: "tanh" }),
        dense({ units: 3 }),
      ],
      { name: "vector" },
    ),
  sequence: () =>
    sequential(
      [
        batchNormalization({ inputShape: [4, 6] }),
        activation({ activation: "softmax" }),
        flatten(),
        dense({ units: 3 }),
      ],
      { name: "sequence" },
    ),
};

export const ODD_NAMES = Object.keys(BUILDERS);

/** One of those above, or one of the six, with weights that show. */
export function exportable(name: string, width = 1): Model {
  const known = models.names.find((network) => network === name);
  const net = known ? models[known]({ width }) : BUILDERS[name]();
  net.setWeights(livelyWeights(net.graph));
  return net;
}

/** The large ones are narrower, which spares a minute: CBAPD_FULL=1 npx vitest run test/export takes them whole. */
export function networkWidth(name: string): number {
  return !process.env.CBAPD_FULL && ["alexnet8", "vgg16", "resnet18"].includes(name) ? 1 / 4 : 1;
}
