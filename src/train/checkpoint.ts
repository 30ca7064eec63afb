/** Models and whole training states as single safetensors files. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { FileError, show } from "../errors.js";
import type { Files } from "../formats/files.js";
import {
  readTypedSafetensors,
  type SafeTensor,
  type TypedTensor,
  writeSafetensors,
} from "../formats/safetensors.js";
import { graphFromConfig, graphToConfig } from "../models/config.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { type Shape, sameShape } from "../shape.js";
import { pack, unpack } from "./packing.js";
import { slotNames } from "./regions.js";
import type { Optimizer, TrainingState } from "./types.js";

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
  files?: Files,
): Promise<void> {
  const metadata = { model: JSON.stringify(graphToConfig(graph)) };
  await writeSafetensors(path, weightTensors(graph, weights), metadata, files);
}

/** A model file, or a run's checkpoint. @throws FileError */
export async function readModel(path: string): Promise<{ graph: Graph; weights: Map<string, Float32Array> }> {
  const { tensors, metadata } = await readTypedSafetensors(path);
  const graph = graphFromConfig(parseJson(path, "model", metadata.model), path);
  return { graph, weights: takeWeights(path, graph, tensors) };
}

const optimizerSchema = z.discriminatedUnion("name", [
  z.object({
    name: z.literal("adam"),
    learningRate: z.number(),
    beta1: z.number(),
    beta2: z.number(),
    epsilon: z.number(),
  }),
  z.object({
    name: z.literal("sgd"),
    learningRate: z.number(),
    momentum: z.number(),
    nesterov: z.boolean(),
  }),
]);

/** What this version writes; it reads version 1 too. */
const FORMAT_VERSION = 2;

const count = z.number().int().nonnegative();
/** zod's own number is a finite one. */
const real = z.custom<number>((value) => typeof value === "number", "expected a number");
// Version 1 was JSON alone, which has no NaN: a diverged run's numbers come back as null.
const logged = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const column = z.instanceof(Float64Array).transform((values) => Array.from(values));

const common = {
  seed: count,
  batchSize: count,
  epoch: count,
  stepInEpoch: count,
  step: count,
  callbacks: z.record(z.string(), z.unknown()),
  optimizer: optimizerSchema,
};

const stateSchema = z.object({
  ...common,
  formatVersion: z.literal(FORMAT_VERSION),
  learningRate: real,
  totals: z.array(real).length(4),
  stopped: z.boolean(),
  history: z.object({
    epochs: column,
    validationEpochs: column,
    logs: z.record(z.string(), column),
  }),
});

const stateSchema1 = z.object({
  ...common,
  formatVersion: z.literal(1),
  learningRate: z.number(),
  totals: z.array(logged).length(4),
  history: z.object({
    epochs: z.array(count),
    validationEpochs: z.array(count),
    logs: z.record(z.string(), z.array(logged)),
  }),
});

/** All but weights and slots. */
type Head = Omit<TrainingState, "weights" | "slots">;

/** Everything that a run needs to go on, in one file that is replaced atomically. @throws FileError */
export async function saveTrainingState(
  path: string,
  graph: Graph,
  state: TrainingState,
  files?: Files,
): Promise<void> {
  const { weights, slots, history, ...rest } = state;
  const columns = Object.entries(history.logs).map(([name, values]) => [name, Float64Array.from(values)]);
  const tensors = new Map<string, TypedTensor>();
  const packed = pack(
    {
      history: {
        epochs: Float64Array.from(history.epochs),
        validationEpochs: Float64Array.from(history.validationEpochs),
        logs: Object.fromEntries(columns),
      },
      ...rest,
    },
    tensors,
  );
  for (const [name, tensor] of weightTensors(graph, weights)) tensors.set(name, tensor);
  const shapes = new Map(weightSpecs(graph).map(({ name, shape }) => [name, shape]));
  for (const [name, data] of slots) tensors.set(name, { shape: shapes.get(weightOfSlot(name))!, data });
  const metadata = { model: JSON.stringify(graphToConfig(graph)), training: JSON.stringify(packed) };
  await writeSafetensors(path, tensors, metadata, files);
}

/** @throws FileError when it is damaged, or of a version that is not known here */
export async function loadTrainingState(path: string): Promise<{ graph: Graph; state: TrainingState }> {
  const { tensors, metadata } = await readTypedSafetensors(path);
  const training = parseJson(path, "training", metadata.training);
  const version = versionOf(path, training);
  const graph = graphFromConfig(parseJson(path, "model", metadata.model), path);
  const head =
    version === 1 ? migrate(parse(path, stateSchema1, training)) : unpackHead(path, training, tensors);
  const weights = takeWeights(path, graph, tensors);
  const slots = takeSlots(path, graph, head.optimizer, tensors);
  for (const name of tensors.keys()) {
    if (!weights.has(name) && !slots.has(name)) {
      throw new FileError(`${path}: tensor ${show(name)} belongs to nothing that is known here.`);
    }
  }
  return { graph, state: { ...head, weights, slots } };
}

/** @throws FileError unless this version of cbapd can read it */
function versionOf(path: string, training: unknown): number {
  const parsed = parse(path, z.looseObject({ formatVersion: z.number().int().positive() }), training);
  const { formatVersion } = parsed;
  if (formatVersion <= FORMAT_VERSION) return formatVersion;
  throw new FileError(
    `${path} is a checkpoint of format ${formatVersion}; this cbapd reads formats 1 to ${FORMAT_VERSION}. ` +
      "A newer cbapd wrote it: go on with that one.",
  );
}

function unpackHead(path: string, training: unknown, tensors: Map<string, TypedTensor>): Head {
  return parse(path, stateSchema, unpack(training, tensors, path));
}

/** In version 1 earlyStopping kept weights as lists of numbers, and a run that had stopped itself did not know it. */
function migrate(head: z.infer<typeof stateSchema1>): Head {
  const callbacks = { ...head.callbacks };
  const early = z
    .looseObject({ weights: z.array(z.tuple([z.string(), z.array(logged)])) })
    .safeParse(callbacks.earlyStopping);
  if (early.success) {
    const weights = early.data.weights.map(([name, values]) => [name, Float32Array.from(values)] as const);
    callbacks.earlyStopping = { ...early.data, weights: new Map(weights) };
  }
  return { ...head, formatVersion: FORMAT_VERSION, stopped: false, callbacks };
}

function parse<T>(path: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FileError(`${path}: the training state is damaged at ${issue.path.join(".")}: ${issue.message}.`);
}

/** `adam/m/conv2d/kernel` is a slot of `conv2d/kernel`. */
function weightOfSlot(name: string): string {
  return name.split("/").slice(2).join("/");
}

function weightTensors(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Map<string, SafeTensor> {
  return new Map(weightSpecs(graph).map(({ name, shape }) => [name, { shape, data: weights.get(name)! }]));
}

function takeWeights(
  path: string,
  graph: Graph,
  tensors: ReadonlyMap<string, TypedTensor>,
): Map<string, Float32Array> {
  return new Map(
    weightSpecs(graph).map(({ name, shape }) => [name, takeTensor(path, "weight", name, shape, tensors)]),
  );
}

function takeSlots(
  path: string,
  graph: Graph,
  optimizer: Optimizer,
  tensors: ReadonlyMap<string, TypedTensor>,
): Map<string, Float32Array> {
  const slots = slotNames(optimizer).flatMap((slot) =>
    weightSpecs(graph)
      .filter(({ trainable }) => trainable)
      .map(({ name, shape }) => [`${slot}/${name}`, shape] as const),
  );
  return new Map(
    slots.map(([name, shape]) => [name, takeTensor(path, "optimizer slot", name, shape, tensors)]),
  );
}

function takeTensor(
  path: string,
  what: string,
  name: string,
  shape: Shape,
  tensors: ReadonlyMap<string, TypedTensor>,
): Float32Array {
  const tensor = tensors.get(name);
  if (tensor && !(tensor.data instanceof Float32Array)) {
    throw new FileError(`${path}: ${what} "${name}" must hold float32 values.`);
  }
  if (!tensor || !sameShape(tensor.shape, shape)) {
    const found = tensor ? `has shape [${tensor.shape.join(", ")}]` : "is missing";
    throw new FileError(`${path}: ${what} "${name}" must have shape [${shape.join(", ")}]; it ${found}.`);
  }
  return tensor.data as Float32Array;
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
