/** The library's face in Node: what it offers everywhere, and what needs files. */
import { readModel } from "./train/checkpoint.js";
import { Model } from "./train/model.js";
import type { RunJson } from "./train/runJson.js";

/** A model file that `save` wrote, or a checkpoint of a run. @throws FileError */
export async function loadModel(path: string): Promise<Model> {
  const { graph, weights } = await readModel(path);
  return new Model(graph, weights);
}

/** A fresh network from a file that holds what Keras' `model.to_json()` gave. @throws FileError */
export async function loadKerasModel(path: string): Promise<Model> {
  const { readKerasModel } = await import("./train/kerasFile.js");
  return new Model(await readKerasModel(path));
}

/** @param advice what the user can do when it is damaged @throws FileError */
export async function readRunJson(path: string, advice: string): Promise<RunJson> {
  return (await import("./train/runJson.js")).readRunJson(path, advice);
}

export * from "./common.js";
export * as datasets from "./data/index.js";
export { writeFileAtomic } from "./formats/atomicFile.js";
export type { Files, WritableFile } from "./formats/files.js";
export { type FolderLock, lockFolder } from "./formats/folderLock.js";
export { type NpyArray, type NpyType, readNpy, writeNpy } from "./formats/npy.js";
export { type NpzReadOptions, type NpzWriteOptions, readNpz, writeNpz } from "./formats/npz.js";
export { loadTrainingState, saveModel, saveTrainingState } from "./train/checkpoint.js";
export { csvLogger, type ModelCheckpointOptions, modelCheckpoint } from "./train/fileCallbacks.js";
export type { RunJson } from "./train/runJson.js";
export { cutLines, jsonLogger, type TensorBoardOptions, tensorBoard } from "./train/watchCallbacks.js";
