/** Max pooling, NHWC. Images [begin, end). */

/**
 * y = the largest element of each window, argMax = its flat index within its image [H, W, C], int32.
 * Ties go to the first maximum in row-major order; a NaN in the window wins, the first one if there are several.
 * x [N, H, W, C]; y, argMax [N, Ho, Wo, C], overwritten; no aliasing. Every window must meet the input.
 */
export function maxPoolForward(
  y: usize,
  argMax: usize,
  x: usize,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  padTop: i32,
  padLeft: i32,
  H: i32,
  W: i32,
  C: i32,
  Ho: i32,
  Wo: i32,
  begin: i32,
  end: i32,
): void {
  const pixelBytes = (<usize>C) << 2;
  const rowBytes = <usize>W * pixelBytes;
  let at = <usize>begin * <usize>Ho * <usize>Wo * pixelBytes; // into y and argMax
  for (let n = begin; n < end; ++n) {
    const image = x + <usize>n * <usize>H * rowBytes;
    for (let i = 0; i < Ho; ++i) {
      const top = max(i * sh - padTop, 0);
      const rows = min(i * sh - padTop + kh, H) - top;
      for (let j = 0; j < Wo; ++j) {
        const left = max(j * sw - padLeft, 0);
        const columns = min(j * sw - padLeft + kw, W) - left;
        const first = (top * W + left) * C; // index of the window's first element, channel 0
        const corner = image + ((<usize>first) << 2);
        let c = 0;
        for (; c + 16 <= C; c += 16) {
          const channel = (<usize>c) << 2;
          pool16(y + at + channel, argMax + at + channel, corner + channel, first + c, rows, columns, W, C);
        }
        if (C >= 4) {
          // The last 1 to 3 channels are done as the last four: where those overlap the others, the values are the same.
          for (; c < C; c += 4) {
            c = min(c, C - 4);
            const channel = (<usize>c) << 2;
            pool4(y + at + channel, argMax + at + channel, corner + channel, first + c, rows, columns, W, C);
          }
        }
        for (; c < C; ++c) {
          const channel = (<usize>c) << 2;
          pool1(y + at + channel, argMax + at + channel, corner + channel, first + c, rows, columns, W, C);
        }
        at += pixelBytes;
      }
    }
  }
}

/** Lanes where v replaces best: v is greater or NaN, and best is no NaN. */
function replaces(v: v128, best: v128): v128 {
  return v128.andnot(f32x4.eq(best, best), f32x4.le(v, best));
}

/** One window, 16 channels: a cache line, and enough work to hide the window's loop. */
function pool16(
  y: usize,
  argMax: usize,
  corner: usize,
  first: i32,
  rows: i32,
  columns: i32,
  W: i32,
  C: i32,
): void {
  const pixelBytes = (<usize>C) << 2;
  let best0 = v128.load(corner);
  let best1 = v128.load(corner, 16);
  let best2 = v128.load(corner, 32);
  let best3 = v128.load(corner, 48);
  let where0 = i32x4.splat(first);
  let where1 = where0;
  let where2 = where0;
  let where3 = where0;
  for (let a = 0; a < rows; ++a) {
    let from = corner + <usize>(a * W) * pixelBytes;
    let index = first + a * W * C;
    for (let b = 0; b < columns; ++b) {
      const here = i32x4.splat(index);
      let v = v128.load(from);
      let mask = replaces(v, best0);
      best0 = v128.bitselect(v, best0, mask);
      where0 = v128.bitselect(here, where0, mask);
      v = v128.load(from, 16);
      mask = replaces(v, best1);
      best1 = v128.bitselect(v, best1, mask);
      where1 = v128.bitselect(here, where1, mask);
      v = v128.load(from, 32);
      mask = replaces(v, best2);
      best2 = v128.bitselect(v, best2, mask);
      where2 = v128.bitselect(here, where2, mask);
      v = v128.load(from, 48);
      mask = replaces(v, best3);
      best3 = v128.bitselect(v, best3, mask);
      where3 = v128.bitselect(here, where3, mask);
      from += pixelBytes;
      index += C;
    }
  }
  v128.store(y, best0);
  v128.store(y, best1, 16);
  v128.store(y, best2, 32);
  v128.store(y, best3, 48);
  v128.store(argMax, i32x4.add(where0, i32x4(0, 1, 2, 3)));
  v128.store(argMax, i32x4.add(where1, i32x4(4, 5, 6, 7)), 16);
  v128.store(argMax, i32x4.add(where2, i32x4(8, 9, 10, 11)), 32);
  v128.store(argMax, i32x4.add(where3, i32x4(12, 13, 14, 15)), 48);
}

/** One window, 4 channels. */
function pool4(
  y: usize,
  argMax: usize,
  corner: usize,
  first: i32,
  rows: i32,
  columns: i32,
  W: i32,
  C: i32,
): void {
  const pixelBytes = (<usize>C) << 2;
  let best = v128.load(corner);
  let where = i32x4.splat(first);
  for (let a = 0; a < rows; ++a) {
    let from = corner + <usize>(a * W) * pixelBytes;
    let index = first + a * W * C;
    for (let b = 0; b < columns; ++b) {
      const v = v128.load(from);
      const mask = replaces(v, best);
      best = v128.bitselect(v, best, mask);
      where = v128.bitselect(i32x4.splat(index), where, mask);
      from += pixelBytes;
      index += C;
    }
  }
  v128.store(y, best);
  v128.store(argMax, i32x4.add(where, i32x4(0, 1, 2, 3)));
}

/** One window, 1 channel. */
function pool1(
  y: usize,
  argMax: usize,
  corner: usize,
  first: i32,
  rows: i32,
  columns: i32,
  W: i32,
  C: i32,
): void {
  const pixelBytes = (<usize>C) << 2;
  let best = load<f32>(corner);
  let where = first;
  for (let a = 0; a < rows; ++a) {
    let from = corner + <usize>(a * W) * pixelBytes;
    let index = first + a * W * C;
    for (let b = 0; b < columns; ++b) {
      const v = load<f32>(from);
      if (!(v <= best) && !F32.isNaN(best)) {
        best = v;
        where = index;
      }
      from += pixelBytes;
      index += C;
    }
  }
  store<f32>(y, best);
  store<i32>(argMax, where);
}

/**
 * dX = 0, then dX[argMax] += dY, output by output in row-major order: where windows overlap, it adds.
 * dX [N, inputs], overwritten; argMax, dY [N, outputs]; inputs = H·W·C, outputs = Ho·Wo·C. No aliasing.
 */
export function maxPoolBackward(
  dX: usize,
  argMax: usize,
  dY: usize,
  inputs: i32,
  outputs: i32,
  begin: i32,
  end: i32,
): void {
  const imageBytes = (<usize>inputs) << 2;
  for (let n = begin; n < end; ++n) {
    const image = dX + <usize>n * imageBytes;
    memory.fill(image, 0, imageBytes);
    const from = (<usize>n * <usize>outputs) << 2;
    for (let k = 0; k < outputs; ++k) {
      const at = from + ((<usize>k) << 2);
      const target = image + ((<usize>load<i32>(argMax + at)) << 2);
      store<f32>(target, load<f32>(target) + load<f32>(dY + at));
    }
  }
}
