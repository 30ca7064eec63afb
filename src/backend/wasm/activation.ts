/** Records activation functions and their gradients: each worker on its own images. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";
import { channelSizes } from "./sums.js";

type ActivationOps = Pick<
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

export function activationOps(recorder: Recorder): ActivationOps {
  /** One output like the inputs, element by element. */
  function elementwise(kernel: string, ...inputs: WasmTensor[]): WasmTensor {
    const { shape } = inputs[0];
    const result = recorder.tensor(shape);
    const images = shape[0];
    recorder.record(kernel, byImages(images), out(result), ...inputs.map(own), sizeOf(shape) / images);
    return result;
  }

  /** One output like the inputs, row by row of the last axis. */
  function rowwise(kernel: string, ...inputs: WasmTensor[]): WasmTensor {
    const { images, positions, channels } = channelSizes(inputs[0]);
    const result = recorder.tensor(inputs[0].shape);
    recorder.record(kernel, byImages(images), out(result), ...inputs.map(own), positions, channels);
    return result;
  }

  return {
    relu: (x) => elementwise("reluForward", x),
    reluGradient: (y, dY) => elementwise("reluBackward", y, dY),
    sigmoid: (x) => elementwise("sigmoidForward", x),
    sigmoidGradient: (y, dY) => elementwise("sigmoidBackward", y, dY),
    tanh: (x) => elementwise("tanhForward", x),
    tanhGradient: (y, dY) => elementwise("tanhBackward", y, dY),
    softmax: (x) => rowwise("softmaxForward", x),
    softmaxGradient: (y, dY) => rowwise("softmaxBackward", y, dY),
  };
}
