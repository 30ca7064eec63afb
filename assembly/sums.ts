/** Sums over all axes but the last, in two steps: within each image, then over the images. */
import { fold, periodOf, sumPeriods } from "./channels";

/**
 * y[n, c] = Σ_p x[n, p, c] for images n in [begin, end). x [N, P, C], y [N, C]; overwrites y.
 * work: scratch for a period of floats.
 */
export function channelSumsInImages(
  y: usize,
  x: usize,
  work: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = periodOf(channels);
  const size = positions * channels;
  for (let n = begin; n < end; ++n) {
    sumPeriods(work, x + ((<usize>n * <usize>size) << 2), size, period);
    fold(y + ((<usize>n * <usize>channels) << 2), work, channels, period);
  }
}

/** y[c] = Σ_r x[r, c] in order of r, for columns c in [begin, end). x [rows, C], y [C]; overwrites y. */
export function sumOfRows(y: usize, x: usize, rows: i32, channels: i32, begin: i32, end: i32): void {
  const width = (<usize>channels) << 2;
  let c = begin;
  for (; c + 16 <= end; c += 16) {
    let at = x + ((<usize>c) << 2);
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (let r = rows; r > 0; --r) {
      sum0 = f32x4.add(sum0, v128.load(at));
      sum1 = f32x4.add(sum1, v128.load(at, 16));
      sum2 = f32x4.add(sum2, v128.load(at, 32));
      sum3 = f32x4.add(sum3, v128.load(at, 48));
      at += width;
    }
    const to = y + ((<usize>c) << 2);
    v128.store(to, sum0);
    v128.store(to, sum1, 16);
    v128.store(to, sum2, 32);
    v128.store(to, sum3, 48);
  }
  for (; c < end; ++c) {
    let at = x + ((<usize>c) << 2);
    let sum: f32 = 0;
    for (let r = rows; r > 0; --r) {
      sum += load<f32>(at);
      at += width;
    }
    store<f32>(y + ((<usize>c) << 2), sum);
  }
}
