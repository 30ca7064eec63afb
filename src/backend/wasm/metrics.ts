/** Records the running sums behind loss and accuracies: one worker, image by image, in float64. */
import { labelsAreDense } from "./crossEntropy.js";
import { all, once, outAll, type Recorder, type WasmTensor } from "./recorder.js";

export interface MetricTensors {
  /** float64 [4]: lossSum, correct, topK, samples; at a multiple of 8. Added to. */
  readonly totals: WasmTensor;
  /** [N] */
  readonly losses: WasmTensor;
  /** [N, K]: probabilities or logits, whose order is all that matters. */
  readonly outputs: WasmTensor;
  /** int32 [N] or float32 [N, K]. */
  readonly labels: WasmTensor;
  /** A scalar, counted once for each sample. */
  readonly penalty?: WasmTensor;
  /** Of top-k accuracy. */
  readonly k: number;
}

export function recordMetrics(recorder: Recorder, metrics: MetricTensors): void {
  const { totals, losses, outputs, labels, penalty, k } = metrics;
  const [n, classes] = outputs.shape;
  recorder.record(
    "accumulateMetrics",
    once,
    outAll(totals),
    all(losses),
    all(outputs),
    all(labels),
    penalty ? all(penalty) : 0,
    labelsAreDense(labels),
    k,
    n,
    classes,
  );
}
