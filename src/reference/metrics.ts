/** What an epoch reports: sums over samples, from which means follow. */
import type { NDArray } from "./ndarray.js";

/** Sums over the samples seen. Loss, accuracy and top-k accuracy are the first three over `samples`. */
export interface MetricTotals {
  loss: number;
  correct: number;
  topK: number;
  samples: number;
}

/**
 * Adds one batch to the totals, in place.
 *   loss     Σ losses + N·penalty: a penalty counts once for each sample, so that the mean contains it once
 *   correct  images whose first largest output is the label
 *   topK     images with fewer than k outputs strictly greater than the label's: ties count in the label's favour
 * An image with NaN among its outputs has no order, so it is neither correct nor in the top k.
 * @param labels  class indices [N], or distributions [N, K], which count as their first largest class
 */
export function accumulateMetrics(
  totals: MetricTotals,
  losses: NDArray,
  outputs: NDArray,
  labels: NDArray,
  penalty: number,
  k: number,
): void {
  const [N, K] = outputs.shape;
  for (let n = 0; n < N; n++) {
    const output = outputs.data.subarray(n * K, (n + 1) * K);
    const label =
      labels.shape.length === 2 ? firstMaximum(labels.data.subarray(n * K, (n + 1) * K)) : labels.data[n];
    totals.loss += losses.data[n];
    if (output.some(Number.isNaN)) continue;
    if (firstMaximum(output) === label) totals.correct++;
    if (output.filter((value) => value > output[label]).length < k) totals.topK++;
  }
  totals.loss += N * penalty;
  totals.samples += N;
}

function firstMaximum(values: Float64Array): number {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}
