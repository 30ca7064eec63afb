/** Batch normalisation with constant statistics, folded into the linear layer before it: see src/models/fold.ts. */
import { inverseStdOf } from "./batchNormalization";

/**
 * y[k, f] = kernel[k, f]·gamma[f]/√(variance[f] + epsilon) for rows k in [begin, end); y, kernel [K, F]. Overwrites y.
 * work: F floats.
 */
export function foldKernel(
  y: usize,
  kernel: usize,
  variance: usize,
  gamma: usize,
  work: usize,
  epsilon: f32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  for (let f = 0; f < filters; ++f) {
    const at = (<usize>f) << 2;
    store<f32>(work + at, load<f32>(gamma + at) * inverseStdOf(variance, f, epsilon));
  }
  const width = (<usize>filters) << 2;
  for (let k = begin; k < end; ++k) {
    const row = <usize>k * width;
    let at: usize = 0;
    for (; at + 16 <= width; at += 16) {
      v128.store(y + row + at, f32x4.mul(v128.load(kernel + row + at), v128.load(work + at)));
    }
    for (; at < width; at += 4) {
      store<f32>(y + row + at, load<f32>(kernel + row + at) * load<f32>(work + at));
    }
  }
}

/**
 * y[f] = beta[f] + (bias[f] − mean[f])·gamma[f]/√(variance[f] + epsilon) for f in [begin, end). Overwrites y. Without a bias
 * (address 0) it is 0.
 */
export function foldBias(
  y: usize,
  bias: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  epsilon: f32,
  begin: i32,
  end: i32,
): void {
  for (let f = begin; f < end; ++f) {
    const at = (<usize>f) << 2;
    const b: f32 = bias ? load<f32>(bias + at) : 0;
    const scale = load<f32>(gamma + at) * inverseStdOf(variance, f, epsilon);
    store<f32>(y + at, load<f32>(beta + at) + (b - load<f32>(mean + at)) * scale);
  }
}
