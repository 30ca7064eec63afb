/** A network in another tool's format: one function for all of them. */

import { extname } from "node:path";
import { writeFileAtomic } from "#files";
import { mustBe, OptionError, rejectUnknownKeys, unknownName } from "../errors.js";
import { writeSafetensors } from "../formats/safetensors.js";
import { weightSpecs } from "../models/graph.js";
import { saveModel } from "../train/checkpoint.js";
import type { Model } from "../train/model.js";
import { writeKeras } from "./keras.js";
import type { Network } from "./network.js";
import { writeNpzWeights } from "./npz.js";
import { encodeOnnx } from "./onnx.js";
import { writePytorch } from "./pytorch.js";
import { writeTfjs } from "./tfjs.js";

export const EXPORT_FORMATS = ["onnx", "tfjs", "npz", "safetensors", "pytorch", "keras"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportOptions {
  /** onnx: batch normalisation folded into the layer before it. */
  readonly fold?: boolean; // false
  /** onnx: how images come in. */
  readonly layout?: "nhwc" | "nchw"; // "nhwc"
  /** npz: deflated. */
  readonly compressed?: boolean; // false
  /** safetensors: without the network's description, which `loadModel` needs. */
  readonly weightsOnly?: boolean; // false
}

/** Which options a format has, and how its path must end; "" is a folder. */
export const EXPORTS: Readonly<
  Record<ExportFormat, { readonly suffix: string; readonly options: readonly (keyof ExportOptions)[] }>
> = {
  onnx: { suffix: ".onnx", options: ["fold", "layout"] },
  tfjs: { suffix: "", options: [] },
  npz: { suffix: ".npz", options: ["compressed"] },
  safetensors: { suffix: ".safetensors", options: ["weightsOnly"] },
  pytorch: { suffix: ".py", options: [] },
  keras: { suffix: ".py", options: [] },
};

/**
 * Writes the model for another tool, and returns the files that it wrote, the one to open first. Files are replaced atomically.
 * @param path  a file, or for tfjs a folder  @throws OptionError, FileError
 */
export async function exportModel(
  model: Model,
  to: ExportFormat,
  path: string,
  options: ExportOptions = {},
): Promise<string[]> {
  if (!EXPORT_FORMATS.includes(to)) {
    throw new OptionError(`exportModel: ${unknownName("format", String(to), EXPORT_FORMATS)}`);
  }
  const { suffix, options: known } = EXPORTS[to];
  rejectUnknownKeys(`exportModel to ${to}`, options, known);
  if (suffix !== "" && extname(path) !== suffix) {
    throw new OptionError(mustBe(`exportModel to ${to}`, "path", `end in ${suffix}`, path));
  }
  const network: Network = { graph: model.graph, weights: model.getWeights() };
  switch (to) {
    case "onnx":
      await writeFileAtomic(path, encodeOnnx(path, network, options));
      return [path];
    case "tfjs":
      return writeTfjs(path, network);
    case "npz":
      await writeNpzWeights(path, network, options);
      return [path];
    case "safetensors":
      await writeModelFile(path, network, options.weightsOnly);
      return [path];
    case "pytorch":
      return writePytorch(path, network);
    case "keras":
      return writeKeras(path, network);
  }
}

async function writeModelFile(path: string, { graph, weights }: Network, weightsOnly = false): Promise<void> {
  if (!weightsOnly) return saveModel(path, graph, weights);
  const tensors = weightSpecs(graph).map(
    ({ name, shape }) => [name, { shape, data: weights.get(name)! }] as const,
  );
  await writeSafetensors(path, new Map(tensors));
}
