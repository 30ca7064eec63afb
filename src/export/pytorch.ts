/**
 * A network as a PyTorch module: Python text, and its weights as safetensors under the names of the module's state dict.
 * PyTorch's images are [N, C, H, W], its kernels [F, C, kh, kw], its dense kernels [out, in]. Flattening turns images back first, so
 * that a dense layer finds its inputs in the order in which it learned them.
 */
import { writeFileAtomic } from "#files";
import { type TypedTensor, writeSafetensors } from "../formats/safetensors.js";
import type { ActivationName } from "../layers/activations.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { Conv2DOptions } from "../layers/conv2d.js";
import type { DenseOptions } from "../layers/dense.js";
import { snakeCase } from "../layers/layer.js";
import { type PoolingOptions, poolingWindow } from "../layers/pooling.js";
import type { Graph, GraphNode } from "../models/graph.js";
import { type Window2D, windowGeometry } from "../shape.js";
import { isChain, type Network, transpose } from "./network.js";
import { besideModule, flag, harmless, isIdentifier, moduleName, tuple } from "./python.js";

/** Writes the module and, beside it, its weights. @param path ends in .py @throws OptionError, FileError */
export async function writePytorch(path: string, network: Network): Promise<string[]> {
  const module = moduleName("exportModel to pytorch", path);
  const file = besideModule(path, "_weights.safetensors");
  await writeSafetensors(file, stateDict(network));
  await writeFileAtomic(path, pytorchModule(module, network.graph));
  return [path, file];
}

/** What nn.Module has already. */
const TAKEN = new Set(
  `T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr float
  forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict logits modules mtia named_buffers
  named_children named_modules named_parameters parameters register_backward_hook register_buffer register_forward_hook
  register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
  register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook
  requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad`.split(
    /\s+/,
  ),
);

/** The module's attribute for each node, by index. */
function attributes({ nodes }: Graph): string[] {
  const taken = new Set<string>();
  return nodes.map(({ name }) => {
    const plain = name.replace(/\W/g, "_");
    const free = isIdentifier(plain) && !plain.startsWith("_") && !TAKEN.has(plain);
    const base = free ? plain : `layer_${plain}`;
    let own = base;
    for (let number = 1; taken.has(own); number++) own = `${base}_${number}`;
    taken.add(own);
    return own;
  });
}

/** The weights under PyTorch's names, in its layouts. */
export function stateDict({ graph, weights }: Network): Map<string, TypedTensor> {
  const names = attributes(graph);
  const counters = new Map<string, TypedTensor>();
  const tensors = new Map<string, TypedTensor>();
  graph.nodes.forEach(({ name, layer, specs }, index) => {
    const set = (part: string, parameter: string, axes?: readonly number[]) => {
      const spec = specs[parameter];
      if (!spec) return;
      const given = weights.get(`${name}/${snakeCase(parameter)}`)!;
      const { shape } = spec;
      const data = axes ? transpose(given, shape, axes) : given;
      tensors.set(`${names[index]}.${part}`, { shape: axes?.map((axis) => shape[axis]) ?? shape, data });
    };
    if (layer.kind === "conv2d") set("weight", "kernel", [3, 2, 0, 1]);
    if (layer.kind === "dense") set("weight", "kernel", [1, 0]);
    set("weight", "gamma");
    set("bias", "bias");
    set("bias", "beta");
    set("running_mean", "movingMean");
    set("running_var", "movingVariance");
    if (layer.kind === "batch_normalization") {
      counters.set(`${names[index]}.num_batches_tracked`, { shape: [], data: BigInt64Array.of(0n) });
    }
  });
  return new Map([...counters, ...tensors]); // what is 8 bytes wide first: so all lie at multiples of their width
}

/** The module's text. @param module  how it is imported, for the example in its head */
export function pytorchModule(module: string, graph: Graph): string {
  const names = attributes(graph);
  const chain = isChain(graph);
  const value = (index: number) => (chain ? "x" : `x${index}`);
  const { nodes, output } = graph;
  const last = nodes[output];
  const softmax = (last.options as { activation?: ActivationName }).activation === "softmax";
  const members: string[] = [];
  const lines: string[] = [];
  let averages = false;
  nodes.forEach((node, index) => {
    if (node.layer.kind === "input") {
      if (!chain) lines.push(`${value(index)} = x`);
      return;
    }
    const inputs = node.inputs.map(value);
    const { member, expression } = LOWERINGS[node.layer.kind]({ node, inputs, self: `self.${names[index]}` });
    if (member) members.push(`self.${names[index]} = ${member}`);
    if (member && !node.trainable) members.push(`self.${names[index]}.requires_grad_(False)`);
    averages ||= expression.includes("_average_pool(");
    const activation = (node.options as { activation?: ActivationName }).activation ?? "linear";
    const left = softmax && index === output ? "linear" : activation;
    lines.push(`${value(index)} = ${activated(left, expression, node)}  # ${node.name}`);
  });
  const input = nodes[0].outputShape;
  const shape = input.length === 3 ? [input[2], input[0], input[1]] : input;
  const body = [...lines, `return ${value(output)}`];
  return `${[
    `"""${harmless(graph.name)}, a network of cbapd. Its weights are in ${module}_weights.safetensors beside this file.`,
    "",
    `    from ${module} import load`,
    "    net = load()",
    `    y = net(x)  # x: float32 [${["N", ...shape].join(", ")}]; y: [N, ${last.outputShape[0]}]${softmax ? ", probabilities" : ""}`,
    ...(softmax ? ["", "For cross_entropy take net.logits(x)."] : []),
    '"""',
    "import json",
    "import os",
    "",
    "import torch",
    "from torch import nn",
    "from torch.nn import functional as F",
    "",
    "",
    "class Net(nn.Module):",
    "    def __init__(self):",
    "        super().__init__()",
    ...members.map((line) => `        ${line}`),
    "",
    ...(softmax
      ? [
          "    def forward(self, x):",
          "        return torch.softmax(self.logits(x), dim=1)",
          "",
          "    def logits(self, x):",
        ]
      : ["    def forward(self, x):"]),
    ...body.map((line) => `        ${line}`),
    "",
    ...(averages ? AVERAGE_POOL : []),
    ...LOADER,
  ].join("\n")}\n`;
}

interface Lowered {
  /** What the module holds: nothing for layers without parameters. */
  readonly member?: string;
  readonly expression: string;
}
type Lowering = (at: {
  readonly node: GraphNode;
  readonly inputs: readonly string[];
  readonly self: string;
}) => Lowered;

const isImage = ({ outputShape }: GraphNode): boolean => outputShape.length === 3;

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  conv2d({ node, inputs: [x], self }) {
    const { kernelSize, strides, padding, filters, useBias } = node.options as Conv2DOptions;
    const pads = padsOf(node, { kernel: kernelSize, strides, padding });
    const [channels] = node.inputShapes[0].slice(-1);
    const even = evenPads(pads);
    const sizes = `${channels}, ${filters}, ${tuple(kernelSize)}, stride=${tuple(strides)}`;
    return {
      member: `nn.Conv2d(${sizes}, padding=${tuple(even ?? [0, 0])}, bias=${flag(useBias)})`,
      expression: `${self}(${even ? x : `F.pad(${x}, ${tuple(pads)})`})`,
    };
  },
  dense({ node, inputs: [x], self }) {
    const { units, useBias } = node.options as DenseOptions;
    return {
      member: `nn.Linear(${node.inputShapes[0][0]}, ${units}, bias=${flag(useBias)})`,
      expression: `${self}(${x})`,
    };
  },
  activation: ({ inputs: [x] }) => ({ expression: x }),
  batch_normalization({ node, inputs: [x], self }) {
    const { epsilon, momentum } = node.options as BatchNormalizationOptions;
    const [channels] = node.outputShape.slice(-1);
    // PyTorch's momentum is the share of what is new.
    const member = `nn.BatchNorm${isImage(node) ? 2 : 1}d(${channels}, eps=${epsilon}, momentum=${Number((1 - momentum).toPrecision(12))})`;
    const channelsSecond = isImage(node) || node.outputShape.length === 1;
    return {
      member,
      expression: channelsSecond ? `${self}(${x})` : `${self}(${x}.movedim(-1, 1)).movedim(1, -1)`,
    };
  },
  leaky_re_lu: ({ node, inputs: [x] }) => ({
    expression: `F.leaky_relu(${x}, ${(node.options as { alpha: number }).alpha})`,
  }),
  max_pooling2d({ node, inputs: [x] }) {
    const { poolSize, strides } = node.options as PoolingOptions;
    const pads = padsOf(node, poolingWindow(node.options as PoolingOptions));
    const padded = pads.some((pad) => pad > 0) ? `F.pad(${x}, ${tuple(pads)}, value=float("-inf"))` : x;
    return { expression: `F.max_pool2d(${padded}, ${tuple(poolSize)}, ${tuple(strides)})` };
  },
  average_pooling2d({ node, inputs: [x] }) {
    const { poolSize, strides } = node.options as PoolingOptions;
    const pads = padsOf(node, poolingWindow(node.options as PoolingOptions));
    const sizes = `${tuple(poolSize)}, ${tuple(strides)}`;
    if (pads.every((pad) => pad === 0)) return { expression: `F.avg_pool2d(${x}, ${sizes})` };
    return { expression: `_average_pool(${x}, ${sizes}, ${tuple(pads)})` };
  },
  global_average_pooling2d: ({ inputs: [x] }) => ({ expression: `${x}.mean((2, 3))` }),
  flatten: ({ node, inputs: [x] }) => ({
    expression: node.inputShapes[0].length === 3 ? `${x}.permute(0, 2, 3, 1).flatten(1)` : `${x}.flatten(1)`,
  }),
  dropout: ({ node, inputs: [x], self }) => ({
    member: `nn.Dropout(${(node.options as { rate: number }).rate})`,
    expression: `${self}(${x})`,
  }),
  add: ({ inputs }) => ({ expression: inputs.join(" + ") }),
  concatenate: ({ node, inputs }) => ({
    expression: `torch.cat([${inputs.join(", ")}], dim=${isImage(node) ? 1 : -1})`,
  }),
};

function activated(activation: ActivationName, expression: string, node: GraphNode): string {
  if (activation === "linear") return expression;
  if (activation === "softmax") return `torch.softmax(${expression}, dim=${isImage(node) ? 1 : -1})`;
  return `torch.${activation}(${expression})`;
}

/** Left, right, top, bottom: as F.pad wants them. */
function padsOf(node: GraphNode, window: Window2D): readonly [number, number, number, number] {
  const [height, width] = node.inputShapes[0];
  const { padTop, padLeft, padBottom, padRight } = windowGeometry(node.name, height, width, window);
  return [padLeft, padRight, padTop, padBottom];
}

/** Rows and columns, where both sides have the same; undefined otherwise. */
function evenPads([left, right, top, bottom]: readonly number[]): readonly number[] | undefined {
  return left === right && top === bottom ? [top, left] : undefined;
}

const AVERAGE_POOL = [
  "",
  "def _average_pool(x, size, stride, pads):",
  '    """The mean of a window\'s elements within the image: padding does not count."""',
  "    total = F.avg_pool2d(F.pad(x, pads), size, stride, divisor_override=1)",
  "    inside = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), pads), size, stride, divisor_override=1)",
  "    return total / inside",
  "",
];

/** The format is simple enough to be read without another package; nothing in the file is run. */
const LOADER = [
  "",
  "def load(path=None):",
  '    """The network with its weights, ready to predict; .train() makes it learn."""',
  "    net = Net()",
  '    path = path or os.path.splitext(os.path.abspath(__file__))[0] + "_weights.safetensors"',
  "    net.load_state_dict(read_safetensors(path))",
  "    return net.eval()",
  "",
  "",
  "def read_safetensors(path):",
  '    with open(path, "rb") as file:',
  '        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))',
  "        data = bytearray(file.read())",
  '    types = {"F32": torch.float32, "I64": torch.int64}',
  "    tensors = {}",
  "    for name, entry in header.items():",
  '        if name != "__metadata__":',
  '            begin, end = entry["data_offsets"]',
  '            flat = torch.frombuffer(data[begin:end], dtype=types[entry["dtype"]])',
  '            tensors[name] = flat.reshape(entry["shape"])',
  "    return tensors",
];
