/** Weights as NumPy arrays, under their own names: `numpy.load("net.npz")["conv2d/kernel"]`. */
import { FileError, show } from "../errors.js";
import type { NpyArray } from "../formats/npy.js";
import { type NpzWriteOptions, readNpz, writeNpz } from "../formats/npz.js";
import { weightSpecs } from "../models/graph.js";
import type { FoundTensor } from "./kerasWeights.js";
import type { Network } from "./network.js";

/** Replaces the file atomically. @throws FileError */
export async function writeNpzWeights(
  path: string,
  { graph, weights }: Network,
  options: NpzWriteOptions = {},
): Promise<void> {
  const arrays = weightSpecs(graph).map(({ name, shape }): [string, NpyArray] => [
    name,
    { type: "f4", shape, data: weights.get(name)! as Float32Array<ArrayBuffer> },
  ]);
  await writeNpz(path, new Map(arrays), options);
}

/** float64 is rounded to float32, and a remark says so. @throws FileError */
export async function readNpzWeights(
  path: string,
): Promise<{ tensors: Map<string, FoundTensor>; remarks: readonly string[] }> {
  const tensors = new Map<string, FoundTensor>();
  let rounded = 0;
  for (const [name, { type, shape, data }] of await readNpz(path)) {
    if (!(data instanceof Float32Array || data instanceof Float64Array)) {
      throw new FileError(`${path}: ${show(name)} has type ${type}; weights are f4 or f8.`, {
        code: "NPY_DTYPE",
      });
    }
    if (data instanceof Float64Array) rounded++;
    tensors.set(name, { name, shape, data: data instanceof Float32Array ? data : Float32Array.from(data) });
  }
  const remarks = rounded > 0 ? [`${rounded} arrays were float64, and have been rounded to float32`] : [];
  return { tensors, remarks };
}
