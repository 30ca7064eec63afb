/** tfjs' files: ours loaded by tfjs-layers over HTTP, as a page loads them; and those that tfjs-layers saves, read here. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ERROR_CODES } from "../src/errorCodes.js";
import { exportModel, importModel } from "../src/export/index.js";
import { loadModel, type Model, models, weightsSha256 } from "../src/index.js";
import { expectClose } from "./support/close.js";
import { noise } from "./support/livelyWeights.js";
import { exportable, networkWidth, ODD_NAMES } from "./support/oddNetworks.js";
import { temporaryFolder } from "./support/temporary.js";

const IMAGES = 2;
const root = temporaryFolder();
let server: Server;
let url: string;

beforeAll(async () => {
  tf.setBackend("cpu");
  server = createServer((request, response) => {
    readFile(join(root, new URL(request.url!, "http://x").pathname)).then(
      (bytes) => response.setHeader("Content-Type", "application/octet-stream").end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

async function predictions(theirs: tf.LayersModel, x: Float32Array, shape: readonly number[]) {
  const input = tf.tensor(x, [IMAGES, ...shape]);
  const output = theirs.predict(input) as tf.Tensor;
  const values = (await output.data()) as Float32Array;
  input.dispose();
  output.dispose();
  return values;
}

async function compare(theirs: tf.LayersModel, ours: Model): Promise<void> {
  const shape = ours.graph.nodes[0].outputShape;
  const x = noise(IMAGES, shape);
  const expected = await ours.predict(x, { workers: 1 });
  expectClose(await predictions(theirs, x, shape), expected, { atol: 1e-5 }, ours.name);
}

const sha = (model: Model) => weightsSha256(model.getWeights());

describe("a LayersModel", () => {
  // tfjs' own arithmetic in plain JavaScript is slow: narrow networks, of which nothing else is left out.
  it.each([...models.names, ...ODD_NAMES])("%s: tfjs-layers loads it and predicts the same", async (name) => {
    const ours = exportable(name, Math.min(networkWidth(name), 1 / 8));
    await exportModel(ours, "tfjs", join(root, name));
    const theirs = await tf.loadLayersModel(`${url}/${name}/model.json`);
    expect(theirs.countParams()).toBe(ours.countParams());
    await compare(theirs, ours);
    theirs.dispose();
    const again = await importModel(join(root, name));
    expect(again).toMatchObject({ format: "tfjs LayersModel", remarks: [] });
    expect(sha(again.model)).toBe(sha(ours));
    expect(again.model.graph.nodes.map(({ options }) => options)).toEqual(
      ours.graph.nodes.map(({ options }) => options),
    );
  });

  it("goes into shards of 4 MiB, and comes back bit for bit", async () => {
    const ours = exportable("resnet18", 1 / 4);
    const files = await exportModel(ours, "tfjs", join(root, "shards"));
    expect(files.map((file) => file.slice(root.length + 1))).toEqual([
      "shards/model.json",
      "shards/group1-shard1of1.bin",
    ]);
    expect(sha((await importModel(files[0])).model)).toBe(sha(ours));
    const large = exportable("alexnet8", 1 / 2);
    expect(await exportModel(large, "tfjs", join(root, "large"))).toHaveLength(4);
    expect(sha((await importModel(join(root, "large", "model.json"))).model)).toBe(sha(large));
  });
});

/** As tfjs' "downloads://" writes it. */
async function saveTheirs(theirs: tf.LayersModel, name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await theirs.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const { modelTopology, weightSpecs, weightData, format, generatedBy, convertedBy } = artifacts;
      const manifest = [{ paths: ["./weights.bin"], weights: weightSpecs }];
      const json = { modelTopology, format, generatedBy, convertedBy, weightsManifest: manifest };
      await writeFile(join(folder, "model.json"), JSON.stringify(json));
      await writeFile(join(folder, "weights.bin"), Buffer.from(weightData as ArrayBuffer));
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    }),
  );
  return join(folder, "model.json");
}

describe("what tfjs-layers saved", () => {
  it("a sequential model with names of its own", async () => {
    const theirs = tf.sequential({
      layers: [
        tf.layers.conv2d({
          inputShape: [9, 7, 3],
          filters: 4,
          kernelSize: 3,
          strides: 2,
          padding: "same",
          activation: "relu",
          kernelInitializer: "randomNormal",
          biasInitializer: "randomUniform",
          kernelRegularizer: tf.regularizers.l2({ l2: 0.02 }),
        }),
        tf.layers.batchNormalization({ scale: false, movingMeanInitializer: "randomUniform" }),
        tf.layers.reLU(),
        tf.layers.averagePooling2d({ poolSize: 2, strides: 2, padding: "same" }),
        tf.layers.dropout({ rate: 0.4 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 5, activation: "tanh", useBias: false }),
        tf.layers.dense({ units: 3, activation: "softmax", biasInitializer: "randomUniform" }),
      ],
    });
    const { model, remarks } = await importModel(await saveTheirs(theirs, "theirs"));
    await compare(theirs, model);
    expect(remarks).toEqual([]);
    expect(model.graph.nodes[1].options).toMatchObject({
      kernelRegularizer: { l2: expect.closeTo(0.02, 8) },
    });
    const own = await temporaryModel(model);
    expect(sha(own)).toBe(sha(model));
  });

  it("a functional model with branches, frozen layers, and normalisation by moving statistics", async () => {
    const input = tf.input({ shape: [6, 5, 2] });
    const left = tf.layers
      .conv2d({ filters: 3, kernelSize: 3, padding: "same", trainable: false, name: "a/b" })
      .apply(input) as tf.SymbolicTensor;
    const right = tf.layers.maxPooling2d({ poolSize: 3, strides: 1, padding: "same" }).apply(input);
    const joined = tf.layers.concatenate().apply([left, right as tf.SymbolicTensor]) as tf.SymbolicTensor;
    const wide = tf.layers.conv2d({ filters: 3, kernelSize: 1 }).apply(joined) as tf.SymbolicTensor;
    const sum = tf.layers.add().apply([left, wide]);
    const pooled = tf.layers.globalAveragePooling2d({}).apply(sum);
    const soft = tf.layers.softmax().apply(tf.layers.dense({ units: 4 }).apply(pooled)) as tf.SymbolicTensor;
    const theirs = tf.model({ inputs: input, outputs: soft });
    const { model } = await importModel(await saveTheirs(theirs, "functional"));
    await compare(theirs, model);
    expect(model.graph.nodes.filter(({ trainable }) => !trainable).map(({ name }) => name)).toEqual(["a_b"]);
  });

  it.each([
    [
      "a layer that cbapd does not have",
      tf.layers.separableConv2d({ filters: 2, kernelSize: 3, inputShape: [6, 6, 2] }),
      "KERAS_LAYER",
      "(SeparableConv2D)",
    ],
    [
      "an activation",
      tf.layers.conv2d({ filters: 2, kernelSize: 3, activation: "elu", inputShape: [6, 6, 2] }),
      "KERAS_OPTION",
      '"elu"',
    ],
    [
      "dilation",
      tf.layers.conv2d({ filters: 2, kernelSize: 3, dilationRate: 2, inputShape: [6, 6, 2] }),
      "KERAS_OPTION",
      "dilation_rate",
    ],
    [
      "channels first",
      tf.layers.conv2d({ filters: 2, kernelSize: 3, dataFormat: "channelsFirst", inputShape: [6, 6, 2] }),
      "KERAS_OPTION",
      "channels_first",
    ],
  ] as const)("%s is refused by name", async (what, layer, code, text) => {
    const theirs = tf.sequential({ layers: [layer, tf.layers.flatten(), tf.layers.dense({ units: 2 })] });
    const file = await saveTheirs(theirs, what.replaceAll(" ", "-"));
    await expect(importModel(file)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  });
});

async function temporaryModel(model: Model): Promise<Model> {
  const path = join(root, "again.safetensors");
  await model.save(path);
  return loadModel(path);
}

describe("files that are damaged or hostile", () => {
  const topology = { class_name: "Sequential", config: { layers: [] } };
  const weight = { name: "dense/kernel", shape: [2, 3], dtype: "float32" };
  const group = { paths: ["a.bin"], weights: [weight] };
  const json = (change: object) =>
    JSON.stringify({ format: "layers-model", modelTopology: topology, weightsManifest: [group], ...change });
  const BAD: readonly (readonly [string, string, string])[] = [
    ["no JSON", "TFJS_JSON", '{"format":'],
    ["100,000 brackets", "TFJS_JSON", `{"a":${"[".repeat(100_000)}`],
    ["a key twice", "TFJS_JSON", '{"format":1,"format":2}'],
    ["__proto__", "TFJS_JSON", '{"__proto__":{}}'],
    ["16 MiB and more", "TFJS_TOO_LARGE", `{${" ".repeat(1 << 24)}}`],
    ["a graph model", "TFJS_GRAPH_MODEL", json({ format: "graph-model" })],
    ["operators in place of layers", "TFJS_GRAPH_MODEL", json({ modelTopology: { node: [] } })],
    ["no manifest", "TFJS_DESCRIPTION", '{"modelTopology":{}}'],
    [
      "half a size",
      "TFJS_DESCRIPTION",
      json({ weightsManifest: [{ ...group, weights: [{ ...weight, shape: [0.5] }] }] }),
    ],
    [
      "a shard by a path",
      "TFJS_PATH",
      json({ weightsManifest: [{ ...group, paths: ["../../etc/passwd"] }] }),
    ],
    ["a shard in another folder", "TFJS_PATH", json({ weightsManifest: [{ ...group, paths: ["b/a.bin"] }] })],
    ["a shard by its URL", "TFJS_PATH", json({ weightsManifest: [{ ...group, paths: ["http://x/a.bin"] }] })],
    [
      "whole numbers",
      "TFJS_DTYPE",
      json({ weightsManifest: [{ ...group, weights: [{ ...weight, dtype: "int32" }] }] }),
    ],
    [
      "quantized",
      "TFJS_DTYPE",
      json({ weightsManifest: [{ ...group, weights: [{ ...weight, quantization: { dtype: "uint8" } }] }] }),
    ],
    ["no layers", "KERAS_DESCRIPTION", json({})],
  ];

  it.each(BAD)("%s: %s", async (_what, code, text) => {
    const file = join(temporaryFolder(), "model.json");
    await writeFile(file, text);
    await expect(importModel(file)).rejects.toMatchObject({
      name: "FileError",
      code,
      message: expect.stringMatching(/^[^\n\r]{1,1200}$/),
    });
  });

  it("shards with a byte too few or too many, missing, or of other layers", async () => {
    const target = join(temporaryFolder(), "net");
    const [file, shard] = await exportModel(exportable("vector"), "tfjs", target);
    const bytes = await readFile(shard);
    for (const wrong of [bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(1)])]) {
      await writeFile(shard, wrong);
      await expect(importModel(file)).rejects.toMatchObject({ code: "TFJS_SIZE" });
    }
    await writeFile(shard, bytes);
    const text = await readFile(file, "utf8");
    const first = '"name":"dense/kernel"';
    await writeFile(file, text.replace(first, '"name":"other/kernel"'));
    await expect(importModel(file)).rejects.toMatchObject({ code: "KERAS_WEIGHT_UNKNOWN" });
    await writeFile(file, text.replace(first, '"name":"dense/kern"'));
    await expect(importModel(file)).rejects.toMatchObject({ code: "KERAS_WEIGHT_UNKNOWN" });
    await writeFile(file, text.replace('"units":8', '"units":9'));
    await expect(importModel(file)).rejects.toMatchObject({ code: "KERAS_WEIGHT_SHAPE" });
    await writeFile(file, text.replace("shard1of1", "shard2of2"));
    await expect(importModel(file)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  it("covers each of the reader's codes", () => {
    const codes = [...BAD.map(([, code]) => code), "TFJS_SIZE"].filter((code) => code.startsWith("TFJS_"));
    expect(new Set(codes)).toEqual(
      new Set(Object.keys(ERROR_CODES).filter((code) => code.startsWith("TFJS_"))),
    );
  });
});
