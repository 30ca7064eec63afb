/** Where branches meet: addition and concatenation. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";

export function joinOps(
  recorder: Recorder,
): Pick<Backend<WasmTensor>, "add" | "concatenate" | "concatenateGradient"> {
  return {
    add(a, b) {
      const y = recorder.tensor(a.shape);
      const images = a.shape[0] ?? 1; // a scalar is one image of one value
      recorder.record("addForward", byImages(images), out(y), own(a), own(b), sizeOf(a.shape) / images);
      return y;
    },

    concatenate(xs) {
      const [first] = xs;
      const images = first.shape[0];
      const positions = sizeOf(first.shape.slice(1, -1));
      const channels = xs.reduce((sum, x) => sum + x.shape.at(-1)!, 0);
      const y = recorder.tensor([...first.shape.slice(0, -1), channels]);
      let offset = 0;
      for (const x of xs) {
        const narrow = x.shape.at(-1)!;
        recorder.record(
          "concatenatePart",
          byImages(images),
          out(y),
          own(x),
          positions,
          channels,
          narrow,
          offset,
        );
        offset += narrow;
      }
      return y;
    },

    concatenateGradient(dY, sizes) {
      const images = dY.shape[0];
      const positions = sizeOf(dY.shape.slice(1, -1));
      const channels = dY.shape.at(-1)!;
      let offset = 0;
      return sizes.map((size) => {
        const dX = recorder.tensor([...dY.shape.slice(0, -1), size]);
        recorder.record(
          "separatePart",
          byImages(images),
          out(dX),
          own(dY),
          positions,
          channels,
          size,
          offset,
        );
        offset += size;
        return dX;
      });
    },
  };
}
