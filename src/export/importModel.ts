/** Other tools' model files, recognised by their contents. */

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { withFile } from "#files";
import type { ErrorCode } from "../errorCodes.js";
import { FileError } from "../errors.js";
import type { ByteSource } from "../formats/byteSource.js";
import { HDF5_SIGNATURE } from "../formats/hdf5.js";
import { parseSafetensors, parseTypedSafetensors } from "../formats/safetensors.js";
import { readZip } from "../formats/zip.js";
import type { Graph } from "../models/graph.js";
import { parseModel } from "../train/checkpoint.js";
import { Model } from "../train/model.js";
import { readKerasArchive, readKerasH5 } from "./kerasFiles.js";
import { namedWeights } from "./kerasWeights.js";
import { readNpzWeights } from "./npz.js";
import { readTfjs } from "./tfjs.js";

export interface ImportOptions {
  /** Whose weights they are, for files that hold nothing else: a network of the same architecture. */
  readonly network?: Model;
}

export interface ImportedModel {
  readonly model: Model;
  /** What the file was, in words. */
  readonly format: string;
  /** What is not the same here as there, though predictions are. */
  readonly remarks: readonly string[];
}

/**
 * Reads a model: Keras' .keras and .h5, tfjs' model.json (or its folder), NumPy's npz, safetensors. Weights alone need `network`.
 * @throws FileError, with a code of docs/errors.md
 */
export async function importModel(path: string, options: ImportOptions = {}): Promise<ImportedModel> {
  const file = isFolder(path) ? modelIn(path) : path;
  const kind = await withFile(file, kindOf);
  const graph = options.network?.graph;
  const own = () => needed(graph, file);
  switch (kind) {
    case "tfjs": {
      const { remarks, ...network } = await readTfjs(file);
      return { ...modelOf(network), format: "tfjs LayersModel", remarks };
    }
    case "npz": {
      const { tensors, remarks } = await readNpzWeights(file);
      const weights = namedWeights(own(), tensors, file);
      return { ...modelOf({ graph: own(), weights }), format: "NumPy npz", remarks };
    }
    case "keras": {
      const { graph, weights, ...rest } = await withFile(file, readKerasArchive);
      return { ...modelOf({ graph, weights }), ...rest };
    }
    case "hdf5": {
      const { graph, weights, ...rest } = await withFile(file, (source) => readKerasH5(source, own));
      return { ...modelOf({ graph, weights }), ...rest };
    }
    case "safetensors":
      return { ...(await withFile(file, (source) => readSafetensors(source, graph))), remarks: [] };
  }
}

const modelOf = ({ graph, weights }: { graph: Graph; weights: ReadonlyMap<string, Float32Array> }) => ({
  model: new Model(graph, weights),
});

async function readSafetensors(source: ByteSource, graph: Graph | undefined) {
  const { metadata } = await parseTypedSafetensors(source);
  if (metadata.model !== undefined) {
    return { ...modelOf(await parseModel(source)), format: "cbapd model" };
  }
  const own = needed(graph, source.name);
  const { tensors } = await parseSafetensors(source);
  const found = Array.from(tensors, ([name, tensor]) => [name, { name, ...tensor }] as const);
  const weights = namedWeights(own, new Map(found), source.name);
  return { ...modelOf({ graph: own, weights }), format: "safetensors, weights only" };
}

function needed(graph: Graph | undefined, file: string): Graph {
  if (graph) return graph;
  throw new FileError(
    `${file} holds weights alone, and does not say of which network. Name it with --network (in programs: the option network).`,
    { code: "IMPORT_NETWORK" },
  );
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** What a folder holds: a tfjs model, or a run. */
function modelIn(folder: string): string {
  const names = ["model.json", "best.safetensors", "checkpoint.safetensors"];
  const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found) return found;
  throw new FileError(`${folder} holds none of ${names.join(", ")}.`, { code: "IMPORT_FORMAT" });
}

const HEAD_BYTES = 64;

async function zipNames(source: ByteSource): Promise<string[]> {
  return (await readZip(source, { what: "zip", suffix: "" })).map(({ name }) => name);
}

/** By the first bytes, whatever the name says. */
async function kindOf(source: ByteSource): Promise<"tfjs" | "npz" | "keras" | "hdf5" | "safetensors"> {
  const head = Buffer.from(await source.read(0, Math.min(source.size, HEAD_BYTES)));
  const refuse = (what: string, code: ErrorCode = "IMPORT_UNSUPPORTED") =>
    new FileError(`${source.name} ${what}.`, { code });
  if (head.subarray(0, 4).toString("latin1") === "PK\x03\x04") {
    const entries = await zipNames(source);
    if (entries.some((name) => name.endsWith("/data.pkl"))) {
      throw refuse("is a PyTorch file of pickles, which are programs; it is not read");
    }
    return entries.includes("config.json") || entries.includes("model.weights.h5") ? "keras" : "npz";
  }
  if (HDF5_SIGNATURE.equals(head.subarray(0, HDF5_SIGNATURE.length))) return "hdf5";
  if (/^\s*\{/.test(head.toString("latin1"))) return "tfjs";
  if (head.length > 8 && head[8] === 0x7b) return "safetensors";
  if (head[0] === 0x80 && head[1] <= 5) {
    throw refuse("is a Python pickle, which is a program; it is not read");
  }
  if (head[0] === 0x08 && head[2] === 0x12) {
    throw refuse("looks like ONNX, which is written here, not read");
  }
  throw refuse("is none of: tfjs model.json, NumPy npz, safetensors, Keras .h5 and .keras", "IMPORT_FORMAT");
}
