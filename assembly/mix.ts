/** Mixup and label smoothing. Images [begin, end) of a batch of N; the neighbour of image n is n + 1, of the last the first. */
import { STATE_MIXTURE } from "./state";

/** y[n] = λ·x[n] + (1 − λ)·x[neighbour]. λ is in the step state. y, x [N, size]; y, overwritten, may not alias x. */
export function mixImages(
  y: usize,
  x: usize,
  stepState: usize,
  N: i32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const own = load<f32>(stepState + STATE_MIXTURE);
  const other: f32 = <f32>1 - own;
  const bytes = (<usize>size) << 2;
  for (let n = begin; n < end; ++n) {
    const a = x + <usize>n * bytes;
    const b = x + (n + 1 < N ? <usize>(n + 1) * bytes : 0);
    const to = y + <usize>n * bytes;
    let i: usize = 0; // in bytes
    for (; i + 16 <= bytes; i += 16) {
      const first = f32x4.mul(f32x4.splat(own), v128.load(a + i));
      v128.store(to + i, f32x4.add(first, f32x4.mul(f32x4.splat(other), v128.load(b + i))));
    }
    for (; i < bytes; i += 4) store<f32>(to + i, own * load<f32>(a + i) + other * load<f32>(b + i));
  }
}

/**
 * soft[n, k] = keep·label[n, k] + floor, where with mixes ≠ 0 λ·label[n, k] + (1 − λ)·label[neighbour, k] stands for label.
 * soft [N, K], overwritten; labels int32 [N], or float32 [N, K] if dense.
 */
export function softenLabels(
  soft: usize,
  labels: usize,
  stepState: usize,
  keep: f32,
  floor: f32,
  mixes: i32,
  dense: i32,
  N: i32,
  K: i32,
  begin: i32,
  end: i32,
): void {
  const own = load<f32>(stepState + STATE_MIXTURE);
  const other: f32 = <f32>1 - own;
  for (let n = begin; n < end; ++n) {
    const neighbour = n + 1 < N ? n + 1 : 0;
    for (let k = 0; k < K; ++k) {
      let label = labelAt(labels, dense, n, k, K);
      if (mixes) label = own * label + other * labelAt(labels, dense, neighbour, k, K);
      store<f32>(soft + ((<usize>n * <usize>K + <usize>k) << 2), keep * label + floor);
    }
  }
}

/** Label of image n for class k: from distributions when dense, else 1 at the class index. */
function labelAt(labels: usize, dense: i32, n: i32, k: i32, K: i32): f32 {
  if (dense) return load<f32>(labels + ((<usize>n * <usize>K + <usize>k) << 2));
  return load<i32>(labels + ((<usize>n) << 2)) === k ? 1 : 0;
}
