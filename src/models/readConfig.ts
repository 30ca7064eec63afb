/** A network from JSON: a saved model's own words, which anybody may have changed since. */
import * as z from "zod";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, OptionError, ShapeError, show } from "../errors.js";
import { isLayerName } from "../layers/call.js";
import { layerOfKind } from "../layers/define.js";
import type { Layer } from "../layers/layer.js";
import { sizeOf } from "../shape.js";
import { isModelName, NodeList } from "./build.js";
import type { GraphConfig } from "./config.js";
import { type Graph, type GraphNode, weightSpecs } from "./graph.js";

const MAX_NODES = 10_000;
/** Elements that fit into 4 GiB as float32: no network that could run has a larger layer, or more weights. */
const MAX_ELEMENTS = 2 ** 30;
/** A multiply-add counts 2: a day and more at 10 GFLOP/s, for one image. No file needs it, and the kernels count in int32. */
const MAX_FLOPS = 2 ** 50;
const MAX_WINDOW = 2 ** 15;

const index = z.number().int().nonnegative().max(MAX_NODES);
const configSchema: z.ZodType<GraphConfig> = z.strictObject({
  name: z.string(),
  output: index,
  nodes: z
    .array(
      z.strictObject({
        kind: z.string(),
        name: z.string(),
        options: z.record(z.string(), z.unknown()),
        trainable: z.boolean().optional(),
        inputs: z.array(index),
      }),
    )
    .min(1)
    .max(MAX_NODES),
});

type NodeConfig = GraphConfig["nodes"][number];

/** @param source the file it came from, for messages @throws FileError when it describes no network */
export function graphFromConfig(config: unknown, source: string): Graph {
  const damaged = (what: string, code: ErrorCode, cause?: unknown) =>
    new FileError(`${source}: the network's description is damaged${what}`, { code, cause });
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damaged(` at ${issue.path.join(".")}: ${issue.message}.`, "MODEL_DESCRIPTION");
  }
  const { name, nodes, output } = parsed.data;
  if (!isModelName(name)) throw damaged(`: ${show(name)} is no name for a model.`, "MODEL_NAME");
  const list = new NodeList();
  const addNode = (node: NodeConfig, at: number): void => {
    const { layer, fault, code } = checkNode(node, at);
    if (!layer) throw damaged(`: ${fault}.`, code);
    list.add(layer, layer.options(node.options), node.name, node.inputs, node.trainable);
  };
  let graph: Graph;
  try {
    nodes.forEach(addNode);
    if (output >= list.length) throw damaged(`: output is node ${output} of ${list.length}.`, "MODEL_OUTPUT");
    graph = list.graph(name, output);
  } catch (cause) {
    if (cause instanceof OptionError) throw damaged(`: ${cause.message}`, "MODEL_LAYER", cause);
    if (cause instanceof ShapeError) {
      throw damaged(`: ${cause.message}`, list.length < nodes.length ? "MODEL_LAYER" : "MODEL_OUTPUT", cause);
    }
    throw cause;
  }
  const excess = excessOf(graph);
  if (excess) throw damaged(`: ${excess}.`, "MODEL_TOO_LARGE");
  return graph;
}

type Checked =
  | { readonly layer: Layer; readonly fault?: undefined; readonly code?: undefined }
  | { readonly layer?: undefined; readonly fault: string; readonly code: ErrorCode };

/** What must be right before a layer may look at its options and inputs. */
function checkNode({ kind, name, inputs, options }: NodeConfig, at: number): Checked {
  if (!isLayerName(name)) return { fault: `${show(name)} is no name for a layer`, code: "MODEL_NAME" };
  const layer = layerOfKind(kind);
  if (!layer) {
    const cure = "if it is a layer of your own, its module must be loaded first (--network my-net.js)";
    return { fault: `unknown layer kind ${show(kind)}; ${cure}`, code: "MODEL_KIND" };
  }
  if ((kind === "input") !== (at === 0)) {
    return { fault: `node ${at} is ${at === 0 ? "no" : "an"} input layer`, code: "MODEL_INPUT" };
  }
  const later = inputs.find((input) => input >= at);
  if (later !== undefined) {
    return { fault: `${name} reads node ${later}, which does not come before it`, code: "MODEL_EDGE" };
  }
  if (layer.joins ? inputs.length === 0 : inputs.length !== (at === 0 ? 0 : 1)) {
    return { fault: `${name} reads ${inputs.length} nodes`, code: "MODEL_EDGE" };
  }
  const window = Object.entries(options).find(([, value]) =>
    [value].flat().some((size) => typeof size === "number" && size > MAX_ELEMENTS),
  );
  if (window) return { fault: `${name}'s ${window[0]} is ${show(window[1])}`, code: "MODEL_TOO_LARGE" };
  return { layer };
}

/** What could never be computed, by name; undefined when all is within bounds. Nothing has been allocated by then. */
function excessOf(graph: Graph): string | undefined {
  for (const node of graph.nodes) {
    const excess = nodeExcess(node);
    if (excess) return excess;
  }
  const weights = weightSpecs(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return weights > MAX_ELEMENTS ? `it has ${weights} weights, more than ${MAX_ELEMENTS}` : undefined;
}

function nodeExcess({
  name,
  layer,
  options,
  inputShapes,
  outputShape,
  specs,
}: GraphNode): string | undefined {
  const shapes = [outputShape, ...Object.values(specs).map(({ shape }) => shape)];
  const large = shapes.find((shape) => !(sizeOf(shape) <= MAX_ELEMENTS));
  if (large) return `${name} would have a tensor of shape ${show(large)}`;
  const { kernelSize, poolSize, strides } = options as Partial<Record<string, readonly number[]>>;
  const window = [kernelSize, poolSize, strides].flatMap((pair) => pair ?? []);
  if (window.some((size) => size > MAX_WINDOW)) return `${name} has a window of ${show(window)}`;
  const flops = layer.flops(inputShapes, options);
  return flops <= MAX_FLOPS ? undefined : `${name} would need ${flops} operations for one image`;
}
