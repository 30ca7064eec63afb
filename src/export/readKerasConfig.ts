/**
 * Keras' description of a model as our graph: Sequential and Functional, as Keras 2, Keras 3 and tfjs-layers write them. What has
 * no counterpart here is refused by name. The result goes through the same checks as our own files (src/models/config.ts).
 */
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import { isLayerName } from "../layers/call.js";
import { isModelName } from "../models/build.js";
import type { Graph } from "../models/graph.js";
import { graphFromConfig } from "../models/readConfig.js";
import { type Fail, isObject, type Json, type Translated, translate } from "./kerasLayers.js";

export interface KerasNetwork {
  readonly graph: Graph;
  /** In Keras' order, all but input layers. */
  readonly layers: readonly KerasLayerPlace[];
  readonly remarks: readonly string[];
}

export interface KerasLayerPlace {
  /** As Keras calls it; in the graph it may have been renamed. */
  readonly name: string;
  readonly className: string;
  /** Index of the graph's node. */
  readonly node: number;
  /** Weights that the graph has and Keras' layer has not. */
  readonly absent: readonly string[];
}

/** A layer before it has its place. */
interface Item {
  readonly name: string;
  readonly className: string;
  readonly config: Json;
  readonly inputs: readonly string[];
  /** What the layer is called with. */
  readonly call: Json;
}

const MAX_LAYERS = 10_000;

/** @param source  the file, for messages @throws FileError */
export function readKerasConfig(description: unknown, source: string): KerasNetwork {
  const fail: Fail = (what: string, code: ErrorCode) => new FileError(`${source}: ${what}.`, { code });
  const model = modelOf(description, fail);
  const { items, output } =
    model.className === "Sequential"
      ? sequentialItems(model.config, fail)
      : functionalItems(model.config, fail);
  const sorted = topological(items, fail);
  const index = new Map(sorted.map(({ name }, at) => [name, at]));
  const names = new Set<string>();
  const translated = sorted.map((item) =>
    item.className === "InputLayer" ? undefined : translateItem(item, fail),
  );
  const nodes = sorted.map((item, at) => ({
    kind: translated[at]?.kind ?? "input",
    name: ownName(item.name, names),
    options: translated[at]?.options ?? { shape: inputShape(item, fail) },
    trainable: translated[at]?.trainable,
    inputs: item.inputs.map((input) => index.get(input)!),
  }));
  const { name } = model.config;
  const config = { name: isModelName(name) ? name : "model", output: index.get(output)!, nodes };
  const graph = graphFromConfig(JSON.parse(JSON.stringify(config)), source);
  sorted.forEach((item, at) => {
    const axis = translated[at]?.axis ?? -1;
    const rank = graph.nodes[at].outputShape.length;
    if (axis !== -1 && axis !== rank) {
      throw fail(
        `${whereOf(item)} has axis ${axis} of ${rank + 1}; cbapd takes the last one`,
        "KERAS_OPTION",
      );
    }
  });
  // Keras counts layers of a class in the order of its own list.
  const places = items.flatMap(({ name, className }) => {
    const node = index.get(name)!;
    return className === "InputLayer" ? [] : [{ name, className, node, absent: translated[node]!.absent }];
  });
  return { graph, layers: places, remarks: translated.flatMap((layer) => layer?.remarks ?? []) };
}

const whereOf = ({ className, name }: Pick<Item, "className" | "name">): string =>
  `${show(name)} (${show(className).slice(1, -1)})`;

/** tfjs-layers' Python converter wraps it in model_config. */
function modelOf(description: unknown, fail: Fail): { className: string; config: Json } {
  const wrapped = isObject(description) && isObject(description.model_config);
  const model = wrapped ? (description.model_config as Json) : description;
  const { class_name: className, config } = (isObject(model) ? model : {}) as Json;
  if (className === "Sequential" && Array.isArray(config)) return { className, config: { layers: config } };
  if (typeof className !== "string" || !isObject(config)) {
    throw fail("the model's description has no class_name and config", "KERAS_DESCRIPTION");
  }
  if (!["Sequential", "Functional", "Model"].includes(className)) {
    throw fail(
      `the model is of class ${show(className)}; only Sequential and Functional models say what they compute`,
      "KERAS_STRUCTURE",
    );
  }
  return { className, config };
}

function layersOf(
  { layers }: Json,
  fail: Fail,
): { name: string; className: string; config: Json; entry: Json }[] {
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > MAX_LAYERS) {
    throw fail("the model's description has no list of layers", "KERAS_DESCRIPTION");
  }
  const names = new Set<string>();
  return layers.map((entry: unknown, at) => {
    const { class_name: className, config } = (isObject(entry) ? entry : {}) as Json;
    const name = isObject(config) ? (config.name ?? (entry as Json).name) : undefined;
    if (typeof className !== "string" || !isObject(config) || typeof name !== "string") {
      throw fail(`layer ${at} has no class_name, name and config`, "KERAS_DESCRIPTION");
    }
    if (names.has(name)) throw fail(`two layers are called ${show(name)}`, "KERAS_DESCRIPTION");
    names.add(name);
    return { name, className, config, entry: entry as Json };
  });
}

function sequentialItems(config: Json, fail: Fail): { items: Item[]; output: string } {
  const listed = layersOf(config, fail);
  const items: Item[] = listed.map(({ name, className, config }, at) => ({
    name,
    className,
    config,
    inputs: at === 0 ? [] : [listed[at - 1].name],
    call: {},
  }));
  const [first] = listed;
  if (first.className !== "InputLayer") {
    const build = isObject(first.entry.build_config) ? first.entry.build_config : {};
    const shape =
      first.config.batch_input_shape ??
      first.config.batch_shape ??
      config.build_input_shape ??
      (build as Json).input_shape;
    const name = listed.some((layer) => layer.name === "input") ? "input_layer_0" : "input";
    items[0] = { ...items[0], inputs: [name] };
    items.unshift({
      name,
      className: "InputLayer",
      config: { batch_input_shape: shape },
      inputs: [],
      call: {},
    });
  }
  return { items, output: items[items.length - 1].name };
}

function functionalItems(config: Json, fail: Fail): { items: Item[]; output: string } {
  const items = layersOf(config, fail).map(({ entry, ...layer }) => {
    const { inbound_nodes: nodes = [] } = entry;
    if (!Array.isArray(nodes) || nodes.length > 1) {
      throw fail(`${whereOf(layer)} is applied more than once; cbapd shares no weights`, "KERAS_STRUCTURE");
    }
    return { ...layer, ...(nodes.length === 0 ? { inputs: [], call: {} } : callOf(nodes[0], layer, fail)) };
  });
  const inputs = items.filter(({ className }) => className === "InputLayer");
  const ends = (key: string) => references(config[key]);
  const [from, to] = [ends("input_layers"), ends("output_layers")];
  if (inputs.length !== 1 || from.length !== 1 || to.length !== 1 || from[0] !== inputs[0].name) {
    throw fail(
      `the model has ${Math.max(inputs.length, from.length)} inputs and ${to.length} outputs; cbapd's have one each`,
      "KERAS_STRUCTURE",
    );
  }
  return { items, output: to[0] };
}

/** Keras 2: [[name, 0, 0, { … }], …]; Keras 3: { args: [tensor or list of tensors], kwargs: { … } }. */
function callOf(
  node: unknown,
  layer: Pick<Item, "name" | "className">,
  fail: Fail,
): { inputs: readonly string[]; call: Json } {
  const inputs = references(isObject(node) ? node.args : node);
  if (inputs.length === 0) {
    throw fail(`${whereOf(layer)} has an inbound node without inputs`, "KERAS_DESCRIPTION");
  }
  const call: Record<string, unknown> = {};
  const given = isObject(node) ? [node.kwargs] : Array.isArray(node) ? node.flatMap(lastOf) : [];
  for (const kwargs of given) if (isObject(kwargs)) Object.assign(call, kwargs);
  return { inputs, call };
}

/** Of [name, 0, 0, kwargs], or the kwargs themselves where the node is one flat reference. */
const lastOf = (part: unknown): unknown[] =>
  Array.isArray(part) ? part.filter(isObject) : isObject(part) ? [part] : [];

/** The layers that a structure names, in order: first applications and first outputs only, "" for others. */
function references(value: unknown, depth = 0): string[] {
  if (depth > 4) return [];
  if (Array.isArray(value)) {
    const [name, application, output] = value;
    if (typeof name === "string" && Number.isInteger(application)) {
      return [application === 0 && output === 0 ? name : ""];
    }
    return value.flatMap((item) => references(item, depth + 1));
  }
  if (isObject(value) && isObject(value.config)) return references(value.config.keras_history, depth + 1);
  return [];
}

/** Each after those that it reads; otherwise in the given order. */
function topological(items: readonly Item[], fail: Fail): Item[] {
  const names = new Set(items.map(({ name }) => name));
  for (const item of items) {
    const unknown = item.inputs.find((input) => !names.has(input));
    if (unknown !== undefined) {
      const what = unknown === "" ? "another than a layer's first output" : show(unknown);
      throw fail(`${whereOf(item)} reads ${what}, which is not there`, "KERAS_STRUCTURE");
    }
  }
  const placed = new Set<string>();
  const sorted: Item[] = [];
  let waiting = [...items];
  while (waiting.length > 0) {
    const later: Item[] = [];
    for (const item of waiting) {
      if (!item.inputs.every((input) => placed.has(input))) later.push(item);
      else {
        sorted.push(item);
        placed.add(item.name);
      }
    }
    if (later.length === waiting.length) {
      throw fail(`${whereOf(later[0])} reads itself in the end`, "KERAS_STRUCTURE");
    }
    waiting = later;
  }
  return sorted;
}

function translateItem(item: Item, fail: Fail): Translated {
  const where = whereOf(item);
  const { training, ...others } = item.call;
  const other = Object.entries(others).find(([, value]) => value !== null);
  if (other) throw fail(`${where} is called with ${other[0]}, which cbapd does not have`, "KERAS_OPTION");
  const layer = translate(item.className, item.config, where, fail);
  if (training === undefined || training === null) return layer;
  if (training === false && layer.kind === "batch_normalization") {
    return { ...layer, options: { ...layer.options, statistics: "moving" } };
  }
  throw fail(`${where} is called with training ${show(training)}`, "KERAS_OPTION");
}

function inputShape({ name, config }: Item, fail: Fail): readonly number[] {
  const shape = config.batch_input_shape ?? config.batch_shape;
  const [, ...sizes] = Array.isArray(shape) ? shape : [];
  if (sizes.length === 0 || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
    throw fail(
      `the input ${show(name)} has the shape ${show(shape ?? null)}; all sizes but the batch's must be fixed`,
      "KERAS_STRUCTURE",
    );
  }
  return sizes;
}

/** Keras allows more characters in a layer's name. */
function ownName(name: string, names: Set<string>): string {
  const plain = name.replace(/[^\w.-]/g, "_").slice(0, 200);
  const base = isLayerName(plain) ? plain : "layer";
  let own = base;
  for (let number = 1; names.has(own); number++) own = `${base}_${number}`;
  names.add(own);
  return own;
}
