/** Sums over all axes but the last, in two steps: within each image, then over the images. */
import { clear, fold, periodOf } from "./channels";

/**
 * y[n, c] = Σ_p x[n, p, c] for images n in [begin, end). x [N, P, C], y [N, C]; overwrites y.
 * The period's lanes are summed four periods at a time, then what is left one by one: an order that depends on P and C
 * alone. sums: scratch for a period of floats.
 */
export function channelSumsInImages(
  y: usize,
  x: usize,
  sums: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = periodOf(channels);
  const width = (<usize>period) << 2;
  const size = positions * channels;
  for (let n = begin; n < end; ++n) {
    clear(sums, period);
    let row = x + ((<usize>n * <usize>size) << 2);
    let left = size;
    for (; left >= 4 * period; left -= 4 * period) {
      for (let j: usize = 0; j < width; j += 16) {
        const at = row + j;
        const low = f32x4.add(v128.load(at), v128.load(at + width));
        const high = f32x4.add(v128.load(at + 2 * width), v128.load(at + 3 * width));
        v128.store(sums + j, f32x4.add(v128.load(sums + j), f32x4.add(low, high)));
      }
      row += 4 * width;
    }
    for (; left >= period; left -= period) {
      for (let j: usize = 0; j < width; j += 16) {
        v128.store(sums + j, f32x4.add(v128.load(sums + j), v128.load(row + j)));
      }
      row += width;
    }
    const rest = (<usize>left) << 2;
    for (let j: usize = 0; j < rest; j += 4) store<f32>(sums + j, load<f32>(sums + j) + load<f32>(row + j));
    fold(y + ((<usize>n * <usize>channels) << 2), sums, channels, period);
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
