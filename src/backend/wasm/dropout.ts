/** Dropout: seed and step come from the worker's step state, so that one program serves all steps. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, scratch, stepState, type WasmTensor } from "./recorder.js";

/** One call of the kernel's generator: 16 words. */
const WORDS_BYTES = 64;

export function dropoutOps(recorder: Recorder): Pick<Backend<WasmTensor>, "dropout" | "dropoutGradient"> {
  return {
    dropout(x, rate, stream) {
      const y = recorder.tensor(x.shape);
      const mask = recorder.tensor(x.shape, "uint8");
      recorder.record(
        "dropoutForward",
        byImages(x.shape[0]),
        out(y),
        out(mask),
        own(x),
        stepState,
        scratch(WORDS_BYTES),
        sizeOf(x.shape.slice(1)),
        Math.floor(rate * 2 ** 32),
        1 / (1 - rate),
        stream,
      );
      return { y, mask };
    },
    dropoutGradient(mask, dY, rate) {
      const dX = recorder.tensor(dY.shape);
      const size = sizeOf(dY.shape.slice(1));
      recorder.record(
        "dropoutBackward",
        byImages(dY.shape[0]),
        out(dX),
        own(mask),
        own(dY),
        size,
        1 / (1 - rate),
      );
      return dX;
    },
  };
}
