/** A network as a Keras builder: Python text, and its weights as npz under Keras' own names. For Keras 3 and tf.keras. */
import { writeFileAtomic } from "#files";
import type { ActivationName } from "../layers/activations.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { Conv2DOptions } from "../layers/conv2d.js";
import type { DenseOptions } from "../layers/dense.js";
import type { Regularizer } from "../layers/l2.js";
import { snakeCase } from "../layers/layer.js";
import type { PoolingOptions } from "../layers/pooling.js";
import type { Graph, GraphNode } from "../models/graph.js";
import type { Network } from "./network.js";
import { writeNpzWeights } from "./npz.js";
import { besideModule, flag, harmless, moduleName, text, tuple } from "./python.js";

/** Writes the module and, beside it, its weights. @param path ends in .py @throws OptionError, FileError */
export async function writeKeras(path: string, network: Network): Promise<string[]> {
  const module = moduleName("exportModel to keras", path);
  const file = besideModule(path, "_weights.npz");
  await writeNpzWeights(file, network);
  await writeFileAtomic(path, kerasModule(module, network.graph));
  return [path, file];
}

/** The module's text. @param module  how it is imported, for the example in its head */
export function kerasModule(module: string, { name, nodes, output }: Graph): string {
  const weighted = nodes.filter(({ specs }) => Object.keys(specs).length > 0);
  const lines = nodes.map((node, index) => `x${index} = ${callOf(node)}`);
  return `${[
    `"""${harmless(name)}, a network of cbapd. Its weights are in ${module}_weights.npz beside this file.`,
    "",
    `    from ${module} import load`,
    "    net = load()",
    `    y = net.predict(x)  # x: float32 [${["N", ...nodes[0].outputShape].join(", ")}]`,
    '"""',
    "import os",
    "",
    "import numpy",
    "",
    "try:",
    "    import keras",
    "except ImportError:",
    "    from tensorflow import keras",
    "layers = keras.layers",
    "",
    "WEIGHTS = {",
    ...weighted.map(
      ({ name: layer, specs }) =>
        `    ${text(layer)}: [${Object.keys(specs)
          .map((part) => text(snakeCase(part)))
          .join(", ")}],`,
    ),
    "}",
    "",
    "",
    "def build():",
    '    """The network with fresh weights."""',
    ...lines.map((line) => `    ${line}`),
    `    return keras.Model(x0, x${output}, name=${text(moduleSafe(name))})`,
    "",
    "",
    "def load(path=None):",
    '    """The network with its weights."""',
    "    net = build()",
    '    path = path or os.path.splitext(os.path.abspath(__file__))[0] + "_weights.npz"',
    "    with numpy.load(path) as arrays:",
    "        for name, parts in WEIGHTS.items():",
    '            net.get_layer(name).set_weights([arrays[name + "/" + part] for part in parts])',
    "    return net",
  ].join("\n")}\n`;
}

const moduleSafe = (name: string): string => harmless(name).replace(/[^\w.-]/g, "_");

const regularizer = (key: string, given: Regularizer | undefined): string[] =>
  given ? [`${key}=keras.regularizers.L2(${given.l2})`] : [];
const initializer = (key: string, name: string, usual: string): string[] =>
  name === usual ? [] : [`${key}=${text(snakeCase(name))}`];
const activationOf = (name: ActivationName): string[] =>
  name === "linear" ? [] : [`activation=${text(name)}`];

const linear = (options: Conv2DOptions | DenseOptions): string[] => [
  ...activationOf(options.activation),
  ...(options.useBias ? [] : [`use_bias=${flag(false)}`]),
  ...initializer("kernel_initializer", options.kernelInitializer, "glorotUniform"),
  ...initializer("bias_initializer", options.biasInitializer, "zeros"),
  ...regularizer("kernel_regularizer", options.kernelRegularizer),
  ...regularizer("bias_regularizer", options.biasRegularizer),
];
const pooling = (options: object): string[] => {
  const { poolSize, strides, padding } = options as PoolingOptions;
  return [tuple(poolSize), `strides=${tuple(strides)}`, `padding=${text(padding)}`];
};

/** By kind: the arguments of the class' constructor but for the name. */
const ARGUMENTS: Readonly<Record<string, (options: object) => string[]>> = {
  conv2d(options) {
    const { filters, kernelSize, strides, padding } = options as Conv2DOptions;
    const window = [tuple(kernelSize), `strides=${tuple(strides)}`, `padding=${text(padding)}`];
    return [String(filters), ...window, ...linear(options as Conv2DOptions)];
  },
  dense: (options) => [String((options as DenseOptions).units), ...linear(options as DenseOptions)],
  activation: (options) => [text((options as { activation: string }).activation)],
  leaky_re_lu: (options) => [`negative_slope=${(options as { alpha: number }).alpha}`],
  batch_normalization(options) {
    const { momentum, epsilon, gammaRegularizer, betaRegularizer } = options as BatchNormalizationOptions;
    return [
      `momentum=${momentum}`,
      `epsilon=${epsilon}`,
      ...regularizer("gamma_regularizer", gammaRegularizer),
      ...regularizer("beta_regularizer", betaRegularizer),
    ];
  },
  max_pooling2d: pooling,
  average_pooling2d: pooling,
  global_average_pooling2d: () => [],
  dropout: (options) => [String((options as { rate: number }).rate)],
  flatten: () => [],
  add: () => [],
  concatenate: () => [],
};

function callOf({ name, layer, options, trainable, inputs, outputShape }: GraphNode): string {
  if (layer.kind === "input") return `keras.Input(shape=${tuple(outputShape)}, name=${text(name)})`;
  const given = [...ARGUMENTS[layer.kind](options), `name=${text(name)}`];
  if (!trainable) given.push(`trainable=${flag(false)}`);
  const [first] = inputs;
  const x = layer.joins ? `[${inputs.map((index) => `x${index}`).join(", ")}]` : `x${first}`;
  const moving = (options as Partial<BatchNormalizationOptions>).statistics === "moving";
  return `layers.${layer.title}(${given.join(", ")})(${x}${moving ? ", training=False" : ""})`;
}
