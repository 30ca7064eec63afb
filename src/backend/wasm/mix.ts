/** Records mixup and label smoothing. Split by images; mixup reads a neighbour's too. */
import { sizeOf } from "../../shape.js";
import { labelsAreDense } from "./crossEntropy.js";
import { all, byImages, out, type Recorder, stepState, type WasmTensor } from "./recorder.js";

/** λ·x[n] + (1 − λ)·x[n + 1], of the last image with the first. λ comes with the step state. */
export function mixImages(recorder: Recorder, x: WasmTensor): WasmTensor {
  const [n] = x.shape;
  const y = recorder.tensor(x.shape);
  recorder.record("mixImages", byImages(n), out(y), all(x), stepState, n, sizeOf(x.shape) / n);
  return y;
}

export interface Softening {
  /** s: labels become (1 − s)·label + s/K. */
  readonly smoothing: number;
  /** Mixed as mixImages mixes, before they are smoothed. */
  readonly mixes: boolean;
}

/** @param labels  int32 [N] class indices, or float32 [N, K]    @returns float32 [N, K] */
export function softenLabels(
  recorder: Recorder,
  labels: WasmTensor,
  classes: number,
  { smoothing, mixes }: Softening,
): WasmTensor {
  const [n] = labels.shape;
  const soft = recorder.tensor([n, classes]);
  recorder.record(
    "softenLabels",
    byImages(n),
    out(soft),
    all(labels),
    stepState,
    1 - smoothing,
    smoothing / classes,
    mixes ? 1 : 0,
    labelsAreDense(labels),
    n,
    classes,
  );
  return soft;
}
