/** Own images, own networks: see protocol/own.ts. */
import { kerasConfig } from "cbapd/internal/export/kerasConfig.js";
import { KINDS } from "cbapd/internal/layers/index.js";
import { NodeList } from "cbapd/internal/models/build.js";
import {
  CbapdError,
  type Graph,
  OptionError,
  summaryData,
  trainingMemoryBytes,
  unknownName,
} from "./library.js";
import { buildNetwork, nodeView } from "./network.js";
import type { Handlers } from "./protocol/index.js";
import type { LayerSpec } from "./protocol/network.js";
import type { OwnCalls, OwnSpec, OwnView } from "./protocol/own.js";
import { optimizerOf } from "./run.js";
import { currentRun } from "./train.js";

const NAME = "my-net";

function describeOwn(spec: OwnSpec): OwnView {
  const { layers, inputShape } = spec;
  const nodes = new NodeList();
  nodes.add(KINDS.input, KINDS.input.options({ shape: inputShape }), undefined, []);
  let failure: OwnView["failure"];
  for (const [row, { kind, ...options }] of layers.entries()) {
    try {
      const layer = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
      if (!layer) throw new OptionError(unknownName("layer", kind, Object.keys(KINDS)));
      nodes.add(layer, layer.options(options), undefined, [nodes.length - 1]);
    } catch (error) {
      failure = { row, message: wordsOf(error) };
      break;
    }
  }
  let whole: Graph | undefined;
  try {
    whole = nodes.graph(NAME, nodes.length - 1);
  } catch (error) {
    failure ??= { row: undefined, message: wordsOf(error) };
  }
  // What is not whole has rows all the same: as a graph that ends with them.
  const { layers: summaries, ...sums } = summaryData(whole ?? { name: NAME, nodes: nodes.nodes, output: 0 });
  const rows = nodes.nodes.map((node, i) => nodeView(node, summaries[i])).slice(1);
  if (!whole || failure) return { rows, failure, totals: undefined, files: undefined };
  const totals = {
    parameters: sums.totalParameters,
    trainable: sums.trainableParameters,
    macs: sums.macs,
    trainingBytes: trainingMemoryBytes(whole, optimizerOf(spec), spec.batchSize),
  };
  const modelJson = `${JSON.stringify(kerasConfig(whole), undefined, 2)}\n`;
  return { rows, failure, totals, files: { code: codeOf(spec), modelJson } };
}

function wordsOf(error: unknown): string {
  if (error instanceof CbapdError) return error.message;
  throw error;
}

/** As a user would write it in a file of their own. */
function codeOf({ layers, inputShape }: OwnSpec): string {
  const lines = layers.map(({ kind, ...options }, i) => {
    const given = i === 0 ? { ...options, inputShape } : options;
    const entries = Object.entries(given).map(([key, value]) => `${key}: ${literal(value)}`);
    const name = kind.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return `    layers.${name}(${entries.length > 0 ? `{ ${entries.join(", ")} }` : ""}),`;
  });
  return [
    'import { layers, sequential } from "cbapd";',
    "",
    "export default () =>",
    "  sequential([",
    ...lines,
    "  ]);",
    "",
  ].join("\n");
}

function literal(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(literal).join(", ")}]` : JSON.stringify(value);
}

/** What a layer must be told. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  conv2d: ["filters", "kernelSize"],
  dense: ["units"],
  activation: ["activation"],
  dropout: ["rate"],
};

function layersOf(spec: Parameters<OwnCalls["layersOf"]>[0]): readonly LayerSpec[] | undefined {
  const { nodes } = buildNetwork(spec).graph;
  const chain = nodes.every(
    ({ inputs }, i) => inputs.length === Math.min(i, 1) && (inputs[0] ?? 0) === Math.max(i - 1, 0),
  );
  if (!chain) return undefined;
  return nodes.slice(1).map(({ layer, options }): LayerSpec => {
    const all = Object.entries(options);
    const required = all.filter(([key]) => REQUIRED[layer.kind]?.includes(key));
    const normal = layer.options(Object.fromEntries(required)) as Record<string, unknown>;
    const said = all.filter(([key, value]) => {
      return required.some(([name]) => name === key) || JSON.stringify(value) !== JSON.stringify(normal[key]);
    });
    return { kind: layer.kind, ...Object.fromEntries(said.map(([key, value]) => [key, short(value)])) };
  });
}

/** [5, 5] is written 5. */
function short(value: unknown): unknown {
  return Array.isArray(value) && value.length === 2 && value[0] === value[1] ? value[0] : value;
}

export const ownHandlers: Handlers<OwnCalls> = {
  describeOwn,
  layersOf,
  classify: (pixels) => currentRun().classify(pixels),
};
