/** Sums from which an epoch's loss and accuracies follow. */

/** Index of the first largest of n floats. */
export function firstMaximum(values: usize, n: i32): i32 {
  let best = 0;
  let largest = load<f32>(values);
  for (let i = 1; i < n; ++i) {
    const value = load<f32>(values + ((<usize>i) << 2));
    if (value > largest) {
      largest = value;
      best = i;
    }
  }
  return best;
}

/**
 * Adds one batch to totals, four float64: [lossSum, correct, topK, samples].
 *   lossSum  += Σ losses, in image order, + n·penalty[0]; penalty is the address of one float32, or 0 for none
 *   correct  += images whose first largest output is the label (or the label's first largest class, if dense)
 *   topK     += images with fewer than k outputs strictly greater than the label's
 * An image with NaN among its outputs is neither correct nor in the top k.
 * losses [n]; outputs [n, classes]; labels int32 [n], or float32 [n, classes] if dense. Split `once`: the range [0, 1).
 */
export function accumulateMetrics(
  totals: usize,
  losses: usize,
  outputs: usize,
  labels: usize,
  penalty: usize,
  labelsAreDense: i32,
  k: i32,
  n: i32,
  classes: i32,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  const rowBytes = (<usize>classes) << 2;
  let loss = load<f64>(totals);
  let correct = 0;
  let topK = 0;
  for (let i = 0; i < n; ++i) {
    loss += <f64>load<f32>(losses + ((<usize>i) << 2));
    const output = outputs + <usize>i * rowBytes;
    const label = labelsAreDense
      ? firstMaximum(labels + <usize>i * rowBytes, classes)
      : load<i32>(labels + ((<usize>i) << 2));
    const chosen = load<f32>(output + ((<usize>label) << 2));
    let greater = 0;
    let ordered = true;
    for (let c = 0; c < classes; ++c) {
      const value = load<f32>(output + ((<usize>c) << 2));
      if (value > chosen) greater++;
      if (F32.isNaN(value)) ordered = false;
    }
    if (ordered) {
      if (firstMaximum(output, classes) === label) correct++;
      if (greater < k) topK++;
    }
  }
  if (penalty) loss += <f64>n * <f64>load<f32>(penalty);
  store<f64>(totals, loss);
  store<f64>(totals, load<f64>(totals, 8) + <f64>correct, 8);
  store<f64>(totals, load<f64>(totals, 16) + <f64>topK, 16);
  store<f64>(totals, load<f64>(totals, 24) + <f64>n, 24);
}
