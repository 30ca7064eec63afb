/** Bad model files, checkpoints, case files and run.json, made by hand, each refused with a code of its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../src/errorCodes.js";
import { DataError, FileError } from "../src/errors.js";
import { bytesSource } from "../src/formats/byteSource.js";
import { layers, models, sequential } from "../src/index.js";
import { graphToConfig } from "../src/models/config.js";
import { weightSpecs } from "../src/models/graph.js";
import { graphFromConfig } from "../src/models/readConfig.js";
import { earlyStopping, reduceLROnPlateau } from "../src/train/callbacks.js";
import {
  loadTrainingState,
  parseModel,
  parseTrainingState,
  saveTrainingState,
} from "../src/train/checkpoint.js";
import { modelCheckpoint } from "../src/train/fileCallbacks.js";
import { parseRunJson, readRunJson } from "../src/train/runJson.js";
import { parseCase } from "../src/verify/caseFile.js";
import { type Shapes, tensorFile } from "./hostile/forge.js";
import { temporaryFolder } from "./support/temporary.js";

type Json = Record<string, unknown>;
const layer = (kind: string, name: string, inputs: number[], options: Json = {}) => ({
  kind,
  name,
  options,
  inputs,
});
const INPUT = layer("input", "input", [], { shape: [4] });
const DENSE = layer("dense", "dense", [0], { units: 2 });
const config = (nodes: unknown[] = [INPUT, DENSE], output = nodes.length - 1, name = "net") => ({
  name,
  output,
  nodes,
});
const image = (shape: number[]) => layer("input", "input", [], { shape });
const WEIGHTS = { "dense/kernel": [4, 2], "dense/bias": [2] };
const model = (description: unknown, shapes: Record<string, number[]> = WEIGHTS) =>
  tensorFile(shapes, { model: typeof description === "string" ? description : JSON.stringify(description) });
const doubling = Array.from({ length: 40 }, (_, i) => layer("concatenate", `c${i}`, [i, i]));

const BAD_MODELS: readonly (readonly [string, string, Buffer])[] = [
  ["another program's file", "MODEL_METADATA_MISSING", tensorFile(WEIGHTS)],
  ["no JSON", "MODEL_NOT_JSON", model("{")],
  ["100,000 brackets", "MODEL_TOO_DEEP", model("[".repeat(100_000))],
  ["a key twice", "MODEL_DUPLICATE_KEY", model('{"name":"a","name":"b"}')],
  ["__proto__", "MODEL_DANGEROUS_KEY", model('{"__proto__":{"name":"a"}}')],
  ["a list", "MODEL_DESCRIPTION", model([])],
  ["no layer", "MODEL_DESCRIPTION", model(config([], 0))],
  ["a field too much", "MODEL_DESCRIPTION", model({ ...config(), code: "process.exit()" })],
  [
    "10,001 layers",
    "MODEL_DESCRIPTION",
    model(config(Array(10_001).fill({ kind: "", name: "", options: {}, inputs: [] }), 1)),
  ],
  ["a name that clears the screen", "MODEL_NAME", model(config([INPUT, DENSE], 1, "\u001b[2J"))],
  ["a layer's name like a path", "MODEL_NAME", model(config([INPUT, { ...DENSE, name: "../dense" }]))],
  ["a layer called ..", "MODEL_NAME", model(config([INPUT, { ...DENSE, name: ".." }]))],
  ["an unknown layer", "MODEL_KIND", model(config([INPUT, layer("lambda", "x", [0], { code: "x => x" })]))],
  ["constructor as a layer", "MODEL_KIND", model(config([INPUT, layer("constructor", "x", [0])]))],
  ["__proto__ as a layer", "MODEL_KIND", model(config([INPUT, layer("__proto__", "x", [0])]))],
  ["a layer that reads itself", "MODEL_EDGE", model(config([INPUT, { ...DENSE, inputs: [1] }]))],
  ["a layer that reads nothing", "MODEL_EDGE", model(config([INPUT, { ...DENSE, inputs: [] }]))],
  ["a layer that reads two", "MODEL_EDGE", model(config([INPUT, { ...DENSE, inputs: [0, 0] }]))],
  ["a sum of nothing", "MODEL_EDGE", model(config([INPUT, layer("add", "add", [])]))],
  ["no input", "MODEL_INPUT", model(config([DENSE]))],
  ["two inputs", "MODEL_INPUT", model(config([INPUT, layer("input", "b", [], { shape: [4] })]))],
  [
    "an unknown option",
    "MODEL_LAYER",
    model(config([INPUT, { ...DENSE, options: { units: 2, code: "x" } }])),
  ],
  [
    "options that do not fit the input",
    "MODEL_LAYER",
    model(config([INPUT, layer("max_pooling2d", "p", [0])])),
  ],
  ["two layers of one name", "MODEL_LAYER", model(config([INPUT, DENSE, DENSE]))],
  ["an output that is no layer", "MODEL_OUTPUT", model(config([INPUT, DENSE], 2))],
  ["an output that is an image", "MODEL_OUTPUT", model(config([image([2, 2, 1])], 0))],
  [
    "an image of 10^12 pixels",
    "MODEL_TOO_LARGE",
    model(config([image([1e6, 1e6, 1]), layer("global_average_pooling2d", "g", [0])]), {}),
  ],
  [
    "an image of 10^300 pixels",
    "MODEL_TOO_LARGE",
    model(config([image([1e150, 1e150, 1]), layer("global_average_pooling2d", "g", [0])]), {}),
  ],
  ["10^9 units", "MODEL_TOO_LARGE", model(config([INPUT, layer("dense", "dense", [0], { units: 1e9 })]))],
  ["10^18 units", "MODEL_TOO_LARGE", model(config([INPUT, layer("dense", "dense", [0], { units: 1e18 })]))],
  [
    "many weights, none too large alone",
    "MODEL_TOO_LARGE",
    model(config([INPUT, ...[0, 1, 2].map((i) => layer("dense", `d${i}`, [i], { units: 30_000 }))])),
  ],
  [
    "a sum that doubles 40 times",
    "MODEL_TOO_LARGE",
    model(config([image([1, 1, 1]), ...doubling, layer("global_average_pooling2d", "g", [40])]), {}),
  ],
  [
    "a window of 10^6",
    "MODEL_TOO_LARGE",
    model(
      config([
        image([4, 4, 1]),
        layer("max_pooling2d", "p", [0], { poolSize: 1e6, padding: "same" }),
        layer("flatten", "f", [1]),
      ]),
      {},
    ),
  ],
  [
    "a day and more for one image",
    "MODEL_TOO_LARGE",
    model(
      config([
        image([8192, 8192, 1]),
        layer("average_pooling2d", "p", [0], { poolSize: 8192, strides: 1, padding: "same" }),
        layer("global_average_pooling2d", "g", [1]),
      ]),
      {},
    ),
  ],
  ["a weight missing", "MODEL_WEIGHT_MISSING", model(config(), { "dense/kernel": [4, 2] })],
  [
    "a weight of another shape",
    "MODEL_WEIGHT_SHAPE",
    model(config(), { ...WEIGHTS, "dense/kernel": [2, 4] }),
  ],
  ["a weight too much", "MODEL_WEIGHT_UNKNOWN", model(config(), { ...WEIGHTS, "dense_1/kernel": [2] })],
];

const optimizer = { name: "adam", learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
const at = (index: number) => ({ $tensor: `state/${index}` });
const TRAINING: Json = {
  formatVersion: 2,
  stopped: false,
  ...{ seed: 0, batchSize: 2, epoch: 1, stepInEpoch: 0, step: 9, learningRate: 0.1, totals: [0, 0, 0, 0] },
  history: { epochs: at(0), validationEpochs: at(1), logs: { loss: at(2) } },
  callbacks: { own: { weights: at(3) } },
  optimizer,
};
const SLOTS = {
  "adam/m/dense/kernel": [4, 2],
  "adam/m/dense/bias": [2],
  "adam/v/dense/kernel": [4, 2],
  "adam/v/dense/bias": [2],
};
const STATE = { "state/0": { F64: [1] }, "state/1": { F64: [0] }, "state/2": { F64: [1] }, "state/3": [3] };
const ALL: Shapes = { ...WEIGHTS, ...SLOTS, ...STATE };
const checkpoint = (training: unknown, shapes: Shapes = ALL) =>
  tensorFile(shapes, {
    model: JSON.stringify(config()),
    training: typeof training === "string" ? training : JSON.stringify(training),
  });
const without = (name: string) => Object.fromEntries(Object.entries(ALL).filter(([key]) => key !== name));

const BAD_CHECKPOINTS: readonly (readonly [string, string, Buffer])[] = [
  ["a model without a training state", "CHECKPOINT_METADATA_MISSING", model(config())],
  ["no JSON", "CHECKPOINT_NOT_JSON", checkpoint("{]")],
  ["100,000 brackets", "CHECKPOINT_TOO_DEEP", checkpoint("[".repeat(100_000))],
  ["a key twice", "CHECKPOINT_DUPLICATE_KEY", checkpoint('{"seed":1,"seed":2}')],
  [
    "__proto__ in a callback's state",
    "CHECKPOINT_DANGEROUS_KEY",
    checkpoint('{"callbacks":{"a":{"__proto__":1}}}'),
  ],
  ["a format version of the future", "CHECKPOINT_VERSION", checkpoint({ ...TRAINING, formatVersion: 999 })],
  ["an infinite beta", "CHECKPOINT_STATE", checkpoint(JSON.stringify(TRAINING).replace("0.9,", "1e999,"))],
  [
    "a number that is a property of every object",
    "CHECKPOINT_STATE",
    checkpoint({ ...TRAINING, learningRate: { $number: "constructor" } }),
  ],
  [
    "a map that is none",
    "CHECKPOINT_STATE",
    checkpoint({ ...TRAINING, callbacks: { own: { $map: [[1]] } } }),
  ],
  ["half a step", "CHECKPOINT_STATE", checkpoint({ ...TRAINING, step: 0.5 })],
  ["more losses than epochs", "CHECKPOINT_STATE", checkpoint(TRAINING, { ...ALL, "state/2": { F64: [2] } })],
  [
    "an optimizer of nobody",
    "CHECKPOINT_STATE",
    checkpoint({ ...TRAINING, optimizer: { ...optimizer, name: "lamb" } }),
  ],
  ["a slot missing", "CHECKPOINT_SLOT", checkpoint(TRAINING, without("adam/v/dense/bias"))],
  ["a slot of another shape", "CHECKPOINT_SLOT", checkpoint(TRAINING, { ...ALL, "adam/m/dense/bias": [3] })],
  ["a slot too much", "CHECKPOINT_SLOT", checkpoint(TRAINING, { ...ALL, "adam/x/dense/bias": [2] })],
  ["a callback's tensor missing", "CHECKPOINT_CALLBACK", checkpoint(TRAINING, without("state/3"))],
  [
    "a callback's tensor by a path",
    "CHECKPOINT_CALLBACK",
    checkpoint({ ...TRAINING, callbacks: { own: { $tensor: "../secret" } } }),
  ],
];

const dense = { kind: "layer", layer: "dense" };
const DENSE_CASE = { x: [2, 3], kernel: [3, 4], bias: [4], y: [2, 4] };

const BAD_CASES: readonly (readonly [string, string, Buffer])[] = [
  ["no kind", "CASE_METADATA", tensorFile(DENSE_CASE)],
  ["another kind", "CASE_METADATA", tensorFile(DENSE_CASE, { ...dense, kind: "script" })],
  ["a layer of nobody", "CASE_METADATA", tensorFile(DENSE_CASE, { ...dense, layer: "constructor" })],
  ["a network of nobody", "CASE_METADATA", tensorFile(DENSE_CASE, { kind: "network", network: "__proto__" })],
  ["a seed of letters", "CASE_METADATA", tensorFile(DENSE_CASE, { ...dense, seed: "one" })],
  [
    "100,000 brackets as options",
    "CASE_OPTIONS",
    tensorFile(DENSE_CASE, { ...dense, options: "[".repeat(100_000) }),
  ],
  ["an option twice", "CASE_OPTIONS", tensorFile(DENSE_CASE, { ...dense, options: '{"units":4,"units":5}' })],
  ["an unknown option", "CASE_OPTIONS", tensorFile(DENSE_CASE, { ...dense, options: '{"code":"x"}' })],
  [
    "a network 10^300 wide",
    "CASE_OPTIONS",
    tensorFile({ x: [1, 32, 32, 3] }, { kind: "network", network: "lenet5", width: "1e308" }),
  ],
  [
    "a weight missing",
    "CASE_TENSOR_MISSING",
    tensorFile({ x: [2, 3], y: [2, 4] }, { ...dense, options: '{"units":4}' }),
  ],
  [
    "a network 10^9 wide",
    "CASE_TENSOR_SHAPE",
    tensorFile(
      { x: [1, 32, 32, 3], "weights/conv2d/kernel": [5, 5, 3, 6] },
      { kind: "network", network: "lenet5", width: "1000000000" },
    ),
  ],
  ["a shape that does not fit", "CASE_TENSOR_SHAPE", tensorFile({ ...DENSE_CASE, bias: [5] }, dense)],
  ["an image for dense", "CASE_TENSOR_SHAPE", tensorFile({ ...DENSE_CASE, x: [2, 3, 1, 1] }, dense)],
  ["a tensor of nobody", "CASE_TENSOR_UNKNOWN", tensorFile({ ...DENSE_CASE, z: [1] }, dense)],
  [
    "a label of no class",
    "CASE_LABELS",
    tensorFile({ x: [2, 0], labels: [2], loss: [] }, { kind: "layer", layer: "softmaxCrossEntropy" }),
  ],
  ["nothing to compare", "CASE_NOTHING", tensorFile({ x: [2, 3], kernel: [3, 4], bias: [4] }, dense)],
  [
    "8 MB that multiply to 8 TB",
    "CASE_TOO_LARGE",
    tensorFile({ x: [1_000_000, 1], kernel: [1, 1_000_000], y: [1] }, dense),
  ],
];

const source = (bytes: Buffer) => bytesSource("bad.safetensors", bytes);
const codesOf = (...tables: (readonly (readonly [string, string, unknown])[])[]) =>
  new Set(tables.flatMap((table) => table.map(([, code]) => code)));
const own = (prefix: string) => Object.keys(ERROR_CODES).filter((code) => code.startsWith(prefix));
const oneLine = { message: expect.stringMatching(/^bad\.safetensors[^\n\r]{1,1200}$/) };

describe("bad model files", () => {
  it.each(BAD_MODELS)("%s: %s", async (_what, code, bytes) => {
    await expect(parseModel(source(bytes))).rejects.toMatchObject({ name: "FileError", code, ...oneLine });
  });

  it("covers each of the reader's codes", () => {
    expect(codesOf(BAD_MODELS)).toEqual(new Set(own("MODEL_")));
  });

  it("the six networks are within the bounds, and come back as they were", () => {
    for (const name of models.names) {
      const { graph } = models[name]();
      const written = JSON.parse(JSON.stringify(graphToConfig(graph)));
      expect(weightSpecs(graphFromConfig(written, "x"))).toEqual(weightSpecs(graph));
    }
  });

  it("a name that a file could not have is refused before a night of training", () => {
    expect(() => layers.dense({ units: 2, name: ".." })).toThrow("dense: name must consist of");
    const dense = layers.dense({ units: 2, inputShape: [3] });
    expect(() => sequential([dense], { name: "a\u001b[2J" })).toThrow("at most 512 printable characters");
  });
});

describe("bad checkpoints", () => {
  it.each(BAD_CHECKPOINTS)("%s: %s", async (_what, code, bytes) => {
    await expect(parseTrainingState(source(bytes))).rejects.toMatchObject({
      name: "FileError",
      code,
      ...oneLine,
    });
  });

  it("covers each of the reader's codes", () => {
    expect(codesOf(BAD_CHECKPOINTS)).toEqual(new Set(own("CHECKPOINT_")));
  });

  it("a good one, and what callbacks remember as arrays, come back through a file", async () => {
    const { graph, state } = await parseTrainingState(source(checkpoint(TRAINING)));
    const kept = Float32Array.from({ length: 400_000 }, (_, i) => i / 3); // as text, beyond any header
    const callbacks = { ...state.callbacks, stop: { weights: new Map([["dense/kernel", kept]]), best: 1 } };
    const path = join(temporaryFolder(), "x.safetensors");
    await saveTrainingState(path, graph, { ...state, callbacks });
    expect((await loadTrainingState(path)).state).toEqual({ ...state, callbacks });
  });

  it.each([
    [
      "earlyStopping",
      earlyStopping(),
      [
        null,
        {},
        { best: "x", wait: 0 },
        { best: 1, wait: -1 },
        { best: 1, wait: 0, weights: new Map([["a", 1]]) },
      ],
    ],
    ["modelCheckpoint", modelCheckpoint("x"), [7, { best: Number.NaN }, { best: [] }]],
    [
      "reduceLROnPlateau",
      reduceLROnPlateau(),
      [[], { best: 1, wait: 0 }, { best: 1, wait: 1e99, cooling: 0 }],
    ],
  ] as const)("%s refuses what it would not have written", (_name, callback, states) => {
    for (const state of states) {
      expect(() => callback.setState!(state)).toThrow(
        expect.objectContaining({ code: "CHECKPOINT_CALLBACK" }),
      );
    }
    callback.setState!({ ...(callback.getState!() as object), best: Number.POSITIVE_INFINITY });
  });
});

describe("bad case files", () => {
  it.each(BAD_CASES)("%s: %s", async (_what, code, bytes) => {
    await expect(parseCase(source(bytes))).rejects.toMatchObject({
      name: "CaseError",
      code,
      exitCode: 2,
      ...oneLine,
    });
  });

  it("a long name among thousands is answered at once, and shortly", async () => {
    const shapes = { x: [1, 32, 32, 3], [`after/100/${"n".repeat(90)}`]: [1], y: [1] };
    const { graph } = models.resnet18({ width: 1 / 64 });
    const weights = weightSpecs(graph).map(({ name, shape }) => [`weights/${name}`, [...shape]]);
    const bytes = tensorFile(
      { ...shapes, ...Object.fromEntries(weights) },
      { kind: "network", network: "resnet18", width: "1/64" },
    );
    const error: Error = await parseCase(source(bytes)).then(
      () => new Error("accepted"),
      (cause) => cause,
    );
    expect(error).toMatchObject({ code: "CASE_TENSOR_UNKNOWN" });
    expect(error.message.length).toBeLessThan(4096);
  });

  it("covers each of the reader's codes", () => {
    expect(codesOf(BAD_CASES)).toEqual(new Set(own("CASE_")));
  });
});

describe("bad run.json", () => {
  it.each([
    ["cut short", "RUN_NOT_JSON", '{"seed":'],
    ["100,000 brackets", "RUN_TOO_DEEP", "[".repeat(100_000)],
    ["a setting twice", "RUN_DUPLICATE_KEY", '{"seed":1,"seed":2}'],
    ["__proto__", "RUN_DANGEROUS_KEY", '{"__proto__":1}'],
    ["a list", "RUN_SETTINGS", "[]"],
    ["a setting that is an object", "RUN_SETTINGS", '{"seed":{}}'],
    ["a class name that clears the screen", "RUN_SETTINGS", '{"classes":["\\u001b[2J"]}'],
    ["class names that are numbers", "RUN_SETTINGS", '{"classes":[1]}'],
  ])("%s: %s", (_what, code, text) => {
    expect(() => parseRunJson("run.json", Buffer.from(text), "Mend it.")).toThrow(
      expect.objectContaining({
        name: "FileError",
        code,
        message: expect.stringMatching(/^run\.json is missing or damaged: .*Mend it\.$/),
      }),
    );
  });

  it("too large, no file, none", () => {
    const folder = temporaryFolder();
    const path = join(folder, "run.json");
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => readRunJson(path, "")).toThrow(code("FILE_NOT_FOUND"));
    writeFileSync(path, " ".repeat((1 << 20) + 1));
    expect(() => readRunJson(path, "")).toThrow(code("RUN_TOO_LARGE"));
    mkdirSync(join(folder, "folder"));
    expect(() => readRunJson(join(folder, "folder"), "")).toThrow(code("FILE_NOT_REGULAR"));
    writeFileSync(path, '{"seed":1,"classes":["cat"]}');
    expect(readRunJson(path, "")).toEqual({ seed: 1, classes: ["cat"] });
  });
});

describe("messages", () => {
  it("stay on one line and act on no terminal, whatever a file holds", async () => {
    const { show } = await import("../src/errors.js");
    const text = show("a\u001b[2J\u009b\u202e\n".repeat(1000));
    expect(text).toMatch(/^"a\\u001b\[2J\\u009b\\u202e\\n.*… \(8000 characters\)$/);
    expect(text.length).toBeLessThan(1000);
    expect(show(Array(1000).fill(7))).toMatch(/^\[7, .*… \(1000 in all\)\]$/);
    expect(show({ key: "\u009b".repeat(1000) }).length).toBeLessThan(500);
    expect(new FileError("x", { code: "FILE_NOT_FOUND" }).code).toBe("FILE_NOT_FOUND");
    expect(new DataError("x").code).toBeUndefined();
  });
});
