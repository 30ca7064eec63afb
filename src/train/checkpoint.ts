/** Models and whole training states as single safetensors files. What reads them is loaded when there is one to read. */
import { sha256 } from "#platform";
import { type ByteSource, bytesSource } from "../formats/byteSource.js";
import type { Files } from "../formats/files.js";
import {
  encodeSafetensors,
  type SafeTensor,
  type TypedTensor,
  writeSafetensors,
} from "../formats/safetensors.js";
import { graphToConfig } from "../models/config.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { pack } from "./packing.js";
import type { TrainingState } from "./types.js";

const reader = () => import("./readCheckpoint.js");

/** A model file, or a run's checkpoint. @throws FileError */
export async function readModel(path: string): Promise<{ graph: Graph; weights: Map<string, Float32Array> }> {
  return (await reader()).readModel(path);
}

/** `readModel` from wherever the bytes are. @throws FileError */
export async function parseModel(
  source: ByteSource,
): Promise<{ graph: Graph; weights: Map<string, Float32Array> }> {
  return (await reader()).parseModel(source);
}

/** @throws FileError when it is damaged, or of a version that is not known here */
export async function loadTrainingState(path: string): Promise<{ graph: Graph; state: TrainingState }> {
  return (await reader()).loadTrainingState(path);
}

/** `loadTrainingState` from wherever the bytes are. @throws FileError */
export async function parseTrainingState(
  source: ByteSource,
): Promise<{ graph: Graph; state: TrainingState }> {
  return (await reader()).parseTrainingState(source);
}

/** SHA-256 (hex) over all weights in order, as little-endian float32. */
export function weightsSha256(weights: ReadonlyMap<string, Float32Array>): string {
  return sha256(
    Array.from(
      weights.values(),
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    ),
  );
}

/** Weights under their names, the network's description in the metadata. @throws FileError */
export async function saveModel(
  path: string,
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
  files?: Files,
): Promise<void> {
  await writeSafetensors(path, weightTensors(graph, weights), modelMetadata(graph), files);
}

/** What `saveModel` writes, for where there are no files. */
export function modelBytes(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Uint8Array {
  return joined(encodeSafetensors(graph.name, weightTensors(graph, weights), modelMetadata(graph)));
}

const modelMetadata = (graph: Graph) => ({ model: JSON.stringify(graphToConfig(graph)) });

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Everything that a run needs to go on, in one file that is replaced atomically. @throws FileError */
export async function saveTrainingState(
  path: string,
  graph: Graph,
  state: TrainingState,
  files?: Files,
): Promise<void> {
  const { tensors, metadata } = stateTensors(graph, state);
  await writeSafetensors(path, tensors, metadata, files);
}

/** What `saveTrainingState` writes, for where there are no files. */
export function encodeTrainingState(graph: Graph, state: TrainingState): Uint8Array {
  const { tensors, metadata } = stateTensors(graph, state);
  return joined(encodeSafetensors(graph.name, tensors, metadata));
}

/** @param name  for messages  @throws FileError */
export function decodeTrainingState(
  bytes: Uint8Array,
  name = "the training state",
): Promise<{ graph: Graph; state: TrainingState }> {
  return parseTrainingState(bytesSource(name, bytes));
}

function stateTensors(graph: Graph, state: TrainingState) {
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
  return { tensors, metadata: { ...modelMetadata(graph), training: JSON.stringify(packed) } };
}

/** `adam/m/conv2d/kernel` is a slot of `conv2d/kernel`. */
function weightOfSlot(name: string): string {
  return name.split("/").slice(2).join("/");
}

function weightTensors(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Map<string, SafeTensor> {
  return new Map(weightSpecs(graph).map(({ name, shape }) => [name, { shape, data: weights.get(name)! }]));
}
