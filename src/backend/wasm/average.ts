/** Records moving averages of weights. */
import { byElements } from "./optimizer.js";
import { out, own, type Recorder, stepState, type WasmTensor } from "./recorder.js";

/** The moving average of weights, after their update. */
export function recordAverage(
  recorder: Recorder,
  average: WasmTensor,
  weights: WasmTensor,
  momentum: number,
): void {
  recorder.record("averageWeights", byElements(weights), out(average), own(weights), stepState, momentum);
}
