/**
 * Keras' own files: .h5 (Keras 2's models, and weights of either version) and .keras (a zip of a description and an HDF5 file).
 *   Keras 2  [model_weights/]LAYER/NAMES…, named by the attributes layer_names and weight_names
 *   Keras 3  layers/CLASS[_n]/vars/0, 1, …, numbered by class in the order of the model's list of layers
 */
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import { type ByteSource, bytesSource } from "../formats/byteSource.js";
import { type Hdf5File, readHdf5 } from "../formats/hdf5.js";
import { parseStrictJson } from "../formats/json.js";
import { readZip } from "../formats/zip.js";
import type { Graph } from "../models/graph.js";
import { type FoundTensor, kerasWeights } from "./kerasWeights.js";
import { isChain } from "./network.js";
import { type KerasNetwork, readKerasConfig } from "./readKerasConfig.js";

export interface ReadNetwork {
  readonly graph: Graph;
  readonly weights: Map<string, Float32Array>;
  readonly format: string;
  readonly remarks: readonly string[];
}

const MAX_DEPTH = 32;
const ATTRIBUTES = ["model_config", "layer_names", "weight_names", "keras_version"];
/** The optimizer's state is not read: it may be twice as large as the weights. */
const SKIP = ["optimizer_weights", "optimizer", "top_level_model_weights"];
const CONFIG = "config.json";
const WEIGHTS = "model.weights.h5";

type Fail = (what: string, code: ErrorCode) => FileError;
const failing =
  (source: string): Fail =>
  (what, code) =>
    new FileError(`${source}: ${what}.`, { code });

/** @param needed  the network to take weights alone for @throws FileError */
export async function readKerasH5(source: ByteSource, needed: () => Graph): Promise<ReadNetwork> {
  const file = await readHdf5(source, { attributes: ATTRIBUTES, skip: SKIP });
  const description = file.text("/", "model_config")?.[0];
  const network = description
    ? readKerasConfig(parseDescription(description, source.name), source.name)
    : placesOf(needed());
  const weights = takeWeights(file, network, { source: source.name, own: !description });
  const version = file.text("/", "keras_version")?.[0];
  const format = `Keras HDF5${description ? "" : ", weights only"}${version ? `, of Keras ${version}` : ""}`;
  return { graph: network.graph, weights, format, remarks: network.remarks };
}

/** A .keras archive. @throws FileError */
export async function readKerasArchive(source: ByteSource): Promise<ReadNetwork> {
  const fail = failing(source.name);
  const entries = await readZip(source, { what: ".keras file", suffix: "" });
  const entry = (name: string) => {
    const found = entries.find((each) => each.name === name);
    if (!found) throw fail(`it has no ${name}`, "KERAS_ARCHIVE");
    return found.read();
  };
  const description = parseDescription(new TextDecoder().decode(await entry(CONFIG)), source.name);
  const network = readKerasConfig(description, source.name);
  const bytes = bytesSource(`${source.name}: ${WEIGHTS}`, await entry(WEIGHTS));
  const file = await readHdf5(bytes, { attributes: ATTRIBUTES, skip: SKIP });
  const weights = takeWeights(file, network, { source: source.name, own: false });
  return { graph: network.graph, weights, format: "Keras archive", remarks: network.remarks };
}

function parseDescription(text: string, source: string): unknown {
  return parseStrictJson(text, MAX_DEPTH, (fault, what) =>
    failing(source)(
      `the model's description is no JSON that can be used: ${fault === "duplicate" || fault === "dangerous" ? `the key ${show(what)}, ${fault}` : what}`,
      "KERAS_JSON",
    ),
  );
}

/** Our own network in Keras' words. */
function placesOf(graph: Graph): KerasNetwork {
  const layers = graph.nodes.flatMap(({ name, layer }, node) =>
    layer.kind === "input" ? [] : [{ name, className: layer.title, node, absent: [] }],
  );
  return { graph, layers, remarks: [] };
}

interface From {
  readonly source: string;
  /** The description is ours, not the file's: names and order need not agree. */
  readonly own: boolean;
}

function takeWeights(file: Hdf5File, network: KerasNetwork, from: From): Map<string, Float32Array> {
  const fail = failing(from.source);
  const root = names(file, "/model_weights", "layer_names") ? "/model_weights" : "";
  const listed = names(file, root || "/", "layer_names");
  const numbered = file.datasets.some(({ path }) => NUMBERED.test(path));
  if (!listed && !numbered) {
    throw fail("it holds no weights that Keras would find", "HDF5_NO_WEIGHTS");
  }
  const found = listed ? listedLayers(file, root, listed, fail) : numberedLayers(file, network, from, fail);
  return kerasWeights(network, from.own && listed ? inOrderOf(network, found, fail) : found, from.source);
}

/** A list of texts, which Keras cuts into several attributes when it is long: layer_names0, layer_names1, … */
function names(file: Hdf5File, path: string, attribute: string): readonly string[] | undefined {
  const whole = file.text(path, attribute);
  if (whole) return whole;
  const parts: string[] = [];
  for (let number = 0; ; number++) {
    const part = file.text(path, `${attribute}${number}`);
    if (!part) return number === 0 ? undefined : parts;
    parts.push(...part);
  }
}

/** Keras 2. */
function listedLayers(
  file: Hdf5File,
  root: string,
  layers: readonly string[],
  fail: Fail,
): Map<string, FoundTensor[]> {
  const datasets = new Map(file.datasets.map((dataset) => [dataset.path, dataset]));
  return new Map(
    layers.map((layer) => {
      const tensors = (names(file, `${root}/${layer}`, "weight_names") ?? []).map((weight) => {
        const { shape, data } = datasets.get(`${root}/${layer}/${weight}`) ?? {};
        if (!shape || !data) {
          const why = shape ? "is no float32" : "is not there";
          throw fail(`${show(weight)} of layer ${show(layer)} ${why}`, "KERAS_WEIGHT_MISSING");
        }
        return { name: weight.replace(/:\d+$/, "").split("/").pop()!, shape, data };
      });
      return [layer, tensors];
    }),
  );
}

/** "/layers/conv2d_1/vars/0"; TensorFlow's Keras 2.12 and later had another name for the first part. */
const NUMBERED = /^\/(?:layers|_layer_checkpoint_dependencies)\/([^/]+)\/vars\/(\d+)$/;

/** Keras 3. */
function numberedLayers(
  file: Hdf5File,
  { graph, layers }: KerasNetwork,
  { own }: From,
  fail: Fail,
): Map<string, FoundTensor[]> {
  if (own && !isChain(graph)) {
    throw fail(
      `it numbers its layers by class, which says nothing certain about a network with branches such as ${graph.name}. Import the .keras file instead`,
      "HDF5_NO_WEIGHTS",
    );
  }
  const counts = new Map<string, number>();
  const keys = new Map(
    layers.map(({ name, className }) => {
      const kind = snakeCase(className);
      const count = counts.get(kind) ?? 0;
      counts.set(kind, count + 1);
      return [count === 0 ? kind : `${kind}_${count}`, name];
    }),
  );
  const found = new Map<string, FoundTensor[]>();
  for (const { path, shape, data } of file.datasets) {
    const [, key, number] = NUMBERED.exec(path) ?? [];
    if (key === undefined) continue;
    if (!data) throw fail(`${show(path)} is no float32`, "KERAS_WEIGHT_MISSING");
    const layer = keys.get(key) ?? key; // an unknown one is refused by its own name
    found.set(layer, [...(found.get(layer) ?? []), { name: String(Number(number)), shape, data }]);
  }
  for (const tensors of found.values()) tensors.sort((a, b) => Number(a.name) - Number(b.name));
  return found;
}

/** How Keras makes a class' name into a key. */
function snakeCase(className: string): string {
  return className
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

/** Where the names are from elsewhere (conv2d_7), the order decides, if the layers can have only one. */
function inOrderOf(
  { graph, layers }: KerasNetwork,
  found: ReadonlyMap<string, FoundTensor[]>,
  fail: Fail,
): ReadonlyMap<string, FoundTensor[]> {
  const weighted = [...found].filter(([, tensors]) => tensors.length > 0);
  const places = layers.filter(({ node }) => Object.keys(graph.nodes[node].specs).length > 0);
  const same = weighted.every(([name]) => places.some((place) => place.name === name));
  if (same) return found;
  if (!isChain(graph)) {
    throw fail(
      `its layers have other names than ${graph.name}'s, such as ${show(weighted[0][0])}, and a network with branches has no order that would be certain`,
      "KERAS_WEIGHT_UNKNOWN",
    );
  }
  if (weighted.length !== places.length) {
    throw fail(
      `it has weights of ${weighted.length} layers, ${graph.name} has ${places.length}`,
      "KERAS_WEIGHT_MISSING",
    );
  }
  return new Map(places.map(({ name }, at) => [name, weighted[at][1]]));
}
