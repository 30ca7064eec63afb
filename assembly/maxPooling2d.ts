/** Max pooling, NHWC. Images [begin, end). */
import { better, holdsNaN, holdsNaNOrMinusZero, poolRun, RUN, replaces } from "./maxPoolRuns";

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
  const whole = pixelBytes & ~63;
  const slides = kh == 3 && kw == 3 && sw == 1 && padLeft <= 1 && C >= 4;
  let at = <usize>begin * <usize>Ho * <usize>Wo * pixelBytes; // into y and argMax
  for (let n = begin; n < end; ++n) {
    const image = x + <usize>n * <usize>H * rowBytes;
    if (slides && !holdsNaNOrMinusZero(image, <usize>H * rowBytes)) {
      for (let i = 0; i < Ho; ++i) {
        const top = i * sh - padTop;
        const row = image + <usize>max(top, 0) * rowBytes;
        const below = image + <usize>min(max(top + 1, 0), H - 1) * rowBytes - row;
        const last = image + <usize>min(top + 2, H - 1) * rowBytes - row;
        for (let j = 0; j < Wo; j += RUN) {
          const column = max(j - padLeft, 0);
          const pad = j == 0 ? padLeft : 0;
          const count = min(Wo - j, RUN);
          const corner = row + <usize>column * pixelBytes;
          for (let c: usize = 0; c < pixelBytes; c += 16) {
            c = min(c, pixelBytes - 16); // the last 1 to 3 channels are done as the last four, as below
            const from = corner + c;
            const first = <i32>((from - image) >> 2);
            poolRun(
              y + at + c,
              argMax + at + c,
              from,
              first,
              below,
              last,
              pixelBytes,
              pad,
              W - column,
              count,
            );
          }
          at += <usize>count * pixelBytes;
        }
      }
      continue;
    }
    // Looking for NaNs first pays when windows overlap, so that each value is compared several times.
    const careful = slides || kh * kw < 2 * sh * sw || whole == 0 || holdsNaN(image, <usize>H * rowBytes);
    for (let i = 0; i < Ho; ++i) {
      const top = max(i * sh - padTop, 0);
      const rows = min(i * sh - padTop + kh, H) - top;
      for (let j = 0; j < Wo; ++j) {
        const left = max(j * sw - padLeft, 0);
        const columns = min(j * sw - padLeft + kw, W) - left;
        const corner = image + <usize>top * rowBytes + <usize>left * pixelBytes;
        const skip = rowBytes - <usize>columns * pixelBytes;
        let c: usize = 0; // in bytes
        for (; c < whole; c += 64) {
          if (careful) {
            poolCareful16(y + at + c, argMax + at + c, image, corner + c, rows, columns, pixelBytes, skip);
          } else {
            pool16(y + at + c, argMax + at + c, image, corner + c, rows, columns, pixelBytes, skip);
          }
        }
        if (pixelBytes >= 16) {
          // The last 1 to 3 channels are done as the last four: where those overlap the others, the values are the same.
          for (; c < pixelBytes; c += 16) {
            c = min(c, pixelBytes - 16);
            if (rows == 2 && columns == 2) {
              const to = at + c;
              inline.always(poolSquare4(y + to, argMax + to, image, corner + c, pixelBytes, rowBytes));
            } else pool4(y + at + c, argMax + at + c, image, corner + c, rows, columns, pixelBytes, skip);
          }
        }
        for (; c < pixelBytes; c += 4) {
          pool1(y + at + c, argMax + at + c, image, corner + c, rows, columns, pixelBytes, skip);
        }
        at += pixelBytes;
      }
    }
  }
}

/**
 * One window, 16 channels: a cache line, and enough work to hide the window's loop. Indices grow on the way through the
 * window, so the last one that replaces another is the largest. `careful` is a constant where this is inlined.
 */
function window16(
  careful: bool,
  y: usize,
  argMax: usize,
  image: usize,
  from: usize,
  rows: i32,
  columns: i32,
  pixelBytes: usize,
  skip: usize,
): void {
  let best0 = v128.load(from);
  let best1 = v128.load(from, 16);
  let best2 = v128.load(from, 32);
  let best3 = v128.load(from, 48);
  let where0 = i32x4.splat(<i32>((from - image) >> 2));
  let where1 = where0;
  let where2 = where0;
  let where3 = where0;
  let left = columns;
  for (let count = rows * columns; count > 0; count--) {
    const here = i32x4.splat(<i32>((from - image) >> 2));
    const v0 = v128.load(from);
    const mask0 = inline.always(replaces(careful, v0, best0));
    best0 = inline.always(better(careful, v0, best0, mask0));
    where0 = i32x4.max_s(where0, v128.and(here, mask0));
    const v1 = v128.load(from, 16);
    const mask1 = inline.always(replaces(careful, v1, best1));
    best1 = inline.always(better(careful, v1, best1, mask1));
    where1 = i32x4.max_s(where1, v128.and(here, mask1));
    const v2 = v128.load(from, 32);
    const mask2 = inline.always(replaces(careful, v2, best2));
    best2 = inline.always(better(careful, v2, best2, mask2));
    where2 = i32x4.max_s(where2, v128.and(here, mask2));
    const v3 = v128.load(from, 48);
    const mask3 = inline.always(replaces(careful, v3, best3));
    best3 = inline.always(better(careful, v3, best3, mask3));
    where3 = i32x4.max_s(where3, v128.and(here, mask3));
    left--;
    from += pixelBytes + select<usize>(0, skip, left);
    left = select<i32>(left, columns, left);
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

export function pool16(
  y: usize,
  argMax: usize,
  image: usize,
  from: usize,
  rows: i32,
  columns: i32,
  pixelBytes: usize,
  skip: usize,
): void {
  inline.always(window16(false, y, argMax, image, from, rows, columns, pixelBytes, skip));
}

export function poolCareful16(
  y: usize,
  argMax: usize,
  image: usize,
  from: usize,
  rows: i32,
  columns: i32,
  pixelBytes: usize,
  skip: usize,
): void {
  inline.always(window16(true, y, argMax, image, from, rows, columns, pixelBytes, skip));
}

/** One window, 4 channels. */
function pool4(
  y: usize,
  argMax: usize,
  image: usize,
  from: usize,
  rows: i32,
  columns: i32,
  pixelBytes: usize,
  skip: usize,
): void {
  let best = v128.load(from);
  let where = i32x4.splat(<i32>((from - image) >> 2));
  for (; rows > 0; --rows) {
    for (let left = columns; left > 0; --left) {
      const v = v128.load(from);
      const mask = inline.always(replaces(true, v, best));
      best = v128.bitselect(v, best, mask);
      where = i32x4.max_s(where, v128.and(i32x4.splat(<i32>((from - image) >> 2)), mask));
      from += pixelBytes;
    }
    from += skip;
  }
  v128.store(y, best);
  v128.store(argMax, i32x4.add(where, i32x4(0, 1, 2, 3)));
}

/** One window of 2×2, 4 channels: pool4 without its loops, whose ends cost more than what is between them. */
function poolSquare4(
  y: usize,
  argMax: usize,
  image: usize,
  from: usize,
  pixelBytes: usize,
  rowBytes: usize,
): void {
  const below = from + rowBytes;
  const v1 = v128.load(from + pixelBytes);
  const v2 = v128.load(below);
  const v3 = v128.load(below + pixelBytes);
  const pixel = <i32>(pixelBytes >> 2);
  const row = <i32>(rowBytes >> 2);
  let best = v128.load(from);
  const mask1 = inline.always(replaces(true, v1, best));
  best = v128.bitselect(v1, best, mask1);
  let step = v128.and(i32x4.splat(pixel), mask1);
  const mask2 = inline.always(replaces(true, v2, best));
  best = v128.bitselect(v2, best, mask2);
  step = v128.bitselect(i32x4.splat(row), step, mask2);
  const mask3 = inline.always(replaces(true, v3, best));
  best = v128.bitselect(v3, best, mask3);
  step = v128.bitselect(i32x4.splat(row + pixel), step, mask3);
  const first = i32x4.add(i32x4.splat(<i32>((from - image) >> 2)), i32x4(0, 1, 2, 3));
  v128.store(y, best);
  v128.store(argMax, i32x4.add(step, first));
}

/** One window, 1 channel. */
function pool1(
  y: usize,
  argMax: usize,
  image: usize,
  from: usize,
  rows: i32,
  columns: i32,
  pixelBytes: usize,
  skip: usize,
): void {
  let best = load<f32>(from);
  let where = <i32>((from - image) >> 2);
  for (; rows > 0; --rows) {
    for (let left = columns; left > 0; --left) {
      const v = load<f32>(from);
      if (!(v <= best) && !F32.isNaN(best)) {
        best = v;
        where = <i32>((from - image) >> 2);
      }
      from += pixelBytes;
    }
    from += skip;
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
    let at = (<usize>n * <usize>outputs) << 2;
    const last = at + ((<usize>outputs) << 2);
    for (; at + 16 <= last; at += 16) {
      inline.always(addAt(image, argMax + at, dY + at));
      inline.always(addAt(image, argMax + at + 4, dY + at + 4));
      inline.always(addAt(image, argMax + at + 8, dY + at + 8));
      inline.always(addAt(image, argMax + at + 12, dY + at + 12));
    }
    for (; at < last; at += 4) inline.always(addAt(image, argMax + at, dY + at));
  }
}

/** One output's. Four of them a turn, in their order: a turn for each took 1.3 to 2 times as long. */
function addAt(image: usize, index: usize, value: usize): void {
  const target = image + ((<usize>load<i32>(index)) << 2);
  store<f32>(target, load<f32>(target) + load<f32>(value));
}
