/** The formats that need neither files nor zlib: from bytes, to bytes. `cbapd/formats` in a page. */
export { type ByteSource, bytesSource } from "./byteSource.js";
export { decodeNpy, encodeNpy, type NpyArray, type NpyData, type NpyType } from "./npy.js";
export {
  encodeSafetensors,
  parseSafetensors,
  parseTypedSafetensors,
  type SafeTensor,
  type SafeTensors,
  type TypedTensor,
} from "./safetensors.js";
