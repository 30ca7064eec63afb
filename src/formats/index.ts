/** Model files of other tools, and the files that they are made of: public as `cbapd/formats`. */
export * from "../export/index.js";
export { writeFileAtomic } from "./atomicFile.js";
export { type NpyArray, type NpyData, type NpyType, readNpy, writeNpy } from "./npy.js";
export { type NpzReadOptions, type NpzWriteOptions, readNpz, writeNpz } from "./npz.js";
export {
  readSafetensors,
  readTypedSafetensors,
  type SafeTensor,
  type SafeTensors,
  type TypedTensor,
  writeSafetensors,
} from "./safetensors.js";
