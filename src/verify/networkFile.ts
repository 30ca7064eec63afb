/** Network cases: one of the six networks, a batch, all weights, and numbers to compare. */
import * as z from "zod";
import { show, unknownName } from "../errors.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { NETWORK_NAMES, NETWORKS, type NetworkName } from "../models/networks.js";
import type { Shape } from "../shape.js";
import type { NetworkFileCase } from "./caseFile.js";
import { CaseError, type CaseSource } from "./caseSource.js";
import { adamEntries, wholeNumber } from "./entries.js";

/** "1/16" or "0.0625". */
const fraction = z.string().transform((text, context) => {
  const [numerator, denominator = "1", ...rest] = text.split("/");
  const value = Number(numerator) / Number(denominator);
  if (rest.length > 0 || text.trim() === "" || !(Number.isFinite(value) && value > 0)) {
    context.addIssue({
      code: "custom",
      message: `must be a positive number or fraction, such as "1/16"; got ${show(text)}`,
    });
    return z.NEVER;
  }
  return value;
});

const schema = z.object({
  width: fraction.default(1),
  dropout: z
    .enum(["on", "off"], { error: ({ input }) => unknownName("value", String(input), ["on", "off"]) })
    .optional(),
  statistics: z
    .enum(["batch", "moving"], {
      error: ({ input }) => unknownName("value", String(input), ["batch", "moving"]),
    })
    .default("batch"),
  classes: wholeNumber.optional(),
  seed: wholeNumber.default(0),
  ...adamEntries,
});

const KEYS = ["network", ...Object.keys(schema.shape)];

/** @throws CaseError */
export function readNetworkCase(source: CaseSource): NetworkFileCase {
  const name = NETWORK_NAMES.find((known) => known === source.text("network"));
  if (!name)
    throw new CaseError(unknownName("network", source.text("network"), NETWORK_NAMES), {
      code: "CASE_METADATA",
    });
  const parsed = schema.safeParse(source.metadata(KEYS));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CaseError(`metadata ${show(issue.path.join("."))}: ${issue.message}.`, {
      code: "CASE_METADATA",
    });
  }
  const { width, dropout, statistics, classes, seed, ...adam } = parsed.data;

  const x = source.take("x");
  if (x.shape.length !== 4 || x.shape.some((size) => size < 1)) {
    throw new CaseError(
      `tensor "x" must have shape [images, height, width, channels]; got ${show(x.shape)}.`,
      { code: "CASE_TENSOR_SHAPE" },
    );
  }
  const [images, ...inputShape] = x.shape;
  const built = NETWORKS[name]({ width, inputShape, classes: classes ?? classesOf(source, name) });
  const graph = withOptions(built, dropout === "off", statistics);
  const specs = weightSpecs(graph);
  const unknown = source
    .names()
    .find(
      (tensor) => tensor.startsWith("weights/") && !specs.some((spec) => `weights/${spec.name}` === tensor),
    );
  if (unknown) {
    const names = specs.map((spec) => `weights/${spec.name}`);
    throw new CaseError(unknownName("tensor", unknown, names), { code: "CASE_TENSOR_UNKNOWN" });
  }
  const why = `${name}, width ${width}, input ${show(inputShape)}`;
  const weights = new Map(
    specs.map((spec) => [spec.name, source.take(`weights/${spec.name}`, spec.shape, why)]),
  );
  const labels = source.takeLabels("y", images, graph.nodes[graph.output].outputShape[0]);
  const drops = graph.nodes.some(
    ({ layer, options }) => layer.kind === "dropout" && (options as { rate: number }).rate > 0,
  );
  if (drops) {
    source.warnings.push(
      'dropout is on, and its random numbers are ours, which yours can hardly be. Compare with metadata "dropout": "off".',
    );
  }
  const steps = Math.max(
    0,
    ...source.names().map((tensor) => Number(/^after\/(\d+)\//.exec(tensor)?.[1] ?? 0)),
  );
  if (steps > MOST_STEPS) {
    throw new CaseError(`after/<k> must have k up to ${MOST_STEPS}; got ${steps}.`, {
      code: "CASE_TENSOR_UNKNOWN",
    });
  }
  const expected = source.takeExpected(comparable(graph, x.shape, steps));
  const title = `${name}${width === 1 ? "" : `, width ${source.text("width")}`}, ${images} image${images === 1 ? "" : "s"}`;
  return {
    kind: "network",
    title,
    expected,
    warnings: source.warnings,
    concerns: concernsOf(graph, steps),
    given: { graph, x, labels, weights, steps, adam, seed },
  };
}

/** After many steps two float32 computations have little in common. */
const MOST_STEPS = 100;

/** As many as the last dense layer has units. */
function classesOf(source: CaseSource, name: NetworkName): number | undefined {
  const kernels = weightSpecs(NETWORKS[name]()).filter(({ parameter }) => parameter === "kernel");
  return source.shapeOf(`weights/${kernels[kernels.length - 1].name}`)?.[1];
}

/** The same graph without dropout, and with these statistics in every normalisation. */
function withOptions(graph: Graph, dropoutOff: boolean, statistics: "batch" | "moving"): Graph {
  const nodes = graph.nodes.map((node) => {
    const { kind } = node.layer;
    if (kind === "dropout" && dropoutOff) return { ...node, options: { ...node.options, rate: 0 } };
    if (kind === "batch_normalization") return { ...node, options: { ...node.options, statistics } };
    return node;
  });
  return { ...graph, nodes };
}

/** All that `runNetwork` computes, with shapes. */
function comparable(graph: Graph, xShape: Shape, steps: number): Map<string, Shape> {
  const specs = weightSpecs(graph);
  const output: Shape = [xShape[0], ...graph.nodes[graph.output].outputShape];
  const shapes = new Map<string, Shape>([
    ["logits", output],
    ["probabilities", output],
    ["loss", []],
    ["gradients/x", xShape],
  ]);
  for (const { name, shape, trainable } of specs) if (trainable) shapes.set(`gradients/${name}`, shape);
  for (let k = 1; k <= steps; k++)
    for (const { name, shape } of specs) shapes.set(`after/${k}/${name}`, shape);
  return shapes;
}

function concernsOf({ nodes }: Graph, steps: number): Set<string> {
  const concerns = new Set(["loss", ...nodes.map(({ layer }) => layer.kind)]);
  concerns.delete("input");
  if (nodes.some(({ options }) => (options as { activation?: string }).activation))
    concerns.add("activation");
  if (nodes.some(({ specs }) => Object.values(specs).some(({ l2 }) => l2))) concerns.add("l2");
  if (steps > 0) concerns.add("adam");
  return concerns;
}
