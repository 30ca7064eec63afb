/** Weights that a file holds layer by layer, put where the graph wants them. */
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { type Shape, sameShape, sizeOf } from "../shape.js";
import type { KerasNetwork } from "./readKerasConfig.js";

export interface FoundTensor {
  /** As the file calls it: "kernel", or where the file only counts, "0", "1", … */
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** By the layer's name in the file. */
export type FoundLayers = ReadonlyMap<string, readonly FoundTensor[]>;

/** All weights of the graph, in its order. @throws FileError for one that is missing, unknown or of another shape */
export function kerasWeights(
  { graph, layers }: KerasNetwork,
  found: FoundLayers,
  source: string,
): Map<string, Float32Array> {
  const fail = (what: string, code: ErrorCode) => new FileError(`${source}: ${what}.`, { code });
  const known = new Set(layers.map(({ name }) => name));
  const unknown = [...found].find(([name, tensors]) => tensors.length > 0 && !known.has(name));
  if (unknown) throw fail(`it has weights of ${show(unknown[0])}, which is no layer`, "KERAS_WEIGHT_UNKNOWN");
  const weights = new Map<string, Float32Array>();
  for (const { name, node, absent } of layers) {
    const specs = weightSpecs(graph).filter((spec) => spec.node === node);
    const wanted = specs.filter((spec) => !absent.includes(partOf(spec.name)));
    const tensors = found.get(name) ?? [];
    const counted = tensors.every((tensor, at) => tensor.name === String(at));
    const extra = tensors.find(
      (tensor, at) =>
        !(counted ? at < wanted.length : wanted.some((spec) => partOf(spec.name) === tensor.name)),
    );
    if (extra) {
      throw fail(`layer ${show(name)} has no weight ${show(extra.name)}`, "KERAS_WEIGHT_UNKNOWN");
    }
    for (const spec of specs) {
      const part = partOf(spec.name);
      if (absent.includes(part)) {
        weights.set(spec.name, new Float32Array(sizeOf(spec.shape)).fill(part === "gamma" ? 1 : 0));
        continue;
      }
      const tensor = tensors.find((each) => each.name === (counted ? String(wanted.indexOf(spec)) : part));
      if (!tensor) throw fail(`${part} of layer ${show(name)} is missing`, "KERAS_WEIGHT_MISSING");
      if (!sameShape(tensor.shape, spec.shape)) {
        throw fail(
          `${part} of layer ${show(name)} must have shape ${show(spec.shape)}; it has ${show(tensor.shape)}`,
          "KERAS_WEIGHT_SHAPE",
        );
      }
      weights.set(spec.name, tensor.data);
    }
  }
  return inOrder(graph, weights);
}

/** Weights that are called as the graph calls them, or with Keras' ":0" behind. @throws FileError */
export function namedWeights(
  graph: Graph,
  tensors: ReadonlyMap<string, FoundTensor>,
  source: string,
): Map<string, Float32Array> {
  const fail = (what: string, code: ErrorCode) => new FileError(`${source}: ${what}.`, { code });
  const weights = new Map<string, Float32Array>();
  const shapes = new Map(weightSpecs(graph).map(({ name, shape }) => [name, shape]));
  for (const [given, { shape, data }] of tensors) {
    const name = given.replace(/:0$/, "");
    const wanted = shapes.get(name);
    if (!wanted) throw fail(`${graph.name} has no weight ${show(given)}`, "KERAS_WEIGHT_UNKNOWN");
    if (!sameShape(shape, wanted)) {
      throw fail(
        `${show(given)} must have shape ${show(wanted)} in ${graph.name}; it has ${show(shape)}`,
        "KERAS_WEIGHT_SHAPE",
      );
    }
    weights.set(name, data);
  }
  const missing = [...shapes.keys()].find((name) => !weights.has(name));
  if (missing) throw fail(`${graph.name}'s weight ${show(missing)} is not in it`, "KERAS_WEIGHT_MISSING");
  return inOrder(graph, weights);
}

const partOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

function inOrder(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> {
  return new Map(weightSpecs(graph).map(({ name }) => [name, weights.get(name)!]));
}
