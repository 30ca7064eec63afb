/** Records products and affine functions: each worker on its own images. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { all, byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";
import { channelSizes, channelSums } from "./sums.js";

type ElementwiseOps = Pick<Backend<WasmTensor>, "multiply" | "affine" | "multiplyChannels" | "channelSums">;

export function elementwiseOps(recorder: Recorder): ElementwiseOps {
  return {
    multiply(a, b) {
      const y = recorder.tensor(a.shape);
      const [images] = a.shape;
      recorder.record("multiplyForward", byImages(images), out(y), own(a), own(b), sizeOf(a.shape) / images);
      return y;
    },
    affine(x, factor, addend) {
      const y = recorder.tensor(x.shape);
      const [images] = x.shape;
      const size = sizeOf(x.shape) / images;
      recorder.record("affineForward", byImages(images), out(y), own(x), factor, addend, size);
      return y;
    },
    multiplyChannels(x, gain) {
      const y = recorder.tensor(x.shape);
      const { images, positions, channels } = channelSizes(x);
      recorder.record(
        "multiplyChannelsForward",
        byImages(images),
        out(y),
        own(x),
        all(gain),
        positions,
        channels,
      );
      return y;
    },
    channelSums: (x) => channelSums(recorder, x),
  };
}
