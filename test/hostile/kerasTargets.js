/** What is fuzzed of Keras' files: JSON of a network, .keras archives, HDF5. As targets.js. */
import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { FileError } from "../../dist/errors.js";
import { readKerasArchive, readKerasH5 } from "../../dist/export/kerasFiles.js";
import { bytesSource } from "../../dist/formats/byteSource.js";
import { readZip } from "../../dist/formats/zip.js";
import { graphToConfig } from "../../dist/models/config.js";
import { graphToKeras } from "../../dist/models/kerasWrite.js";
import { parseKerasModel } from "../../dist/train/kerasText.js";
import { zip } from "./forge.js";
import { brokenJson, mutated } from "./mutations.js";

const NAME = "fuzzed";
const file = (name) => readFileSync(new URL(`../${name}`, import.meta.url));
const NETWORKS = ["sequential", "functional"].map((name) => JSON.parse(file(`keras/${name}.json`)));

/** What is accepted comes back as the same network after it has been written in Keras' words. */
async function readKerasJson(bytes) {
  const graph = parseKerasModel(bytes.toString(), NAME);
  const again = parseKerasModel(JSON.stringify(graphToKeras(graph)), NAME);
  const told = (given) => JSON.parse(JSON.stringify(graphToConfig(given)));
  deepStrictEqual(told(again), told(graph));
}

// Archives: what is before the HDF5 file, which has a thread of its own.

const archive = file("fixtures/keras/keras3.keras");
const CONFIG = JSON.parse(
  await (async () => {
    const entries = await readZip(bytesSource(NAME, archive), { what: ".keras file", suffix: "" });
    return new TextDecoder().decode(await entries.find(({ name }) => name === "config.json").read());
  })(),
);
/** No HDF5 file is in these. */
const withoutWeights = fc
  .tuple(
    brokenJson(CONFIG),
    fc.constantFrom("config.json", "config.json", "config.json", "../config.json", "config"),
    fc.constantFrom("model.weights.h5", "model.weights.h5", "weights", "config.json"),
    fc.uint8Array({ maxLength: 30 }),
  )
  .map(([config, first, second, bytes]) =>
    zip([
      { name: first, body: Buffer.from(config) },
      { name: second, body: Buffer.from(bytes) },
    ]),
  );

const whole = file("fixtures/keras/keras2.h5");
const noNetwork = () => {
  throw new FileError("weights alone", { code: "IMPORT_NETWORK" });
};
const finite = ({ weights }) => {
  for (const [name, data] of weights)
    if (!(data instanceof Float32Array)) throw new Error(`${name} is no array`);
};

export const KERAS_TARGETS = [
  {
    name: "Keras JSON",
    weight: 3,
    files: fc.oneof(
      fc.oneof(...NETWORKS.map((network) => brokenJson(network))).map((text) => Buffer.from(text)),
      mutated(NETWORKS.map((network) => Buffer.from(JSON.stringify(network)))),
    ),
    read: readKerasJson,
  },
  {
    name: "Keras archives",
    weight: 1,
    files: withoutWeights,
    read: async (bytes) => finite(await readKerasArchive(bytesSource(NAME, bytes))),
  },
  // A thread and a library of its own for each: ten of 20,000 cases.
  {
    name: "HDF5",
    /** Its reader is WebAssembly in a thread of its own. */
    thread: true,
    weight: 0.05,
    files: mutated([whole]),
    read: async (bytes) => finite(await readKerasH5(bytesSource(NAME, bytes), noNetwork)),
  },
];
