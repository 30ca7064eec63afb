/** The taps of a piece of a kernel as buffers [taps, rows, 8] side by side, ready to be transformed. */

/** Rows [first, first + rows) of a panel of 8 filters: kernel [taps, C, F] → to [taps, rows, 8]. */
export function kernelPanel(
  to: usize,
  kernel: usize,
  taps: usize,
  channels: i32,
  filters: i32,
  panel: i32,
  first: i32,
  rows: i32,
): void {
  const rowBytes = (<usize>filters) << 2;
  const tapBytes = <usize>channels * rowBytes;
  const bytes = (<usize>rows) << 5;
  for (let tap: usize = 0; tap < taps; tap++) {
    let from = kernel + tap * tapBytes + <usize>first * rowBytes + ((<usize>panel) << 5);
    for (let at: usize = 0; at < bytes; at += 32) {
      v128.store(to + at, v128.load(from));
      v128.store(to + at, v128.load(from, 16), 16);
      from += rowBytes;
    }
    to += bytes;
  }
}

/**
 * The same of the kernel that takes dY back to dX: flipped in both directions, channels and filters exchanged. Filters
 * [first, first + rows) of a panel of 8 channels: kernel [taps, C, F] → to [taps, rows, 8]; rows a multiple of 4.
 */
export function kernelPanelTransposed(
  to: usize,
  kernel: usize,
  taps: usize,
  channels: i32,
  filters: i32,
  panel: i32,
  first: i32,
  rows: i32,
): void {
  const rowBytes = (<usize>filters) << 2;
  const tapBytes = <usize>channels * rowBytes;
  const bytes = (<usize>rows) << 5;
  for (let tap: usize = 0; tap < taps; tap++) {
    const from = kernel + (taps - 1 - tap) * tapBytes + <usize>(8 * panel) * rowBytes + ((<usize>first) << 2);
    transposePanel(to, from, rowBytes, rows);
    transposePanel(to + 16, from + 4 * rowBytes, rowBytes, rows);
    to += bytes;
  }
}

/** Four rows of `count` floats (a multiple of 4), `stride` bytes apart, become half of a panel: `count` rows of four. */
function transposePanel(to: usize, from: usize, stride: usize, count: i32): void {
  for (let k = 0; k < count; k += 4) {
    const a = v128.load(from);
    const b = v128.load(from + stride);
    const c = v128.load(from + 2 * stride);
    const d = v128.load(from + 3 * stride);
    const ab01 = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const ab23 = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const cd01 = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const cd23 = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(to, i32x4.shuffle(ab01, cd01, 0, 1, 4, 5));
    v128.store(to, i32x4.shuffle(ab01, cd01, 2, 3, 6, 7), 32);
    v128.store(to, i32x4.shuffle(ab23, cd23, 0, 1, 4, 5), 64);
    v128.store(to, i32x4.shuffle(ab23, cd23, 2, 3, 6, 7), 96);
    from += 16;
    to += 128;
  }
}
