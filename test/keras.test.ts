/** Keras' JSON: files that Keras 3.15.1 and tfjs wrote, networks that tfjs reads, and everything that is refused, by name. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  input,
  kerasConfig,
  layers,
  loadKerasModel,
  type Model,
  model,
  modelFromJSON,
  models,
  sequential,
} from "../src/index.js";
import { graphToConfig } from "../src/models/config.js";
import { weightSpecs } from "../src/models/graph.js";
import { loadTfjs } from "../src/verify/oracle/load.js";
import { randomValues } from "./support/arrays.js";
import { expectClose } from "./support/close.js";

const tf = (await loadTfjs())!;
const FOLDER = new URL("keras/", import.meta.url).pathname;
const json = (name: string) => JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8"));

/** All but the layers' own names. */
const structure = (net: Model) => {
  const { nodes, output } = graphToConfig(net.graph);
  // JSON has no undefined: what is not set is not there.
  return JSON.parse(JSON.stringify({ nodes: nodes.map(({ name: _, ...node }) => node), output }));
};

function smallSequential(): Model {
  return sequential([
    layers.conv2d({
      filters: 4,
      kernelSize: 3,
      padding: "same",
      strides: 2,
      kernelRegularizer: layers.l2(0.01),
      useBias: false,
      trainable: false,
      inputShape: [8, 8, 3],
    }),
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
    layers.maxPooling2d(),
    layers.dropout({ rate: 0.2 }),
    layers.flatten(),
    layers.dense({ units: 5, activation: "softmax" }),
  ]);
}

function leaky(): Model {
  return sequential([layers.dense({ units: 4, inputShape: [3] }), layers.leakyReLU({ alpha: 0.125 })], {
    name: "leaky",
  });
}

function branched(): Model {
  const inputs = input({ shape: [8, 8, 3] });
  const a = layers
    .conv2d({ filters: 4, kernelSize: 3, padding: "same", kernelInitializer: "heUniform" })
    .apply(inputs);
  const b = layers.conv2d({ filters: 4, kernelSize: 1, padding: "same", activation: "relu" }).apply(inputs);
  let x = layers.activation({ activation: "relu" }).apply(layers.add().apply([a, b]));
  x = layers.averagePooling2d({ padding: "same" }).apply(layers.concatenate().apply([x, a]));
  x = layers.globalAveragePooling2d().apply(x);
  return model({
    inputs,
    outputs: layers.dense({ units: 3, activation: "softmax" }).apply(x),
    name: "branched",
  });
}

describe("what Keras 3 wrote", () => {
  it("is the network that the same layers make here", async () => {
    expect(structure(await loadKerasModel(`${FOLDER}sequential.json`))).toEqual(structure(smallSequential()));
    const functional = await modelFromJSON(readFileSync(`${FOLDER}functional.json`, "utf8"));
    expect(structure(functional)).toEqual(structure(branched()));
    expect(functional.name).toBe("branched");
  });
});

describe("what tfjs wrote, in Keras 2's spelling", () => {
  it("is the network that the same layers make here", async () => {
    const l = tf.layers;
    const plain = tf.sequential({
      layers: [
        l.conv2d({
          filters: 4,
          kernelSize: 3,
          padding: "same",
          strides: 2,
          useBias: false,
          kernelInitializer: "glorotUniform", // tfjs' own default is glorotNormal
          trainable: false,
          inputShape: [8, 8, 3],
          kernelRegularizer: tf.regularizers.l2({ l2: 0.01 }),
        }),
        l.batchNormalization(),
        l.reLU(),
        l.maxPooling2d({ poolSize: 2 }),
        l.dropout({ rate: 0.2 }),
        l.flatten(),
        l.dense({ units: 5, activation: "softmax", kernelInitializer: "glorotUniform" }),
      ],
    });
    expect(structure(await modelFromJSON(plain.toJSON(null, false) as object))).toEqual(
      structure(smallSequential()),
    );
    const inputs = tf.input({ shape: [8, 8, 3] });
    const a = l
      .conv2d({ filters: 4, kernelSize: 3, padding: "same", kernelInitializer: "heUniform" })
      .apply(inputs);
    const b = l
      .conv2d({
        filters: 4,
        kernelSize: 1,
        padding: "same",
        activation: "relu",
        kernelInitializer: "glorotUniform",
      })
      .apply(inputs);
    type Symbolic = ReturnType<typeof tf.input>;
    let x = l.activation({ activation: "relu" }).apply(l.add().apply([a, b] as Symbolic[]));
    x = l
      .averagePooling2d({ poolSize: 2, padding: "same" })
      .apply(l.concatenate().apply([x, a] as Symbolic[]));
    x = l.globalAveragePooling2d({}).apply(x);
    const outputs = l
      .dense({ units: 3, activation: "softmax", kernelInitializer: "glorotUniform" })
      .apply(x) as Symbolic;
    expect(
      structure(await modelFromJSON(tf.model({ inputs, outputs }).toJSON(null, false) as object)),
    ).toEqual(structure(branched()));
    plain.dispose();
  });
});

describe("what is written here", () => {
  const nets = [
    smallSequential(),
    branched(),
    leaky(),
    ...models.names.map((name) => models[name]({ width: 0.1 })),
  ];

  it.each(nets.map((net) => [net.name, net] as const))(
    "%s is read back as the same network",
    async (_name, net) => {
      const config = JSON.parse(JSON.stringify(graphToConfig(net.graph)));
      for (const version of [2, 3] as const) {
        const text = JSON.stringify(kerasConfig(net, { version }));
        expect(graphToConfig((await modelFromJSON(text)).graph)).toEqual(config);
      }
      expect(JSON.stringify(net)).toBe(JSON.stringify(kerasConfig(net)));
    },
  );

  it.each(
    nets
      .slice(0, 2)
      .concat(models.resnet18({ width: 0.05 }))
      .map((net) => [net.name, net] as const),
  )("%s is read by tfjs, and predicts the same there", async (_name, net) => {
    const theirs = await tf.models.modelFromJSON({
      modelTopology: kerasConfig(net, { version: 2 }),
    } as never);
    const specs = weightSpecs(net.graph);
    const values = new Map(
      specs.map(({ name, shape }, i) => {
        const drawn = randomValues(
          shape.reduce((a, b) => a * b, 1),
          i,
        );
        const positive = name.endsWith("variance");
        return [name, Float32Array.from(drawn, (value) => (positive ? Math.abs(value) + 0.5 : value / 2))];
      }),
    );
    net.setWeights(values);
    expect(theirs.weights).toHaveLength(specs.length);
    const ordered = theirs.getWeights().map((_, i) => theirs.weights[i].originalName);
    theirs.setWeights(
      ordered.map((name) => {
        const spec = specs.find((own) => own.name === name)!;
        return tf.tensor(values.get(name)!, [...spec.shape]);
      }),
    );
    const { outputShape } = net.graph.nodes[0];
    const size = outputShape.reduce((a, b) => a * b, 1);
    const x = Float32Array.from(randomValues(3 * size, 99));
    const expected = (
      theirs.predict(tf.tensor(x, [3, ...outputShape])) as { dataSync(): Float32Array }
    ).dataSync();
    expectClose(await net.predict(x), expected, { atol: 2e-5 });
    theirs.dispose();
  });
});

describe("what we do not have", () => {
  const broken = (change: (file: ReturnType<typeof json>) => void, from = "sequential") => {
    const file = json(from);
    change(file);
    return modelFromJSON(file);
  };
  const layer = (file: ReturnType<typeof json>, at: number) => file.config.layers[at];

  it.each<[string, (file: ReturnType<typeof json>) => void, string?]>([
    [
      'conv2d: unknown layer "LSTM". Known: InputLayer, Conv2D',
      (f) => {
        layer(f, 1).class_name = "LSTM";
      },
    ],
    [
      'conv2d: unknown layer "Conv3D". Did you mean "Conv2D"?',
      (f) => {
        layer(f, 1).class_name = "Conv3D";
      },
    ],
    [
      'conv2d: unknown option "kernel_sise". Did you mean "kernel_size"?',
      (f) => {
        layer(f, 1).config.kernel_sise = 3;
      },
    ],
    [
      "conv2d: dilation_rate must be [1, 1] or 1 or [1]; got [2, 2]",
      (f) => {
        layer(f, 1).config.dilation_rate = [2, 2];
      },
    ],
    [
      'conv2d: data_format must be "channels_last"; got "channels_first"',
      (f) => {
        layer(f, 1).config.data_format = "channels_first";
      },
    ],
    [
      "conv2d: kernel_initializer must be one of GlorotUniform",
      (f) => {
        layer(f, 1).config.kernel_initializer = { class_name: "RandomNormal", config: {} };
      },
    ],
    [
      "conv2d: kernel_regularizer must be L2, or none",
      (f) => {
        layer(f, 1).config.kernel_regularizer = { class_name: "L1", config: { l1: 0.1 } };
      },
    ],
    [
      'conv2d: dtype must be "float32"',
      (f) => {
        layer(f, 1).config.dtype = "float16";
      },
    ],
    [
      "batch_normalization: axis must be the last, -1 or 3: channels come last here; got 1",
      (f) => {
        layer(f, 2).config.axis = 1;
      },
    ],
    [
      "batch_normalization: center must be true; got false",
      (f) => {
        layer(f, 2).config.center = false;
      },
    ],
    [
      "re_lu: max_value must be null; got 6",
      (f) => {
        layer(f, 3).config.max_value = 6;
      },
    ],
    [
      "dense: units must be a positive integer; got -1",
      (f) => {
        layer(f, 7).config.units = -1;
      },
    ],
    [
      "the input's shape must be [null, height, width, channels]; got [null, null, 8, 3]",
      (f) => {
        layer(f, 0).config.batch_shape = [null, null, 8, 3];
      },
    ],
    [
      "is not what model.to_json() of a Sequential or Functional model gives at class_name",
      (f) => {
        f.class_name = "Subclassed";
      },
    ],
    [
      "is a tfjs model with weights: cbapd import reads it",
      (f) => {
        f.modelTopology = {};
        delete f.class_name;
      },
    ],
    [
      "is applied 2 times; sharing weights is not supported",
      (f) => {
        layer(f, 1).inbound_nodes.push(layer(f, 1).inbound_nodes[0]);
      },
      "functional",
    ],
    [
      'reads "nowhere", which is no layer of it',
      (f) => {
        layer(f, 1).inbound_nodes[0].args[0].config.keras_history[0] = "nowhere";
      },
      "functional",
    ],
    [
      "layers read one another in a circle",
      (f) => {
        layer(f, 1).inbound_nodes[0].args[0].config.keras_history[0] = layer(f, 3).name;
      },
      "functional",
    ],
    [
      "is called with training=true, which is not supported",
      (f) => {
        layer(f, 1).inbound_nodes[0].kwargs = { training: true };
      },
      "functional",
    ],
    [
      "output_layers must name one layer",
      (f) => {
        f.config.output_layers = [
          ["a", 0, 0],
          ["b", 0, 0],
        ];
      },
      "functional",
    ],
    [
      "leads to no output",
      (f) => {
        f.config.output_layers = [layer(f, 7).name, 0, 0];
      },
      "functional",
    ],
    [
      "its weights 1073741824",
      (f) => {
        layer(f, 1).config.filters = 2 ** 30;
      },
    ],
  ])("%s", async (message, change, from) => {
    if (message.startsWith("its weights"))
      await expect(broken(change, from)).rejects.toThrow(/conv2d would have a tensor of shape/);
    else await expect(broken(change, from)).rejects.toThrow(message);
  });

  it("is refused before anything is built: text that is too deep, doubled, long, or no JSON", async () => {
    await expect(modelFromJSON("[".repeat(40))).rejects.toThrow("nested deeper than 32");
    await expect(modelFromJSON('{"a":1,"a":2}')).rejects.toThrow('the key "a", duplicate');
    await expect(modelFromJSON('{"__proto__":1}')).rejects.toThrow('the key "__proto__", dangerous');
    await expect(modelFromJSON("net")).rejects.toThrow("is no JSON that can be used");
    await expect(modelFromJSON(" ".repeat(2 ** 24 + 1))).rejects.toThrow("more than 16777216");
    await expect(loadKerasModel(`${FOLDER}none.json`)).rejects.toThrow("cannot be read");
    await expect(loadKerasModel(FOLDER)).rejects.toThrow("is no regular file");
  });

  it("cannot be written either", () => {
    expect(() => kerasConfig(models.inception10({ statistics: "moving", width: 0.1 }))).toThrow(
      'batch_normalization: Keras has no statistics "moving"; it can be exported with "batch" only.',
    );
    expect(() => kerasConfig(smallSequential(), { version: 4 as 3 })).toThrow(
      "version must be 2 or 3; got 4",
    );
  });
});
