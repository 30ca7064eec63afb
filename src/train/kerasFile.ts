/** A file of Keras' JSON: bounded before it is read. */
import { readFile, stat } from "node:fs/promises";
import { FileError } from "../errors.js";
import type { Graph } from "../models/graph.js";
import { MAX_BYTES, parseKerasModel, tooLarge } from "./kerasText.js";

/** @throws FileError */
export async function readKerasModel(path: string): Promise<Graph> {
  let text: string;
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new FileError(`${path} is no regular file.`, { code: "FILE_NOT_REGULAR" });
    if (info.size > MAX_BYTES) throw tooLarge(path, info.size);
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE";
    throw new FileError(`${path} cannot be read: ${(cause as Error).message}.`, { cause, code });
  }
  return parseKerasModel(text, path);
}
