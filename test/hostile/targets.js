/**
 * What is fuzzed: for each reader the files to begin from, how they are broken, and what an accepted file must come back as.
 * Plain JavaScript on the built package: it runs in a child process with a small heap.
 */
import { deepStrictEqual } from "node:assert";
import { join } from "node:path";
import { Readable } from "node:stream";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { encode } from "fast-png";
import { readArchiveStream } from "../../dist/data/archive.js";
import { readLabels } from "../../dist/data/cifar10.js";
import { imageHeader } from "../../dist/data/imageHeader.js";
import { readIdx } from "../../dist/data/mnist.js";
import { readPng } from "../../dist/data/png.js";
import { kerasConfig } from "../../dist/export/kerasConfig.js";
import { readKerasConfig } from "../../dist/export/readKerasConfig.js";
import { parseTfjs } from "../../dist/export/tfjs.js";
import { bytesSource } from "../../dist/formats/byteSource.js";
import { decodeNpy, encodeNpy, NPY_ARRAYS, sameArray } from "../../dist/formats/npy.js";
import { encodeNpz, parseNpz } from "../../dist/formats/npz.js";
import { encodeSafetensors, parseTypedSafetensors } from "../../dist/formats/safetensors.js";
import { graphToConfig } from "../../dist/models/config.js";
import { graphFromConfig } from "../../dist/models/readConfig.js";
import { parseModel, parseTrainingState, saveTrainingState } from "../../dist/train/checkpoint.js";
import { parseRunJson } from "../../dist/train/runJson.js";
import { parseCase } from "../../dist/verify/caseFile.js";
import { DATA_TARGETS } from "./dataTargets.js";
import {
  idx,
  npy,
  npyHeader,
  pax,
  png,
  pngChunk,
  pngHeader,
  pngPixels,
  safetensors,
  tarEnd,
  tarEntry,
  tensorFile,
  zip,
} from "./forge.js";
import { KERAS_TARGETS } from "./kerasTargets.js";
import { brokenJson, mutated } from "./mutations.js";

const NAME = "fuzzed";
const SOURCE = (bytes) => bytesSource(NAME, bytes);
const concat = (pieces) =>
  Buffer.concat(pieces.map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)));

/** As JSON has it, where −0 is 0. */
const plain = (value) =>
  JSON.parse(
    JSON.stringify(value, (_, inner) => {
      if (inner instanceof Map) return [...inner];
      return ArrayBuffer.isView(inner) ? [...inner].map(String) : inner;
    }),
  );

/** Mostly the one, now and then the other. */
const rarely = (usual, other) => fc.oneof({ weight: 19, arbitrary: usual }, { weight: 1, arbitrary: other });

// safetensors

const WIDTHS = { F32: 4, F64: 8, I32: 4, I64: 8 };
const dimension = fc.oneof(
  { weight: 9, arbitrary: fc.nat({ max: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 1.5, 2 ** 31, 2 ** 53, 1e300) },
);
const tensorName = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom("conv2d/kernel", "a", "b.0", "dense_1/bias", "ä", "x:0", "1") },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("", "__proto__", "../x", "/x", "c:\\x", "http://x", "\u202e", "constructor"),
    ),
  },
);
const oneTensor = fc.record({
  name: tensorName,
  dtype: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...Object.keys(WIDTHS)) },
    { weight: 1, arbitrary: fc.constantFrom("BF16", "f32", "", "O") },
  ),
  shape: fc.array(dimension, { maxLength: 4 }),
  /** Added to begin and end: 0 nearly always. */
  shift: fc.oneof(
    { weight: 30, arbitrary: fc.constant([0, 0]) },
    { weight: 1, arbitrary: fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })) },
  ),
  extra: fc.oneof(
    { weight: 30, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom(',"x":1', ',"dtype":"F32"', ',"shape":[]') },
  ),
});
const safetensorsGrammar = fc
  .record({
    tensors: fc.array(oneTensor, { maxLength: 6 }),
    unique: rarely(fc.constant(true), fc.constant(false)),
    metadata: fc.oneof(
      { weight: 6, arbitrary: fc.dictionary(tensorName, fc.string()).map((m) => JSON.stringify({ ...m })) },
      { weight: 1, arbitrary: fc.json() },
    ),
    padding: rarely(fc.constantFrom("", " ", "\n\n"), fc.constantFrom("\0", "}")),
    tail: rarely(fc.constant(0), fc.constantFrom(1, 4)),
    lie: rarely(fc.constant(0), fc.constantFrom(1, -1, 1 << 20)),
  })
  .map(({ tensors, unique, metadata, padding, tail, lie }) => {
    let at = 0;
    const parts = [`"__metadata__":${metadata}`];
    tensors.forEach(({ name, dtype, shape, shift, extra }, i) => {
      const elements = shape.reduce((a, b) => a * b, 1);
      const end = at + (elements < 1000 && elements >= 0 ? elements * (WIDTHS[dtype] ?? 2) : 4);
      parts.push(
        `${JSON.stringify(unique ? `${name}${i}` : name)}:{"dtype":${JSON.stringify(dtype)},"shape":${JSON.stringify(shape)},` +
          `"data_offsets":[${at + shift[0]},${end + shift[1]}]${extra}}`,
      );
      at = Math.ceil(end);
    });
    const text = Buffer.from(`{${parts.join()}}${padding}`);
    const data = Buffer.from({ length: at + tail }, () => 0).map((_, i) => (i * 37) & 255);
    return safetensors(text, data, Math.max(0, text.length + lie));
  });

function sameTensors(a, b) {
  deepStrictEqual(a.metadata, b.metadata);
  deepStrictEqual([...a.tensors.keys()].sort(), [...b.tensors.keys()].sort());
  for (const [name, { shape, data }] of a.tensors) {
    const other = b.tensors.get(name);
    deepStrictEqual(shape, other.shape);
    deepStrictEqual(data.constructor, other.data.constructor);
    deepStrictEqual(raw(data), raw(other.data));
  }
}
const raw = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

async function readSafetensors(bytes) {
  const first = await parseTypedSafetensors(SOURCE(bytes));
  const again = await parseTypedSafetensors(
    SOURCE(concat(encodeSafetensors(NAME, first.tensors, first.metadata))),
  );
  sameTensors(first, again);
}

// models and checkpoints

const layer = (kind, name, inputs, options = {}) => ({ kind, name, options, inputs });
const CONFIG = {
  name: "small",
  output: 8,
  nodes: [
    layer("input", "input", [], { shape: [8, 8, 3] }),
    layer("conv2d", "conv2d", [0], {
      filters: 4,
      kernelSize: [3, 3],
      strides: [1, 1],
      padding: "same",
      activation: "relu",
      kernelRegularizer: { l2: 0.01 },
    }),
    layer("batch_normalization", "batch_normalization", [1]),
    layer("max_pooling2d", "max_pooling2d", [2], { poolSize: [2, 2] }),
    layer("add", "add", [3, 3]),
    layer("concatenate", "concatenate", [4, 3]),
    layer("dropout", "dropout", [5], { rate: 0.2 }),
    layer("global_average_pooling2d", "gap", [6]),
    layer("dense", "dense", [7], { units: 10, activation: "softmax" }),
  ],
};
const WEIGHTS = { "conv2d/kernel": [3, 3, 3, 4], "conv2d/bias": [4] };
const MOVING = {};
for (const name of ["gamma", "beta"]) WEIGHTS[`batch_normalization/${name}`] = [4];
for (const name of ["moving_mean", "moving_variance"]) MOVING[`batch_normalization/${name}`] = [4];
Object.assign(WEIGHTS, { "dense/kernel": [8, 10], "dense/bias": [10] });
const SLOTS = {};
for (const slot of ["adam/m", "adam/v"])
  for (const [name, shape] of Object.entries(WEIGHTS)) SLOTS[`${slot}/${name}`] = shape;
const TRAINING = {
  formatVersion: 2,
  stopped: false,
  seed: 3,
  batchSize: 32,
  epoch: 2,
  stepInEpoch: 1,
  step: 65,
  learningRate: 0.001,
  totals: [1.5, 3, 0, 32],
  history: {
    epochs: { $tensor: "state/0" },
    validationEpochs: { $tensor: "state/1" },
    logs: { loss: { $tensor: "state/2" }, val_loss: { $tensor: "state/3" } },
  },
  callbacks: {
    "modelCheckpoint best": { best: 1.9 },
    own: { list: [{ $tensor: "state/4" }, { $number: "NaN" }], map: { $map: [["a", 1]] } },
  },
  optimizer: { name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
};
const STATE = { "state/4": [5] };
for (const [i, length] of [2, 1, 2, 1].entries()) STATE[`state/${i}`] = { F64: [length] };
/** Tensors with one left out, of another shape, or too much, now and then. */
const tensorChange = fc.oneof(
  { weight: 6, arbitrary: fc.constant((shapes) => shapes) },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 40 })
      .map((i) => (shapes) => Object.fromEntries(Object.entries(shapes).filter((_, at) => at !== i))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat({ max: 40 }), fc.array(fc.nat({ max: 5 }), { maxLength: 5 })).map(
      ([i, shape]) =>
        (shapes) =>
          Object.fromEntries(Object.entries(shapes).map(([name, own], at) => [name, at === i ? shape : own])),
    ),
  },
  { weight: 1, arbitrary: tensorName.map((name) => (shapes) => ({ ...shapes, [name]: [2] })) },
);
const modelGrammar = fc
  .tuple(brokenJson(CONFIG), tensorChange)
  .map(([model, change]) => tensorFile(change({ ...WEIGHTS, ...MOVING }), { model }));
const checkpointGrammar = fc
  .tuple(brokenJson(CONFIG), brokenJson(TRAINING), tensorChange, fc.boolean())
  .map(([model, training, change, whole]) =>
    tensorFile(change({ ...WEIGHTS, ...MOVING, ...SLOTS, ...STATE }), {
      model: whole ? JSON.stringify(CONFIG) : model,
      training,
    }),
  );

async function readModel(bytes) {
  const { graph } = await parseModel(SOURCE(bytes));
  const config = JSON.parse(JSON.stringify(graphToConfig(graph)));
  deepStrictEqual(JSON.parse(JSON.stringify(graphToConfig(graphFromConfig(config, NAME)))), config);
}

let accepted = 0;
async function readCheckpoint(bytes, scratch) {
  const { graph, state } = await parseTrainingState(SOURCE(bytes));
  if (accepted++ % 50 !== 0) return; // each writing waits for the disk
  const path = join(scratch, "again.safetensors");
  await saveTrainingState(path, graph, state);
  const { readFile } = await import("node:fs/promises");
  const again = await parseTrainingState(SOURCE(await readFile(path)));
  deepStrictEqual(plain(again.state), plain(state));
}

// tfjs' model.json, and Keras' descriptions in it

const TFJS = {
  format: "layers-model",
  modelTopology: kerasConfig(graphFromConfig(CONFIG, NAME)),
  weightsManifest: [
    {
      paths: ["./a.bin"],
      weights: [{ name: "conv2d/kernel", shape: [3, 3, 3, 4], dtype: "float32" }],
    },
  ],
};
const TFJS_SEQUENTIAL = {
  class_name: "Sequential",
  config: [
    {
      class_name: "Dense",
      config: { name: "a", units: 3, batch_input_shape: [null, 4], activation: "relu" },
    },
    { class_name: "BatchNormalization", config: { name: "b", axis: [1], scale: false } },
    { class_name: "Activation", config: { name: "c", activation: "softmax" } },
  ],
};
const tfjsGrammar = fc
  .oneof(
    brokenJson(TFJS),
    brokenJson({ ...TFJS, modelTopology: { model_config: TFJS_SEQUENTIAL, keras_version: "2.9.0" } }),
  )
  .map((text) => Buffer.from(text));

/** What is accepted comes back as the same network after it has been described in Keras' words. */
function readTfjsJson(bytes) {
  const { graph } = readKerasConfig(parseTfjs(NAME, bytes).topology, NAME);
  const again = readKerasConfig(JSON.parse(JSON.stringify(kerasConfig(graph))), NAME).graph;
  const told = (given) => JSON.parse(JSON.stringify(graphToConfig(given)));
  deepStrictEqual(told(again), told(graph));
}

// case files

const CASES = [
  [
    { kind: "layer", layer: "dense", options: "{}" },
    { x: [2, 3], kernel: [3, 4], bias: [4], dY: [2, 4], y: [2, 4], dX: [2, 3] },
  ],
  [
    { kind: "layer", layer: "conv2d", options: '{"strides":[1,1],"padding":"same"}' },
    { x: [1, 4, 5, 2], kernel: [3, 3, 2, 3], y: [1, 4, 5, 3] },
  ],
  [
    { kind: "layer", layer: "max_pooling2d", options: '{"pool_size":2}' },
    { x: [1, 4, 4, 2], dY: [1, 2, 2, 2], dX: [1, 4, 4, 2] },
  ],
  [
    { kind: "layer", layer: "concatenate" },
    { x0: [1, 2, 2, 2], x1: [1, 2, 2, 1], y: [1, 2, 2, 3] },
  ],
  [
    { kind: "layer", layer: "softmaxCrossEntropy" },
    { x: [2, 3], labels: [2], loss: [] },
  ],
  [
    { kind: "layer", layer: "adam", options: '{"step":3}' },
    { weights: [3], gradients: [3], "after/weights": [3] },
  ],
  [
    { kind: "layer", layer: "l2", options: '{"l2":0.1}' },
    { kernel: [2, 2], loss: [] },
  ],
  [
    { kind: "network", network: "lenet5", width: "1/16", classes: "2" },
    { x: [1, 32, 32, 1], y: [1], loss: [] },
  ],
];
const caseGrammar = fc
  .constantFrom(...CASES)
  .chain(([metadata, shapes]) =>
    fc.tuple(
      fc.constant(metadata),
      brokenJson(JSON.parse(metadata.options ?? "{}")),
      fc.tuple(
        fc.constantFrom("options", "layer", "network", "width", "seed", "step", "classes", "kind", "none"),
        fc.oneof(
          fc.constantFrom("1e9", "-1", "0", "1/0", "constructor", "__proto__", "9".repeat(10), "dense"),
          fc.string(),
        ),
      ),
      tensorChange.map((change) => change(shapes)),
    ),
  )
  .map(([metadata, options, [key, text], shapes]) => {
    const changed = metadata.options === undefined ? { ...metadata } : { ...metadata, options };
    if (key !== "none") changed[key] = key === "options" ? options : text;
    return tensorFile(shapes, changed);
  });

const readCase = async (bytes) => void (await parseCase(SOURCE(bytes)));

// npy and npz

const TYPES = Object.keys(NPY_ARRAYS);
const npyParts = fc.record({
  type: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...TYPES) },
    { weight: 1, arbitrary: fc.constantFrom("f2", "O", "c8", "S3", "U1", "M8[ns]", "O8") },
  ),
  endian: fc.constantFrom("<", "<", ">", "|"),
  order: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom("True", "False") },
    { weight: 1, arbitrary: fc.constantFrom("1", "None", "'False'") },
  ),
  shape: fc.array(dimension, { maxLength: 4 }),
  space: fc.constantFrom("", " "),
  major: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(1, 2, 3) },
    { weight: 1, arbitrary: fc.constantFrom(0, 4, 255) },
  ),
  extra: fc.constantFrom(...Array(20).fill(""), "'descr': '<f4', ", "'x': 1, ", "("),
  tail: rarely(fc.constant(0), fc.constantFrom(1, -1, 8)),
});
function npyFile({ type, endian, order, shape, space, major, extra, tail }) {
  const width = NPY_ARRAYS[type]?.BYTES_PER_ELEMENT ?? 8;
  const elements = shape.reduce((a, b) => a * b, 1);
  const bytes = Math.max(0, Math.floor((elements < 4000 ? elements : 1) * width) + tail);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(`,${space}`)})`;
  const header = `{${extra}'descr': '${endian}${type}', 'fortran_order': ${order}, 'shape': ${tuple}, }\n`;
  return npy(
    header,
    Buffer.from({ length: bytes }).map((_, i) => (type === "b1" ? i & 1 : (i * 91) & 255)),
    { major },
  );
}
const npyGrammar = npyParts.map(npyFile);

async function readNpyBytes(bytes) {
  const first = decodeNpy(NAME, bytes);
  if (!sameArray(first, decodeNpy(NAME, encodeNpy(NAME, first))))
    throw new Error("the round trip changed it");
}

const npzGrammar = fc
  .array(
    fc.record({
      name: tensorName,
      parts: npyParts,
      deflated: fc.boolean(),
      change: fc.oneof(
        { weight: 8, arbitrary: fc.constant({}) },
        {
          weight: 1,
          arbitrary: fc.record({
            central: fc.dictionary(
              fc.constantFrom("crc", "size", "packed", "at", "method", "flags", "disk"),
              fc.constantFrom(0, 1, 8, 100, 65535),
              { maxKeys: 2 },
            ),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            local: fc.dictionary(
              fc.constantFrom("crc", "size", "packed", "method", "flags"),
              fc.constantFrom(0, 1, 8, 100, 65535),
              { maxKeys: 2 },
            ),
          }),
        },
      ),
    }),
    { maxLength: 4 },
  )
  .map((entries) =>
    zip(
      entries.map(({ name, parts, deflated, change }, i) => {
        const body = npyFile(parts);
        return {
          name: `${name}${i}.npy`,
          body,
          flags: 0x800,
          ...(deflated ? { packed: deflateRawSync(body), method: 8 } : {}),
          ...change,
        };
      }),
    ),
  );

async function readNpzBytes(bytes) {
  const first = await parseNpz(SOURCE(bytes));
  const again = await parseNpz(SOURCE(concat(encodeNpz(NAME, first, { compressed: first.size % 2 === 1 }))));
  deepStrictEqual([...again.keys()], [...first.keys()]);
  for (const [name, array] of first)
    if (!sameArray(array, again.get(name))) throw new Error(`${name} changed`);
}

// archives

const EXPECTED = new Map([
  ["a", { maximumBytes: 4096 }],
  ["b", { maximumBytes: 4096 }],
]);
const filled = (count) => Buffer.alloc(count, 7);
const tarParts = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      name: fc.constantFrom("a", "x/b", "b", "other", "x/"),
      body: fc.constantFrom(0, 1, 511, 512, 513, 2000).map(filled),
      type: fc.constantFrom("0", "0", "0", "\0", "7"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constantFrom("a", "../b", "/a", "x\\b", "b"),
      body: fc.constant(filled(0)),
      type: fc.constantFrom("1", "2", "5", "6", "S", "V", "\u007f"),
      linkname: fc.constant("/etc/passwd"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom("path", "size", "GNU.sparse.major", "mtime"),
        fc.constantFrom("a", "../a", "5", "x".repeat(300), "-1", "99999999999999"),
      )
      .map(([key, value]) => ({ name: "pax", type: "x", body: Buffer.from(pax(key, value)) })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constant("a"),
      body: fc.constant(filled(9)),
      size: fc.constantFrom(8, 10, 600, 2 ** 30),
      sizeText: fc.constantFrom(
        undefined,
        "zzzzzzzzzzz\0",
        "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
      ),
      checksum: fc.constantFrom(undefined, 0),
    }),
  },
);
const tarGrammar = fc
  .tuple(
    fc.array(tarParts, { maxLength: 6 }),
    fc.constantFrom(1024, 1024, 1024, 512, 10240, 0, 100),
    fc.boolean(),
  )
  .map(([entries, end, packed]) => {
    const bytes = Buffer.concat([...entries.map(tarEntry), Buffer.alloc(end)]);
    return packed ? gzipSync(bytes, { level: 1 }) : bytes;
  });
const goodTar = Buffer.concat([
  tarEntry({ name: "x/a", body: filled(700) }),
  tarEntry({ name: "b", body: filled(3) }),
  tarEnd,
]);

async function readTarBytes(bytes) {
  const found = await takeTar(bytes);
  const entries = [...found].map(([name, body]) => tarEntry({ name, body: Buffer.from(body) }));
  deepStrictEqual(await takeTar(Buffer.concat([...entries, tarEnd])), found);
}
async function takeTar(bytes) {
  const found = new Map();
  const half = bytes.length >> 1; // in two chunks, as from a disk
  await readArchiveStream(
    NAME,
    Readable.from([bytes.subarray(0, half), bytes.subarray(half)].filter((c) => c.length > 0)),
    EXPECTED,
    (name, body) => found.set(name, Buffer.from(body)),
  );
  return found;
}

// pictures, IDX, labels, run.json

const FORMAT = { width: 5, height: 4, channels: 3 };
const pixels = (filters) => deflateSync(pngPixels(5, 4, 3, filters), { level: 1 });
const pngGrammar = fc
  .record({
    size: fc.oneof(
      { weight: 9, arbitrary: fc.constant([5, 4]) },
      { weight: 1, arbitrary: fc.constantFrom([4, 5], [5, 5], [0, 4], [2 ** 31, 2 ** 31]) },
    ),
    header: fc.oneof(
      { weight: 9, arbitrary: fc.constant({}) },
      {
        weight: 1,
        arbitrary: fc.dictionary(
          fc.constantFrom("depth", "colour", "compression", "filter", "interlace"),
          fc.integer({ min: 0, max: 17 }),
        ),
      },
    ),
    data: fc.oneof(
      { weight: 9, arbitrary: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }).map(pixels) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)) },
    ),
    extra: fc.array(
      fc.tuple(
        fc.constantFrom("tEXt", "pHYs", "tIME", "iCCP", "PLTE", "tRNS", "acTL", "IDAT", "abcd"),
        fc.uint8Array({ maxLength: 20 }),
      ),
      { maxLength: 2 },
    ),
    split: fc.integer({ min: 0, max: 30 }),
    crc: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, 0),
    tail: fc.constantFrom(0, 0, 0, 0, 3),
  })
  .map(({ size, header, data, extra, split, crc, tail }) =>
    png(
      pngHeader(...size, header),
      ...extra.map(([type, body]) => pngChunk(type, Buffer.from(body))),
      pngChunk("IDAT", data.subarray(0, split)),
      pngChunk("IDAT", data.subarray(split), crc),
      pngChunk("IEND"),
      Buffer.alloc(tail),
    ),
  );
async function readPngBytes(bytes) {
  const first = readPng(NAME, bytes, FORMAT);
  const again = readPng(NAME, Buffer.from(encode({ ...FORMAT, depth: 8, data: first })), FORMAT);
  deepStrictEqual(raw(again), raw(first));
}

const SHAPE = [3, 2, 2];
const idxGrammar = fc
  .tuple(
    fc.constantFrom([3, 2, 2], [3, 2, 2], [2, 3, 2], [3, 2], [2 ** 32 - 1, 2, 2]),
    fc.constantFrom(12, 12, 12, 11, 13, 0),
    fc.constantFrom(0x803, 0x803, 0x803, 0x802, 0xd03, 0x10803),
  )
  .map(([shape, count, magic]) => idx(shape, filled(count), magic));
async function readIdxBytes(bytes) {
  deepStrictEqual(idx(SHAPE, readIdx(NAME, bytes, SHAPE)), Buffer.from(bytes));
}

const RUN = { network: "lenet5", seed: 0, width: 0.5, augment: true, classes: ["cat", "dog"] };
async function readRun(bytes) {
  const first = parseRunJson(NAME, bytes, "");
  deepStrictEqual(plain(parseRunJson(NAME, Buffer.from(JSON.stringify(first)), "")), plain(first));
}
async function readLabelBytes(bytes) {
  const first = readLabels(NAME, bytes, 4);
  deepStrictEqual(readLabels(NAME, Buffer.from(JSON.stringify([...first])), 4), first);
}

const JPEG = Buffer.from([
  0xff, 0xd8, 0xff, 0xe0, 0, 6, 1, 2, 3, 4, 0xff, 0xff, 0xc0, 0, 11, 8, 0, 30, 0, 40, 1, 1, 0x11, 0,
]);
const WEBP = ["VP8 ", "VP8L", "VP8X"].map((kind) => {
  const bytes = Buffer.alloc(40);
  bytes.write(`RIFF\x20\0\0\0WEBP${kind}`, "latin1");
  bytes.set([0x9d, 0x01, 0x2a], 23);
  bytes[20] = kind === "VP8L" ? 0x2f : 0x10;
  bytes[26] = bytes[28] = 9;
  return bytes;
});
async function readImage(bytes) {
  const { width, height } = imageHeader(bytes);
  if (!(width > 0 && height > 0 && width * height <= 1 << 26)) throw new Error("the size was not checked");
}

/** Weights: of some hundred cases. */
export const TARGETS = [
  ...DATA_TARGETS,
  ...KERAS_TARGETS,
  { name: "safetensors, grammar", weight: 22, files: safetensorsGrammar, read: readSafetensors },
  {
    name: "safetensors, mutated",
    weight: 10,
    files: mutated([
      tensorFile({ a: [2, 3], "b/c": [], d: [0] }, { note: "x" }),
      tensorFile({ a: [1] }, {}, "I64"),
      safetensors("{}"),
    ]),
    read: readSafetensors,
  },
  { name: "model", weight: 12, files: modelGrammar, read: readModel },
  {
    name: "model, mutated",
    weight: 3,
    files: mutated([tensorFile({ ...WEIGHTS, ...MOVING }, { model: JSON.stringify(CONFIG) })]),
    read: readModel,
  },
  { name: "checkpoint", weight: 7, files: checkpointGrammar, read: readCheckpoint },
  { name: "tfjs and Keras descriptions", weight: 4, files: tfjsGrammar, read: async (b) => readTfjsJson(b) },
  { name: "case file", weight: 10, files: caseGrammar, read: readCase },
  { name: "npy, grammar", weight: 9, files: npyGrammar, read: readNpyBytes },
  {
    name: "npy, mutated",
    weight: 4,
    files: mutated([
      npy(npyHeader("'<f4'", "(2, 3)"), Buffer.alloc(24)),
      npy(npyHeader("'>i2'", "(3,)", "True"), Buffer.alloc(6), { major: 2 }),
    ]),
    read: readNpyBytes,
  },
  { name: "npz, grammar", weight: 5, files: npzGrammar, read: readNpzBytes },
  {
    name: "npz, mutated",
    weight: 3,
    files: mutated(
      [true, false].map((compressed) =>
        concat(
          encodeNpz(
            NAME,
            new Map([
              ["a", { type: "f4", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
              ["b", { type: "b1", shape: [], data: Uint8Array.of(1) }],
            ]),
            { compressed },
          ),
        ),
      ),
    ),
    read: readNpzBytes,
  },
  { name: "tar, grammar", weight: 3, files: tarGrammar, read: readTarBytes },
  { name: "tar, mutated", weight: 2, files: mutated([goodTar, gzipSync(goodTar)]), read: readTarBytes },
  { name: "png, grammar", weight: 3, files: pngGrammar, read: readPngBytes },
  {
    name: "png, mutated",
    weight: 1,
    files: mutated([png(pngHeader(5, 4), pngChunk("IDAT", pixels([])), pngChunk("IEND"))]),
    read: readPngBytes,
  },
  { name: "image header", weight: 2, files: mutated([JPEG, ...WEBP, png(pngHeader(5, 4))]), read: readImage },
  {
    name: "idx",
    weight: 1,
    files: fc.oneof(idxGrammar, mutated([idx(SHAPE, filled(12))])),
    read: readIdxBytes,
  },
  {
    name: "labels",
    weight: 1,
    files: fc.oneof(
      brokenJson([1, 2, 9, 0]).map((text) => Buffer.from(text)),
      mutated([Buffer.from("[1,2,9,0]")]),
    ),
    read: readLabelBytes,
  },
  {
    name: "run.json",
    weight: 2,
    files: fc.oneof(
      brokenJson(RUN).map((text) => Buffer.from(text)),
      mutated([Buffer.from(JSON.stringify(RUN))]),
    ),
    read: readRun,
  },
];
