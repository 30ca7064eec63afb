/**
 * Networks as Keras describes them: `model.to_json()` of a Sequential or Functional model, in Keras 2's and 3's spelling. It is
 * translated into our own description (config.ts), which is then checked as any file's is. What we do not have is an error
 * that names it; nothing is passed over.
 */
import * as z from "zod";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show, unknownName } from "../errors.js";
import type { GraphConfig } from "./config.js";
import type { Graph } from "./graph.js";
import { AXIS, COMMON, type Json, KERAS_CLASSES, type KerasOption } from "./kerasLayers.js";
import { graphFromConfig } from "./readConfig.js";

const MAX_LAYERS = 10_000;

const object = z.record(z.string(), z.unknown());
const layerSchema = z.object({
  class_name: z.string().max(256),
  name: z.string().optional(),
  config: object,
  inbound_nodes: z.array(z.unknown()).optional(),
  registered_name: z.string().nullish(),
});
const schema = z.object({
  class_name: z.enum(["Sequential", "Functional", "Model"]),
  config: z.object({
    name: z.string().optional(),
    layers: z.array(layerSchema).min(1).max(MAX_LAYERS),
    input_layers: z.unknown().optional(),
    output_layers: z.unknown().optional(),
    build_input_shape: z.unknown().optional(),
  }),
});
const shapeSchema = z.tuple([z.null()], z.number().int().positive());
type KerasLayer = z.infer<typeof layerSchema>;
type Node = GraphConfig["nodes"][number];

/** @param source the file it came from, for messages @throws FileError */
export function graphFromKeras(json: unknown, source: string): Graph {
  return new Translation(source).graph(json);
}

class Translation {
  readonly #source: string;
  /** By layer: the axis that it names. */
  readonly #axes = new Map<string, number>();

  constructor(source: string) {
    this.#source = source;
  }

  graph(json: unknown): Graph {
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      if (typeof json === "object" && json !== null && "modelTopology" in json) {
        throw this.#error("is a tfjs model with weights: cbapd import reads it", "MODEL_DESCRIPTION");
      }
      const [issue] = parsed.error.issues;
      const where = issue.path.length > 0 ? ` at ${issue.path.join(".")}` : "";
      throw this.#error(
        `is not what model.to_json() of a Sequential or Functional model gives${where}: ${issue.message}`,
        "MODEL_DESCRIPTION",
      );
    }
    const { class_name: kind, config } = parsed.data;
    const nodes = kind === "Sequential" ? this.#sequential(config) : this.#functional(config);
    const { name = kind.toLowerCase() } = config;
    const graph = graphFromConfig({ name, ...nodes }, this.#source);
    for (const node of graph.nodes) {
      const given = this.#axes.get(node.name);
      const { length: rank } = node.outputShape;
      if (given === undefined || given === -1 || given === rank) continue;
      throw this.#error(
        `${node.name}: axis must be the last, -1 or ${rank}: channels come last here; got ${given}`,
        "MODEL_LAYER",
      );
    }
    return graph;
  }

  #sequential({
    layers,
    build_input_shape: built,
  }: z.infer<typeof schema>["config"]): Omit<GraphConfig, "name"> {
    const [first] = layers;
    const nodes: Node[] = [];
    if (first.class_name !== "InputLayer") {
      const shape = this.#inputShape(
        first,
        first.config.batch_shape ?? first.config.batch_input_shape ?? built,
      );
      const names = new Set(layers.map((layer) => this.#nameOf(layer)));
      const name = ["input_layer", "input", "x"].find((free) => !names.has(free))!;
      nodes.push({ kind: "input", name, options: { shape }, inputs: [] });
    }
    for (const layer of layers) {
      nodes.push(this.#node(layer, nodes.length === 0 ? [] : [nodes.length - 1]));
    }
    return { nodes, output: nodes.length - 1 };
  }

  #functional(config: z.infer<typeof schema>["config"]): Omit<GraphConfig, "name"> {
    const { layers } = config;
    const sources = new Map<string, readonly string[]>();
    const byName = new Map<string, KerasLayer>();
    for (const layer of layers) {
      const name = this.#nameOf(layer);
      if (byName.has(name)) throw this.#error(`has two layers named ${show(name)}`, "MODEL_NAME");
      byName.set(name, layer);
      sources.set(name, this.#sourcesOf(name, layer));
    }
    const [input] = this.#ends("input_layers", config.input_layers, byName);
    const [output] = this.#ends("output_layers", config.output_layers, byName);
    for (const [name, from] of sources) {
      const missing = from.find((one) => !byName.has(one));
      if (missing !== undefined) {
        throw this.#error(`${name} reads ${show(missing)}, which is no layer of it`, "MODEL_EDGE");
      }
    }
    const order = this.#inOrder(input, sources);
    const nodes = order.map((name) => {
      const from = sources.get(name)!;
      return this.#node(
        byName.get(name)!,
        from.map((one) => order.indexOf(one)),
      );
    });
    const read = new Set([...sources.values()].flat());
    const loose = order.find((name) => name !== output && !read.has(name));
    if (loose !== undefined) throw this.#error(`${loose} leads to no output`, "MODEL_OUTPUT");
    return { nodes, output: order.indexOf(output) };
  }

  /** Each layer after those that it reads, the input first. Otherwise as they stand. */
  #inOrder(input: string, sources: ReadonlyMap<string, readonly string[]>): string[] {
    const done = new Set<string>([input]);
    let waiting = [...sources.keys()].filter((name) => name !== input);
    while (waiting.length > 0) {
      const left: string[] = [];
      for (const name of waiting) {
        if (sources.get(name)!.every((one) => done.has(one))) done.add(name);
        else left.push(name);
      }
      if (left.length === waiting.length) {
        throw this.#error(`${left[0]} cannot be computed: layers read one another in a circle`, "MODEL_EDGE");
      }
      waiting = left;
    }
    return [...done];
  }

  /** Which layers feed this one. */
  #sourcesOf(name: string, { inbound_nodes: calls = [] }: KerasLayer): string[] {
    if (calls.length > 1) {
      throw this.#error(
        `${name} is applied ${calls.length} times; sharing weights is not supported`,
        "MODEL_EDGE",
      );
    }
    const found: string[] = [];
    const collect = (value: unknown): void => {
      const history = historyOf(value);
      if (!history) {
        if (!Array.isArray(value)) {
          throw this.#error(`${name}: inbound_nodes must name layers; got ${show(value)}`, "MODEL_EDGE");
        }
        value.forEach(collect);
        return;
      }
      const [layer, call, tensor, options = {}] = history;
      if (call !== 0 || tensor !== 0) {
        throw this.#error(
          `${name} reads output ${tensor} of call ${call} of ${layer}; layers have one call and one output here`,
          "MODEL_EDGE",
        );
      }
      this.#callOptions(name, options);
      found.push(layer);
    };
    for (const call of calls) {
      const args = object.safeParse(call);
      if (!args.success) collect(call);
      else {
        collect(args.data.args ?? []);
        this.#callOptions(name, args.data.kwargs ?? {});
      }
    }
    return found;
  }

  /** `training=True` and the like: only what changes nothing. */
  #callOptions(name: string, options: unknown): void {
    for (const [key, value] of Object.entries(object.safeParse(options).data ?? {})) {
      if (value === null) continue;
      throw this.#error(`${name} is called with ${key}=${show(value)}, which is not supported`, "MODEL_EDGE");
    }
  }

  /** `[["dense", 0, 0]]` or, in newer files, `["dense", 0, 0]`. */
  #ends(which: string, value: unknown, known: ReadonlyMap<string, KerasLayer>): [string] {
    const list = historyOf(value) ? [value] : value;
    const names = (Array.isArray(list) ? list : []).map((one) => historyOf(one)?.[0]);
    const [name] = names;
    if (names.length !== 1 || name === undefined || !known.has(name)) {
      throw this.#error(`${which} must name one layer; got ${show(value)}`, "MODEL_OUTPUT");
    }
    return [name];
  }

  #node(layer: KerasLayer, inputs: number[]): Node {
    const { class_name: className, config } = layer;
    const name = this.#nameOf(layer);
    const { trainable } = config;
    const frozen = trainable === false ? { trainable } : {};
    if (className === "InputLayer") {
      const { batch_shape: batchShape, batch_input_shape: batchInputShape, ...rest } = config;
      this.#options(name, rest, {});
      return {
        kind: "input",
        name,
        options: { shape: this.#inputShape(layer, batchShape ?? batchInputShape) },
        inputs,
      };
    }
    const own = /^cbapd>(.+)$/.exec(layer.registered_name ?? "")?.[1];
    if (own !== undefined) {
      const { name: _name, trainable: _trainable, dtype: _dtype, ...options } = config;
      return { kind: own, name, options, inputs, ...frozen };
    }
    if (!Object.hasOwn(KERAS_CLASSES, className)) {
      const known = ["InputLayer", ...Object.keys(KERAS_CLASSES)];
      throw this.#error(
        `${name}: ${unknownName("layer", className, known).replace(/\.$/, "")}`,
        "MODEL_KIND",
      );
    }
    const known = KERAS_CLASSES[className];
    const options = { ...known.implied, ...this.#options(name, config, known.options) };
    return { kind: known.kind, name, options, inputs, ...frozen };
  }

  #options(
    name: string,
    config: Json,
    known: Readonly<Record<string, KerasOption>>,
  ): Record<string, unknown> {
    const options: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(config)) {
      if (["name", "trainable", "batch_input_shape", "batch_shape"].includes(key)) continue;
      const option = Object.hasOwn(known, key)
        ? known[key]
        : Object.hasOwn(COMMON, key)
          ? COMMON[key]
          : undefined;
      if (!option) {
        const all = [...Object.keys(known), ...Object.keys(COMMON)];
        throw this.#error(`${name}: ${unknownName("option", key, all).replace(/\.$/, "")}`, "MODEL_LAYER");
      }
      try {
        const read = option.read(value);
        if (option.ours && read !== undefined) options[option.ours] = read;
        if (key === AXIS) this.#axes.set(name, read as number);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw this.#error(`${name}: ${key} must ${error.message}; got ${show(value)}`, "MODEL_LAYER");
      }
    }
    return options;
  }

  #inputShape(layer: KerasLayer, value: unknown): number[] {
    // Some files of Keras 2 write a TensorShape as an object.
    const items = object.safeParse(value).data?.items ?? value;
    const parsed = shapeSchema.safeParse(items);
    if (parsed.success && parsed.data.length > 1) return parsed.data.slice(1) as number[];
    throw this.#error(
      `${this.#nameOf(layer)}: the input's shape must be [null, height, width, channels]; got ${show(value)}`,
      "MODEL_INPUT",
    );
  }

  #nameOf({ name, config, class_name: className }: KerasLayer): string {
    const given = config.name ?? name;
    if (typeof given === "string") return given;
    throw this.#error(`a ${className} has no name`, "MODEL_NAME");
  }

  #error(what: string, code: ErrorCode): FileError {
    const glue = /^(is|has) /.test(what) ? " " : ": ";
    return new FileError(`${this.#source}${glue}${what}.`, { code });
  }
}

/** A tensor as `["conv2d", 0, 0]`, `["conv2d", 0, 0, {}]`, or Keras 3's object around it. */
function historyOf(value: unknown): [string, number, number, unknown?] | undefined {
  if (Array.isArray(value)) {
    const [layer, call, tensor] = value;
    const is = typeof layer === "string" && typeof call === "number" && typeof tensor === "number";
    return is ? (value as [string, number, number]) : undefined;
  }
  const tensor = object.safeParse(value).data;
  if (tensor?.class_name !== "__keras_tensor__") return undefined;
  return historyOf(object.safeParse(tensor.config).data?.keras_history);
}
