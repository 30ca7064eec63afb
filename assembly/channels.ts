/**
 * Per-channel work on rows of C floats, seen as one flat array.
 *
 * Rows fill whole vectors only when 4 divides C. A *period* is the least multiple of C that is also one of 16: so many
 * floats hold whole rows and whole vectors alike. A channel's constants, laid out over one period in scratch, meet the
 * flat array vector by vector, whatever C is; and a period's lane sums give the channels' when its copies are added.
 */

/** Floats in a period: C doubled until 16 divides it, which is lcm(C, 16) ≤ 16·C. */
export function periodOf(channels: i32): i32 {
  let period = channels;
  while ((period & 15) !== 0) period <<= 1;
  return period;
}

/** Repeats the first `channels` floats at `at` over the whole period. */
export function spread(at: usize, channels: i32, period: i32): void {
  const ahead = (<usize>channels) << 2;
  for (let i = channels; i < period; ++i) {
    const to = at + ((<usize>i) << 2);
    store<f32>(to, load<f32>(to - ahead));
  }
}

/** y[c] = Σ_k sums[k·C + c], in order of k: what the lanes of a period have summed, for each channel. */
export function fold(y: usize, sums: usize, channels: i32, period: i32): void {
  const rowBytes = (<usize>channels) << 2;
  const last = (<usize>period) << 2;
  let c: usize = 0;
  for (; c + 16 <= rowBytes; c += 16) {
    let sum = v128.load(sums + c);
    for (let i = c + rowBytes; i < last; i += rowBytes) sum = f32x4.add(sum, v128.load(sums + i));
    v128.store(y + c, sum);
  }
  for (; c < rowBytes; c += 4) {
    let sum: f32 = load<f32>(sums + c);
    for (let i = c + rowBytes; i < last; i += rowBytes) sum += load<f32>(sums + i);
    store<f32>(y + c, sum);
  }
}

/**
 * sums[j] = Σ_i x[i·period + j] over a flat array of `size` floats, its incomplete last period included; overwrites sums.
 * Four periods at a time, then what is left one by one: an order that depends on the sizes alone.
 */
export function sumPeriods(sums: usize, x: usize, size: i32, period: i32): void {
  const width = (<usize>period) << 2;
  memory.fill(sums, 0, width);
  let row = x;
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
}
