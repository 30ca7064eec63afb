/** Models and whole training states as single safetensors files. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { FileError } from "../errors.js";
import { readSafetensors, type SafeTensor, writeSafetensors } from "../formats/safetensors.js";
import { graphFromConfig, graphToConfig } from "../models/config.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { sameShape, sizeOf } from "../shape.js";
import { optimizerSchema } from "./optimizerSchema.js";
import type { TrainingState } from "./types.js";

/** SHA-256 (hex) over all weights in order, as little-endian float32. */
export function weightsSha256(weights: ReadonlyMap<string, Float32Array>): string {
  const hash = createHash("sha256");
  for (const values of weights.values()) {
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}

/** Weights under their names, the network's description in the metadata. @throws FileError */
export async function saveModel(
  path: string,
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  await writeSafetensors(path, weightTensors(graph, weights), {
    model: JSON.stringify(graphToConfig(graph)),
  });
}

/** A model file, or a run's checkpoint. @throws FileError */
export async function readModel(path: string): Promise<{ graph: Graph; weights: Map<string, Float32Array> }> {
  const { tensors, metadata } = await readSafetensors(path);
  const graph = graphFromConfig(parseJson(path, "model", metadata.model), path);
  return { graph, weights: takeWeights(path, graph, tensors) };
}

const count = z.number().int().nonnegative();
// JSON has no NaN: a diverged run's numbers come back as null.
const logged = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const augmentationSchema = z.strictObject({
  crop: count.optional(),
  flip: z.boolean().optional(),
  color: z.number().optional(),
  cutout: count.optional(),
});

const stateSchema = z.object({
  formatVersion: z.literal(1),
  seed: count,
  batchSize: count,
  epoch: count,
  stepInEpoch: count,
  step: count,
  learningRate: z.number(),
  totals: z.array(logged).length(4),
  history: z.object({
    epochs: z.array(count),
    validationEpochs: z.array(count),
    logs: z.record(z.string(), z.array(logged)),
  }),
  callbacks: z.record(z.string(), z.unknown()),
  optimizer: optimizerSchema,
  augment: augmentationSchema.optional(),
  mixup: z.number().optional(),
  labelSmoothing: z.number().optional(),
});

/** Everything that a run needs to go on, in one file that is replaced atomically. @throws FileError */
export async function saveTrainingState(path: string, graph: Graph, state: TrainingState): Promise<void> {
  const { weights, slots, ...rest } = state;
  const tensors = weightTensors(graph, weights);
  const shapes = new Map(weightSpecs(graph).map(({ name, shape }) => [name, shape]));
  for (const [name, data] of slots) {
    const weight = name.split("/").slice(2).join("/");
    tensors.set(name, { shape: shapes.get(weight)!, data });
  }
  const metadata = { model: JSON.stringify(graphToConfig(graph)), training: JSON.stringify(rest) };
  await writeSafetensors(path, tensors, metadata);
}

/** @throws FileError */
export async function loadTrainingState(path: string): Promise<{ graph: Graph; state: TrainingState }> {
  const { tensors, metadata } = await readSafetensors(path);
  const graph = graphFromConfig(parseJson(path, "model", metadata.model), path);
  const parsed = stateSchema.safeParse(parseJson(path, "training", metadata.training));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new FileError(
      `${path}: the training state is damaged at ${issue.path.join(".")}: ${issue.message}.`,
    );
  }
  const weights = takeWeights(path, graph, tensors);
  const slots = new Map<string, Float32Array>();
  for (const [name, { data }] of tensors) if (!weights.has(name)) slots.set(name, data);
  return { graph, state: { ...parsed.data, weights, slots } };
}

function weightTensors(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Map<string, SafeTensor> {
  return new Map(weightSpecs(graph).map(({ name, shape }) => [name, { shape, data: weights.get(name)! }]));
}

function takeWeights(
  path: string,
  graph: Graph,
  tensors: ReadonlyMap<string, SafeTensor>,
): Map<string, Float32Array> {
  return new Map(
    weightSpecs(graph).map(({ name, shape }) => {
      const tensor = tensors.get(name);
      if (!tensor || !sameShape(tensor.shape, shape)) {
        const found = tensor ? `has shape [${tensor.shape.join(", ")}]` : "is missing";
        throw new FileError(`${path}: weight "${name}" must have shape [${shape.join(", ")}]; it ${found}.`);
      }
      return [name, tensor.data.subarray(0, sizeOf(shape))];
    }),
  );
}

function parseJson(path: string, key: string, text: string | undefined): unknown {
  if (text === undefined)
    throw new FileError(`${path}: has no "${key}" in its metadata; cbapd did not write it.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FileError(`${path}: its "${key}" is no JSON.`, { cause });
  }
}
