/**
 * Model files of other tools, and the files that they are made of: public as `cbapd/formats`. A page has what browser.ts exports, from
 * bytes and to bytes.
 */
export * from "../export/index.js";
export { writeFileAtomic } from "./atomicFile.js";
export * from "./browser.js";
export { readNpy, writeNpy } from "./npy.js";
export {
  encodeNpz,
  type NpzReadOptions,
  type NpzWriteOptions,
  parseNpz,
  readNpz,
  writeNpz,
} from "./npz.js";
export { readSafetensors, readTypedSafetensors, writeSafetensors } from "./safetensors.js";
