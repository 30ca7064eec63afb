/** Records the leaky rectifier and its gradient: each worker on its own images. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";

export function leakyReLUOps(
  recorder: Recorder,
): Pick<Backend<WasmTensor>, "leakyReLU" | "leakyReLUGradient"> {
  return {
    leakyReLU(x, alpha) {
      const images = x.shape[0];
      const y = recorder.tensor(x.shape);
      recorder.record("leakyReLUForward", byImages(images), out(y), own(x), alpha, sizeOf(x.shape) / images);
      return y;
    },
    leakyReLUGradient(y, dY, alpha) {
      const images = y.shape[0];
      const dX = recorder.tensor(y.shape);
      recorder.record(
        "leakyReLUBackward",
        byImages(images),
        out(dX),
        own(y),
        own(dY),
        alpha,
        sizeOf(y.shape) / images,
      );
      return dX;
    },
  };
}
