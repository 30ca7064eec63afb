/**
 * tfjs-layers' files: model.json, which describes the layers and lists the weights, and shards with the weights' bytes, one
 * after another. Written for `tf.loadLayersModel`; read as `model.save` or the converter left them.
 */

import { dirname, join } from "node:path";
import * as z from "zod";
import { withFile, writeFileAtomic } from "#files";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, mustBe, OptionError, show } from "../errors.js";
import { parseStrictJson } from "../formats/json.js";
import { nameFault } from "../formats/names.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { sizeOf } from "../shape.js";
import { kerasConfig } from "./kerasConfig.js";
import { type FoundTensor, kerasWeights } from "./kerasWeights.js";
import type { Network } from "./network.js";
import { readKerasConfig } from "./readKerasConfig.js";

/** As tfjs does: browsers cache files of up to 5 MB. */
const SHARD_BYTES = 4 * 2 ** 20;
const MAX_JSON_BYTES = 1 << 24;
const MAX_DEPTH = 32;
const FLOAT_BYTES = 4;

/** Replaces each file atomically, model.json last. Returns the files. @throws FileError */
export async function writeTfjs(folder: string, { graph, weights }: Network): Promise<string[]> {
  const foreign = graph.nodes.find(({ name }) => !/^[A-Za-z0-9]/.test(name));
  if (foreign) {
    throw new OptionError(mustBe("tfjs", "layers' names", "begin with a letter or digit", foreign.name));
  }
  const specs = weightSpecs(graph).map(({ name, shape }) => ({ name, shape, dtype: "float32" }));
  const bytes = Buffer.concat(
    specs.map(({ name }) => {
      const { buffer, byteOffset, byteLength } = weights.get(name)!;
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  );
  const count = Math.ceil(bytes.length / SHARD_BYTES);
  const shards = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  const description = {
    format: "layers-model",
    generatedBy: "cbapd",
    convertedBy: null,
    modelTopology: {
      ...kerasConfig(graph),
      keras_version: "tfjs-layers 4.22.0",
      backend: "tensor_flow.js",
    },
    weightsManifest: [{ paths: shards, weights: specs }],
  };
  for (const [i, shard] of shards.entries()) {
    await writeFileAtomic(join(folder, shard), bytes.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES));
  }
  const file = join(folder, "model.json");
  await writeFileAtomic(file, `${JSON.stringify(description)}\n`);
  return [file, ...shards.map((shard) => join(folder, shard))];
}

const size = z.number().int().nonnegative();
const manifestSchema = z.array(
  z.object({
    // Models that a page downloads have "./net.weights.bin".
    paths: z.array(z.string().transform((path) => path.replace(/^\.\//, ""))).max(10_000),
    weights: z
      .array(
        z.object({
          name: z.string(),
          shape: z.array(size).max(32),
          dtype: z.string(),
          quantization: z.unknown().optional(),
        }),
      )
      .max(10_000),
  }),
);
type Manifest = z.infer<typeof manifestSchema>;

/** @param file  model.json; its shards lie beside it @throws FileError */
export async function readTfjs(
  file: string,
): Promise<{ graph: Graph; weights: Map<string, Float32Array>; remarks: readonly string[] }> {
  const text = await withFile(file, async (source) => {
    if (source.size > MAX_JSON_BYTES) {
      throw new FileError(`${file} has ${source.size} bytes, more than ${MAX_JSON_BYTES}.`, {
        code: "TFJS_TOO_LARGE",
      });
    }
    return source.read(0, source.size);
  });
  const { topology, manifest } = parseTfjs(file, text);
  const network = readKerasConfig(topology, file);
  const found = new Map<string, FoundTensor[]>();
  const layers = new Map(network.layers.map(({ name }) => [name, name]));
  for (const group of manifest) {
    const bytes = await readShards(file, group);
    let at = 0;
    for (const { name, shape } of group.weights) {
      const length = sizeOf(shape) * FLOAT_BYTES;
      const data = new Float32Array(bytes.slice(at, at + length).buffer);
      at += length;
      const [layer, part] = splitName(name, layers);
      found.set(layer, [...(found.get(layer) ?? []), { name: part, shape, data }]);
    }
  }
  return { graph: network.graph, weights: kerasWeights(network, found, file), remarks: network.remarks };
}

/** What model.json says, checked as far as it can be without the shards. @throws FileError */
export function parseTfjs(file: string, bytes: Uint8Array): { topology: unknown; manifest: Manifest } {
  const fail = (what: string, code: ErrorCode) =>
    new FileError(`${file} is damaged or no model of tfjs: ${what}.`, { code });
  const value = parseStrictJson(new TextDecoder().decode(bytes), MAX_DEPTH, (fault, what) =>
    fail(fault === "duplicate" || fault === "dangerous" ? `key ${show(what)}, ${fault}` : what, "TFJS_JSON"),
  );
  const parsed = z
    .object({
      format: z.string().optional(),
      modelTopology: z.unknown(),
      weightsManifest: manifestSchema,
    })
    .safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fail(`${issue.path.map(String).join(".")}: ${issue.message}`, "TFJS_DESCRIPTION");
  }
  const { format, modelTopology: topology, weightsManifest: manifest } = parsed.data;
  if (format === "graph-model" || (topology as { node?: unknown } | null)?.node !== undefined) {
    throw fail("it is a graph model; only layers models can be read", "TFJS_GRAPH_MODEL");
  }
  for (const { paths, weights } of manifest) {
    const path = paths.find((each) => nameFault(each) || each.includes("/"));
    if (path !== undefined) throw fail(`${show(path)} is no name of a file beside it`, "TFJS_PATH");
    const other = weights.find(
      ({ dtype, quantization }) => dtype !== "float32" || quantization !== undefined,
    );
    if (other) {
      const what = other.quantization === undefined ? other.dtype : "quantized";
      throw fail(`weight ${show(other.name)} is ${what}, not float32`, "TFJS_DTYPE");
    }
  }
  return { topology, manifest };
}

/** A group's bytes. Nothing is read before the files have as many as the weights need. */
async function readShards(file: string, { paths, weights }: Manifest[number]): Promise<Uint8Array> {
  const wanted = weights.reduce((sum, { shape }) => sum + sizeOf(shape) * FLOAT_BYTES, 0);
  const shards = paths.map((path) => join(dirname(file), path));
  const sizes: number[] = [];
  for (const shard of shards) sizes.push(await withFile(shard, async (source) => source.size));
  const there = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (there !== wanted) {
    throw new FileError(`${file}: its weights need ${wanted} bytes, its shards have ${there}.`, {
      code: "TFJS_SIZE",
    });
  }
  const bytes = new Uint8Array(wanted);
  let at = 0;
  for (const [i, shard] of shards.entries()) {
    const length = sizes[i];
    bytes.set(await withFile(shard, (source) => source.read(0, Math.min(length, source.size))), at);
    at += length;
  }
  return bytes;
}

/** "conv2d/kernel", "net/conv2d/kernel:0" or "conv2d_Conv2D1/kernel": the layer, and what it calls it. */
export function splitName(name: string, layers: ReadonlyMap<string, unknown>): [layer: string, part: string] {
  const parts = name.replace(/:\d+$/, "").split("/");
  const part = parts.pop()!;
  const last = parts[parts.length - 1] ?? "";
  return [layers.has(parts.join("/")) ? parts.join("/") : last, part];
}
