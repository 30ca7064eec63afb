/** The wasm backend: every operation, recorded instead of computed. One file a family; here they come together. */
import type { Backend } from "../backend.js";
import { activationOps } from "./activation.js";
import { batchNormalizationOps } from "./batchNormalization.js";
import { convolutionOps } from "./conv2d.js";
import { crossEntropyOps } from "./crossEntropy.js";
import { denseOps } from "./dense.js";
import { dropoutOps } from "./dropout.js";
import { elementwiseOps } from "./elementwise.js";
import { joinOps } from "./join.js";
import { l2Ops } from "./l2.js";
import { leakyReLUOps } from "./leakyReLU.js";
import { poolingOps } from "./pooling.js";
import type { Recorder, WasmTensor } from "./recorder.js";
import { countingWork } from "./work.js";

export function wasmBackend(recorder: Recorder): Backend<WasmTensor> {
  return {
    ...countingWork(recorder, { ...convolutionOps(recorder), ...denseOps(recorder) }),
    ...batchNormalizationOps(recorder),
    ...activationOps(recorder),
    ...leakyReLUOps(recorder),
    ...poolingOps(recorder),
    ...dropoutOps(recorder),
    ...joinOps(recorder),
    ...elementwiseOps(recorder),
    ...crossEntropyOps(recorder),
    ...l2Ops(recorder),
    reshape: (x, shape) => recorder.view(x, shape),
  };
}
