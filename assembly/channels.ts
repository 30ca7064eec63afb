/**
 * Per-channel vectors against a stream of values, channel by channel. Where the number of channels C is no multiple of
 * four, vectors are laid out over a period of lcm(C, 4) values, so that the stream is read in whole vectors all the same.
 */

/** lcm(channels, 4): values after which channels and vector lanes meet again. */
export function periodOf(channels: i32): i32 {
  if ((channels & 3) == 0) return channels;
  return (channels & 1) == 0 ? channels * 2 : channels * 4;
}

/** Repeats values[0 … channels) up to the period. May be in place. */
export function repeat(to: usize, values: usize, channels: i32): void {
  const period = periodOf(channels);
  for (let i = 0; i < period; i++) {
    const value = load<f32>(values + ((<usize>(i % channels)) << 2));
    store<f32>(to + ((<usize>i) << 2), value);
  }
}

/** sums[c] = the sums of channel c over the period's repetitions, in order. */
export function fold(sums: usize, accumulator: usize, channels: i32): void {
  const period = periodOf(channels);
  for (let c = 0; c < channels; c++) {
    let sum: f32 = 0;
    for (let i = c; i < period; i += channels) sum += load<f32>(accumulator + ((<usize>i) << 2));
    store<f32>(sums + ((<usize>c) << 2), sum);
  }
}

/**
 * Sums each channel of `positions`·C values at x into sums [C]. `accumulator` takes a period of floats. Rows of four
 * periods are added among themselves first: fewer roundings in a row, and a quarter of the traffic.
 */
export function sumChannels(sums: usize, x: usize, accumulator: usize, positions: i32, channels: i32): void {
  const period = (<usize>periodOf(channels)) << 2;
  const end = x + ((<usize>positions * channels) << 2);
  memory.fill(accumulator, 0, period);
  for (; x + 4 * period <= end; x += 3 * period) {
    for (let at: usize = 0; at < period; at += 16, x += 16) {
      const low = f32x4.add(v128.load(x), v128.load(x + period));
      const high = f32x4.add(v128.load(x + 2 * period), v128.load(x + 3 * period));
      const held = v128.load(accumulator + at);
      v128.store(accumulator + at, f32x4.add(held, f32x4.add(low, high)));
    }
  }
  for (; x < end; ) {
    const span = min(period, end - x);
    let at: usize = 0;
    for (; at < span; at += 4, x += 4) {
      store<f32>(accumulator + at, load<f32>(accumulator + at) + load<f32>(x));
    }
  }
  fold(sums, accumulator, channels);
}
