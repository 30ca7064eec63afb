/** Models and whole training states from files, which may come from anywhere: nothing in them is believed. */
import * as z from "zod";
import { withFile } from "#files";
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import type { ByteSource } from "../formats/byteSource.js";
import { parseStrictJson } from "../formats/json.js";
import { parseTypedSafetensors, type TypedTensor } from "../formats/safetensors.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { graphFromConfig } from "../models/readConfig.js";
import { type Shape, sameShape } from "../shape.js";
import { optimizerSchema } from "./optimizerSchema.js";
import { unpack } from "./packing.js";
import { slotNames } from "./regions.js";
import type { Optimizer, TrainingState } from "./types.js";

/** A model file, or a run's checkpoint. @throws FileError */
export function readModel(path: string): Promise<{ graph: Graph; weights: Map<string, Float32Array> }> {
  return withFile(path, parseModel);
}

/** `readModel` from wherever the bytes are. @throws FileError */
export async function parseModel(
  source: ByteSource,
): Promise<{ graph: Graph; weights: Map<string, Float32Array> }> {
  const { tensors, metadata } = await parseTypedSafetensors(source);
  const graph = graphFromConfig(parseJson(source.name, "model", metadata.model), source.name);
  const weights = takeWeights(source.name, graph, tensors);
  // A checkpoint has its optimizer's tensors beside the weights; a model file has nothing else.
  const unknown = metadata.training === undefined && [...tensors.keys()].find((name) => !weights.has(name));
  if (typeof unknown === "string") {
    throw new FileError(`${source.name}: the model has no weight ${show(unknown)}.`, {
      code: "MODEL_WEIGHT_UNKNOWN",
    });
  }
  return { graph, weights };
}

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

/** No log has more numbers than there were epochs to log. */
const FITS = [
  ({ epochs, validationEpochs, logs }: TrainingState["history"]): boolean =>
    Object.entries(logs).every(
      ([name, { length }]) => length <= (name.startsWith("val_") ? validationEpochs : epochs).length,
    ),
  "a log has more numbers than there were epochs",
] as const;

const augmentationSchema = z.strictObject({
  crop: count.optional(),
  flip: z.boolean().optional(),
  color: z.number().optional(),
  cutout: count.optional(),
});

const common = {
  seed: count,
  batchSize: count,
  epoch: count,
  stepInEpoch: count,
  step: count,
  scheduleFactor: z.number().positive().optional(),
  callbacks: z.record(z.string(), z.unknown()),
  optimizer: optimizerSchema,
  augment: augmentationSchema.optional(),
  mixup: z.number().optional(),
  labelSmoothing: z.number().optional(),
  classWeights: z.array(z.number().nonnegative()).optional(),
};

const stateSchema = z.object({
  ...common,
  formatVersion: z.literal(FORMAT_VERSION),
  learningRate: real,
  totals: z.array(real).length(4),
  stopped: z.boolean(),
  history: z
    .object({
      epochs: column,
      validationEpochs: column,
      logs: z.record(z.string(), column),
    })
    .refine(...FITS),
});

const stateSchema1 = z.object({
  ...common,
  formatVersion: z.literal(1),
  learningRate: z.number(),
  totals: z.array(logged).length(4),
  history: z
    .object({
      epochs: z.array(count),
      validationEpochs: z.array(count),
      logs: z.record(z.string(), z.array(logged)),
    })
    .refine(...FITS),
});

/** All but weights and slots. */
type Head = Omit<TrainingState, "weights" | "slots">;

/** @throws FileError when it is damaged, or of a version that is not known here */
export function loadTrainingState(path: string): Promise<{ graph: Graph; state: TrainingState }> {
  return withFile(path, parseTrainingState);
}

/** `loadTrainingState` from wherever the bytes are. @throws FileError */
export async function parseTrainingState(
  source: ByteSource,
): Promise<{ graph: Graph; state: TrainingState }> {
  const { name: path } = source;
  const { tensors, metadata } = await parseTypedSafetensors(source);
  const training = parseJson(path, "training", metadata.training);
  const version = versionOf(path, training);
  const graph = graphFromConfig(parseJson(path, "model", metadata.model), path);
  const head =
    version === 1 ? migrate(parse(path, stateSchema1, training)) : unpackHead(path, training, tensors);
  const weights = takeWeights(path, graph, tensors);
  const slots = takeSlots(path, graph, head.optimizer, tensors);
  for (const name of tensors.keys()) {
    if (!weights.has(name) && !slots.has(name)) {
      throw new FileError(`${path}: tensor ${show(name)} belongs to nothing that is known here.`, {
        code: "CHECKPOINT_SLOT",
      });
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
    { code: "CHECKPOINT_VERSION" },
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
  throw new FileError(
    `${path}: the training state is damaged at ${issue.path.map(String).join(".")}: ${issue.message}.`,
    { code: "CHECKPOINT_STATE" },
  );
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
  what: "weight" | "optimizer slot",
  name: string,
  shape: Shape,
  tensors: ReadonlyMap<string, TypedTensor>,
): Float32Array {
  const tensor = tensors.get(name);
  const wrongWeight = tensor ? "MODEL_WEIGHT_SHAPE" : "MODEL_WEIGHT_MISSING";
  const code = what === "weight" ? wrongWeight : "CHECKPOINT_SLOT";
  if (tensor && !(tensor.data instanceof Float32Array)) {
    throw new FileError(`${path}: ${what} ${show(name)} must hold float32 values.`, { code });
  }
  if (!tensor || !sameShape(tensor.shape, shape)) {
    const found = tensor ? `has shape [${tensor.shape.join(", ")}]` : "is missing";
    throw new FileError(
      `${path}: ${what} ${show(name)} must have shape [${shape.join(", ")}]; it ${found}.`,
      {
        code,
      },
    );
  }
  return tensor.data as Float32Array;
}

const MISSING: Readonly<Record<"model" | "training", ErrorCode>> = {
  model: "MODEL_METADATA_MISSING",
  training: "CHECKPOINT_METADATA_MISSING",
};
const JSON_CODES = {
  depth: { model: "MODEL_TOO_DEEP", training: "CHECKPOINT_TOO_DEEP" },
  many: { model: "MODEL_DESCRIPTION", training: "CHECKPOINT_STATE" },
  duplicate: { model: "MODEL_DUPLICATE_KEY", training: "CHECKPOINT_DUPLICATE_KEY" },
  dangerous: { model: "MODEL_DANGEROUS_KEY", training: "CHECKPOINT_DANGEROUS_KEY" },
  syntax: { model: "MODEL_NOT_JSON", training: "CHECKPOINT_NOT_JSON" },
} as const;
/** What is written is 5 deep; what callbacks of your own remember may be deeper. */
const MAX_JSON_DEPTH = 32;

function parseJson(path: string, key: "model" | "training", text: string | undefined): unknown {
  if (text === undefined) {
    throw new FileError(`${path}: has no "${key}" in its metadata; cbapd did not write it.`, {
      code: MISSING[key],
    });
  }
  return parseStrictJson(text, MAX_JSON_DEPTH, (fault, what) => {
    const wrong = fault === "duplicate" || fault === "dangerous" ? `the key ${show(what)}, ${fault}` : what;
    return new FileError(`${path}: its "${key}" is no JSON that can be used: ${wrong}.`, {
      code: JSON_CODES[fault][key],
    });
  });
}
