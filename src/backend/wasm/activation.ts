/** Activation functions: element by element, but for softmax, which goes over rows of the last axis. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";

type Ops = Pick<
  Backend<WasmTensor>,
  | "relu"
  | "reluGradient"
  | "sigmoid"
  | "sigmoidGradient"
  | "tanh"
  | "tanhGradient"
  | "softmax"
  | "softmaxGradient"
>;

export function activationOps(recorder: Recorder): Ops {
  const forward = (kernel: string) => (x: WasmTensor) => {
    const y = recorder.tensor(x.shape);
    recorder.record(kernel, byImages(x.shape[0]), out(y), own(x), sizeOf(x.shape.slice(1)));
    return y;
  };
  const backward = (kernel: string) => (y: WasmTensor, dY: WasmTensor) => {
    const dX = recorder.tensor(y.shape);
    recorder.record(kernel, byImages(y.shape[0]), out(dX), own(y), own(dY), sizeOf(y.shape.slice(1)));
    return dX;
  };
  /** Rows of the last axis: those of an image stay with the worker that has the image when there is one row each. */
  const rows = (x: WasmTensor) => ({ count: sizeOf(x.shape.slice(0, -1)), classes: x.shape.at(-1)! });
  return {
    relu: forward("reluForward"),
    reluGradient: backward("reluBackward"),
    sigmoid: forward("sigmoidForward"),
    sigmoidGradient: backward("sigmoidBackward"),
    tanh: forward("tanhForward"),
    tanhGradient: backward("tanhBackward"),
    softmax(x) {
      const { count, classes } = rows(x);
      const y = recorder.tensor(x.shape);
      recorder.record("softmaxForward", byImages(count), out(y), own(x), classes);
      return y;
    },
    softmaxGradient(y, dY) {
      const { count, classes } = rows(y);
      const dX = recorder.tensor(y.shape);
      recorder.record("softmaxBackward", byImages(count), out(dX), own(y), own(dY), classes);
      return dX;
    },
  };
}
