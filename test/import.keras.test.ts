/** Keras' files, written by h5py in Keras' layouts (test/fixtures/keras/make.py), and bad ones, each refused with a code of its own. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { FileError } from "../src/errors.js";
import { exportModel, importModel } from "../src/export/index.js";
import { kerasConfig } from "../src/export/kerasConfig.js";
import { readKerasConfig } from "../src/export/readKerasConfig.js";
import { bytesSource } from "../src/formats/byteSource.js";
import { readHdf5 } from "../src/formats/hdf5.js";
import { input, layers, type Model, model, models, sequential } from "../src/index.js";
import { temporaryFolder } from "./support/temporary.js";

const FIXTURES = fileURLToPath(new URL("fixtures/keras/", import.meta.url));
const at = (name: string) => join(FIXTURES, name);
const folder = temporaryFolder();

/** As make.py makes them. */
const values = (size: number, start: number, variance = false) =>
  Float32Array.from({ length: size }, (_, i) => {
    const value = ((i * 37 + start * 11) % 101) / 64 - 0.75;
    return variance ? Math.abs(value) + 0.5 : value;
  });

function expectValues(net: Model, sizes: Readonly<Record<string, number>>): void {
  const expected = Object.entries(sizes).map(([name, size], i) => [
    name,
    values(size, i + 1, name.endsWith("moving_variance")),
  ]);
  expect([...net.getWeights()]).toEqual(expected);
}

const SEQUENTIAL = {
  "conv2d_4/kernel": 72,
  "conv2d_4/bias": 4,
  "batch_normalization_2/gamma": 4,
  "batch_normalization_2/beta": 4,
  "batch_normalization_2/moving_mean": 4,
  "batch_normalization_2/moving_variance": 4,
  "dense_7/kernel": 144,
  "dense_7/bias": 3,
};
const FUNCTIONAL = {
  "stem/kernel": 72,
  "stem/bias": 4,
  "norm/gamma": 4,
  "norm/beta": 4,
  "norm/moving_mean": 4,
  "norm/moving_variance": 4,
  "branch/kernel": 144,
  "branch/bias": 4,
  "head/kernel": 12,
};

/** The architecture of keras2.h5, with our own names. */
const chain = () =>
  sequential([
    layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", inputShape: [8, 6, 2] }),
    layers.batchNormalization(),
    layers.activation({ activation: "relu" }),
    layers.maxPooling2d(),
    layers.flatten(),
    layers.dense({ units: 3, activation: "softmax" }),
  ]);

describe("Keras 2", () => {
  it("model.h5: description and weights, bit for bit", async () => {
    const { model: net, format, remarks } = await importModel(at("keras2.h5"));
    expect([net.name, format, remarks]).toEqual(["sequential_3", "Keras HDF5, of Keras 2.9.0", []]);
    expectValues(net, SEQUENTIAL);
    expect(net.graph.nodes[2].options).toMatchObject({ momentum: 0.9, epsilon: 0.01 });
    expect(net.graph.nodes[6].options).toMatchObject({ kernelRegularizer: { l2: expect.closeTo(0.01, 8) } });
    const probabilities = await net.predict(new Float32Array(8 * 6 * 2).fill(0.5));
    expect(probabilities.reduce((sum, p) => sum + p)).toBeCloseTo(1, 6);
  });

  it("weights alone go by order into a chain, and need one", async () => {
    const file = at("keras2.weights.h5");
    await expect(importModel(file)).rejects.toMatchObject({ code: "IMPORT_NETWORK" });
    const { model: net } = await importModel(file, { network: chain() });
    expect([...net.getWeights().values()]).toEqual([
      ...(await importModel(at("keras2.h5"))).model.getWeights().values(),
    ]);
    await expect(importModel(file, { network: models.lenet5() })).rejects.toMatchObject({
      code: "KERAS_WEIGHT_MISSING",
      message: expect.stringContaining("it has weights of 3 layers, lenet5 has 5"),
    });
    await expect(importModel(file, { network: models.resnet18() })).rejects.toThrow(
      "no order that would be certain",
    );
  });
});

describe("Keras 3", () => {
  it.each(["keras3.keras", "keras2.13.keras"])("%s: a functional model, bit for bit", async (name) => {
    const { model: net, format } = await importModel(at(name));
    expect(format).toBe("Keras archive");
    expectValues(net, FUNCTIONAL);
    expect(net.graph.nodes.map(({ layer }) => layer.kind)).toEqual(
      ["input", "conv2d", "batch_normalization", "activation", "conv2d", "add", "dropout"].concat([
        "global_average_pooling2d",
        "dense",
      ]),
    );
    expect(net.graph.nodes[5].inputs).toEqual([4, 1]);
  });

  it("weights alone are numbered by class: certain for a chain only", async () => {
    const file = at("keras3.weights.h5");
    const like = sequential([
      layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", inputShape: [8, 6, 2] }),
      layers.batchNormalization(),
      layers.conv2d({ filters: 4, kernelSize: 3, padding: "same" }),
      layers.globalAveragePooling2d(),
      layers.dense({ units: 3, useBias: false }),
    ]);
    const { model: net } = await importModel(file, { network: like });
    expect(net.getWeights().get("conv2d_1/kernel")).toEqual(values(144, 7));
    const { model: branched } = await importModel(at("keras3.keras"));
    await expect(importModel(file, { network: branched })).rejects.toMatchObject({ code: "HDF5_NO_WEIGHTS" });
  });
});

describe("HDF5 files that nobody should have to read", () => {
  it.each([
    ["bad-external.h5", "HDF5_LINK", "/model_weights/dense_7/elsewhere is a link to elsewhere"],
    ["bad-soft.h5", "HDF5_TOO_MANY", "nested deeper than 32"],
    ["bad-virtual.h5", "HDF5_LINK", "put together from other files"],
    ["bad-raw.h5", "HDF5_DAMAGED", "h5wasm cannot read it"],
    ["bad-cyclic.h5", "HDF5_TOO_MANY", "nested deeper than 32"],
    ["bad-bomb.h5", "HDF5_TOO_LARGE", "more than"],
    ["bad-double.h5", "KERAS_WEIGHT_MISSING", "is no float32"],
  ])("%s: %s", async (name, code, text) => {
    const error: FileError = await importModel(at(name)).then(
      () => expect.unreachable(),
      (cause) => cause,
    );
    expect(error).toMatchObject({ name: "FileError", code });
    expect(error.message).toMatch(/^[^\n\r]{1,1200}$/);
    expect(error.message).toContain(text);
  });

  const whole = readFileSync(at("keras2.h5"));
  const damaged = (change: (bytes: Buffer) => Buffer) => {
    const file = join(folder, "damaged.h5");
    writeFileSync(file, change(Buffer.from(whole)));
    return importModel(file);
  };

  it("cut short, overwritten, and none", async () => {
    await expect(damaged((bytes) => bytes.subarray(0, 1000))).rejects.toMatchObject({ code: "HDF5_DAMAGED" });
    await expect(damaged((bytes) => bytes.fill(0xff, 8, 200))).rejects.toMatchObject({
      code: "HDF5_DAMAGED",
    });
    const source = bytesSource("x.h5", Buffer.from("HDF"));
    await expect(readHdf5(source, { attributes: [] })).rejects.toMatchObject({ code: "HDF5_SIGNATURE" });
  });

  it("too large, and too slow", async () => {
    const large = { name: "x.h5", size: 2 ** 30 + 1, read: async () => whole.subarray(0, 8) as never };
    await expect(readHdf5(large, { attributes: [] })).rejects.toMatchObject({ code: "HDF5_TOO_LARGE" });
    const source = bytesSource("x.h5", whole);
    await expect(readHdf5(source, { attributes: [], timeLimitMs: 1 })).rejects.toMatchObject({
      code: "HDF5_TIME",
    });
  });

  it("a .keras without its parts, and an HDF5 file without weights", async () => {
    const file = join(folder, "x.keras");
    await exportModel(chain(), "npz", join(folder, "x.npz"));
    copyFileSync(join(folder, "x.npz"), file);
    await expect(importModel(file)).rejects.toMatchObject({ code: "IMPORT_NETWORK" }); // it is an npz
    const bytes = readFileSync(at("keras3.keras"));
    for (let i = 0; (i = bytes.indexOf("model.weights.h5")) >= 0; ) bytes.write("model.weights.xx", i);
    writeFileSync(file, bytes);
    await expect(importModel(file)).rejects.toMatchObject({ code: "KERAS_ARCHIVE" });
    const description = Buffer.from(whole);
    for (let i = 0; (i = description.indexOf("layer_names")) >= 0; ) description.write("lager_names", i);
    const none = join(folder, "none.h5");
    writeFileSync(none, description);
    await expect(importModel(none)).rejects.toMatchObject({ code: "HDF5_NO_WEIGHTS" });
  });
});

describe("descriptions", () => {
  const config = (change: (list: Record<string, never>[]) => void, name = "Sequential") => {
    const { config } = kerasConfig(chain().graph);
    const copy = JSON.parse(JSON.stringify(config));
    change(copy.layers);
    return { class_name: name, config: copy };
  };
  const set = (at: number, options: object) => config((list) => Object.assign(list[at].config, options));
  const functional = () => {
    const x = input({ shape: [3] });
    const a = layers.dense({ units: 3 }).apply(x);
    return JSON.parse(
      JSON.stringify(kerasConfig(model({ inputs: x, outputs: layers.add().apply([a, x]) }).graph)),
    );
  };
  type Described = Record<string, unknown> & { layers: Record<string, unknown>[] };
  const changed = (change: (config: Described) => void) => {
    const description = functional();
    change(description.config);
    return description;
  };

  const inbound = (nodes: unknown) =>
    changed(({ layers }) => {
      layers[1].inbound_nodes = nodes;
    });

  it.each([
    ["nothing", "KERAS_DESCRIPTION", null],
    ["a class of its own", "KERAS_STRUCTURE", { class_name: "MyModel", config: {} }],
    ["no layers", "KERAS_DESCRIPTION", { class_name: "Sequential", config: { layers: [] } }],
    [
      "a layer without a name",
      "KERAS_DESCRIPTION",
      config((list) => delete (list[1] as { config?: never }).config),
    ],
    ["a name twice", "KERAS_DESCRIPTION", set(1, { name: "dense" })],
    ["a Lambda", "KERAS_LAYER", config((list) => Object.assign(list[3], { class_name: "Lambda" }))],
    [
      "constructor as a layer",
      "KERAS_LAYER",
      config((list) => Object.assign(list[3], { class_name: "constructor" })),
    ],
    ["groups", "KERAS_OPTION", set(1, { groups: 2 })],
    ["an option of tomorrow", "KERAS_OPTION", set(1, { wavelets: 3 })],
    ["half floats", "KERAS_OPTION", set(1, { dtype: "float16" })],
    ["another axis", "KERAS_OPTION", set(2, { axis: [1] })],
    ["an activation", "KERAS_OPTION", set(6, { activation: "gelu" })],
    ["a regularizer", "KERAS_OPTION", set(6, { kernel_regularizer: { class_name: "Mine", config: null } })],
    ["an open size", "KERAS_STRUCTURE", set(0, { batch_input_shape: [null, null, 6, 2] })],
    ["filters beyond all memory", "MODEL_TOO_LARGE", set(1, { filters: 1e9 })],
    ["a bad number", "MODEL_LAYER", set(1, { filters: -1 })],
    ["a shared layer", "KERAS_STRUCTURE", inbound([[], []])],
    ["a circle", "KERAS_STRUCTURE", inbound([[["add", 0, 0, {}]]])],
    ["a layer of nobody", "KERAS_STRUCTURE", inbound([[["x", 0, 0, {}]]])],
    ["a second application", "KERAS_STRUCTURE", inbound([[["input", 1, 0, {}]]])],
    ["a mask", "KERAS_OPTION", inbound([[["input", 0, 0, { mask: 1 }]]])],
    [
      "two outputs",
      "KERAS_STRUCTURE",
      changed((config) =>
        Object.assign(config, {
          output_layers: [
            ["add", 0, 0],
            ["dense", 0, 0],
          ],
        }),
      ),
    ],
  ] as const)("%s: %s", (_what, code, description) => {
    expect(() => readKerasConfig(description, "x")).toThrow(
      expect.objectContaining({ name: "FileError", code, message: expect.stringMatching(/^x: [^\n]+$/) }),
    );
  });

  it("of a file are JSON of the strict kind", async () => {
    const bytes = readFileSync(at("keras3.keras"));
    const config = bytes.indexOf('{"module"');
    bytes.write('{"modul!', config);
    const file = join(folder, "y.keras");
    writeFileSync(file, bytes);
    await expect(importModel(file)).rejects.toMatchObject({ code: "NPZ_CHECKSUM" });
    const h5 = readFileSync(at("keras2.h5"));
    h5.write('{"class_nam!', h5.indexOf('{"class_name": "Sequential"'));
    h5.write("!", h5.indexOf('"sequential_3"') + 13);
    const broken = join(folder, "y.h5");
    writeFileSync(broken, h5);
    await expect(importModel(broken)).rejects.toMatchObject({ code: "KERAS_JSON" });
  });

  it("says what only training would miss, and takes what means the same", () => {
    const { remarks } = readKerasConfig(set(1, { kernel_constraint: { class_name: "MaxNorm" } }), "x");
    expect(remarks).toEqual([
      '"conv2d" (Conv2D): kernel_constraint is left out, which only training would notice',
    ]);
    const moving = changed(({ layers: [, dense] }) => {
      dense.class_name = "BatchNormalization";
      dense.config = { name: "dense", axis: [1], scale: false };
      dense.inbound_nodes = [
        {
          args: [{ class_name: "__keras_tensor__", config: { keras_history: ["input", 0, 0] } }],
          kwargs: { training: false, mask: null },
        },
      ];
    });
    const network = readKerasConfig(moving, "x");
    expect(network.graph.nodes[1].options).toMatchObject({ statistics: "moving" });
    expect(network.layers[0].absent).toEqual(["gamma"]);
  });
});
