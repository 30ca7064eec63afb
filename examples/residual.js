/**
 * A residual branch (He et al. 2015): the block learns what to add to its input. Joins need the functional way of building.
 * A module whose default export builds a network can be trained, shown and resumed by the command line:
 *
 *   cbapd train examples/residual.js --data shapes --limit 2000 --epochs 3
 *   cbapd summary examples/residual.js
 */
import { input, layers, model } from "cbapd";

export default function residual({ classes, inputShape, width }) {
  const filters = Math.max(1, Math.floor(16 * width));

  const convBn = (x, activation) => {
    const conv = layers.conv2d({ filters, kernelSize: 3, padding: "same", useBias: false });
    return layers.activation({ activation }).apply(layers.batchNormalization().apply(conv.apply(x)));
  };

  const inputs = input({ shape: inputShape });
  const trunk = layers.maxPooling2d().apply(convBn(inputs, "relu"));

  const branch = convBn(convBn(trunk, "relu"), "linear");
  const sum = layers.add().apply([trunk, branch]);
  const x = layers.activation({ activation: "relu" }).apply(sum);

  const features = layers.globalAveragePooling2d().apply(x);
  const outputs = layers.dense({ units: classes, activation: "softmax" }).apply(features);
  return model({ inputs, outputs, name: "residual" });
}
