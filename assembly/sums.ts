/** Sums over all axes but the last, in two steps whose order depends on the batch alone: within images, then over them. */
import { sumChannels } from "./channels";

/** partials[n, c] = Σ over image n's positions of x[n, ·, c]. `scratch` takes lcm(channels, 4) floats. */
export function imageChannelSums(
  partials: usize,
  x: usize,
  scratch: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const image = (<usize>positions * channels) << 2;
  for (let n = begin; n < end; n++) {
    const sums = partials + ((<usize>n * channels) << 2);
    sumChannels(sums, x + <usize>n * image, scratch, positions, channels);
  }
}

/** sums[c] = Σ_n partials[n, c] in image order, accumulated in float64, c in [begin, end). */
export function combineChannelSums(
  sums: usize,
  partials: usize,
  images: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  for (let c = begin; c < end; c++) {
    store<f32>(sums + ((<usize>c) << 2), <f32>columnSum(partials, images, channels, c));
  }
}

/** Σ_n values[n, c] in float64. */
export function columnSum(values: usize, rows: i32, columns: i32, c: i32): f64 {
  let at = values + ((<usize>c) << 2);
  let sum: f64 = 0;
  for (; rows > 0; rows--) {
    sum += <f64>load<f32>(at);
    at += (<usize>columns) << 2;
  }
  return sum;
}
