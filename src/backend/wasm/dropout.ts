/** Records dropout. Seed and step come with the step state, so that the program stays the same. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, scratch, stepState, type WasmTensor } from "./recorder.js";

/** Thirty-two random words. */
const WORK_BYTES = 128;

export function dropoutOps(recorder: Recorder): Pick<Backend<WasmTensor>, "dropout" | "dropoutGradient"> {
  return {
    dropout(x, rate, stream) {
      const images = x.shape[0];
      const y = recorder.tensor(x.shape);
      const mask = recorder.tensor(x.shape, "uint8");
      recorder.record(
        "dropoutForward",
        byImages(images),
        out(y),
        out(mask),
        own(x),
        scratch(WORK_BYTES),
        stepState,
        Math.floor(rate * 0x100000000),
        1 / (1 - rate),
        stream,
        sizeOf(x.shape) / images,
      );
      return { y, mask };
    },

    dropoutGradient(mask, dY, rate) {
      const images = dY.shape[0];
      const dX = recorder.tensor(dY.shape);
      recorder.record(
        "dropoutBackward",
        byImages(images),
        out(dX),
        own(mask),
        own(dY),
        1 / (1 - rate),
        sizeOf(dY.shape) / images,
      );
      return dX;
    },
  };
}
