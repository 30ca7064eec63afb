/** Windows of 3×3 side by side, whose columns are shared, and the comparisons that all of max pooling is made of. */

/** Windows side by side that share columns. Longer runs come back to a cache line later: 4, 8, 16 took 0.85, 0.7 and 0.85 of the time. */
export const RUN: i32 = 8;

/** Whether any of the floats is a NaN. */
export function holdsNaN(from: usize, bytes: usize): bool {
  const end = from + bytes;
  let found = i32x4.splat(0);
  for (; from + 16 <= end; from += 16) {
    const v = v128.load(from);
    found = v128.or(found, f32x4.ne(v, v));
  }
  for (; from < end; from += 4) {
    const v = v128.load32_zero(from);
    found = v128.or(found, f32x4.ne(v, v));
  }
  return v128.any_true(found);
}

/** Whether any of the floats is a NaN or −0. */
export function holdsNaNOrMinusZero(from: usize, bytes: usize): bool {
  const end = from + bytes;
  let found = i32x4.splat(0);
  for (; from + 64 <= end; from += 64) {
    const v0 = inline.always(isNaNOrMinusZero(v128.load(from)));
    const v1 = inline.always(isNaNOrMinusZero(v128.load(from, 16)));
    const v2 = inline.always(isNaNOrMinusZero(v128.load(from, 32)));
    const v3 = inline.always(isNaNOrMinusZero(v128.load(from, 48)));
    found = v128.or(found, v128.or(v128.or(v0, v1), v128.or(v2, v3)));
  }
  for (; from < end; from += 4) {
    found = v128.or(found, inline.always(isNaNOrMinusZero(v128.load32_zero(from))));
  }
  return v128.any_true(found);
}

function isNaNOrMinusZero(v: v128): v128 {
  return v128.or(f32x4.ne(v, v), i32x4.eq(v, i32x4.splat(i32.MIN_VALUE)));
}

/**
 * Windows of 3×3 side by side, at horizontal stride 1, 4 channels. Neighbours share columns: each column's first maximum is found
 * once and slides along. Of columns with equal maxima the smallest index wins, the first in row-major order; of +0 and −0,
 * which are equal too, the wrong one might be stored, so there may be no −0. In the place of what lies outside the image comes
 * the nearest row or column, which is in the window too, and never greater than itself.
 * `row` is the first of the three, `below` and `last` lead to the others; `first` is its place in the image, in floats.
 * padLeft is 0 or 1. The loop tests at its end, so that engines keep its constants in registers.
 */
export function poolRun(
  y: usize,
  argMax: usize,
  row: usize,
  first: i32,
  below: usize,
  last: usize,
  pixelBytes: usize,
  padLeft: i32,
  W: i32,
  Wo: i32,
): void {
  const middle = i32x4.splat(<i32>(below >> 2));
  const bottom = i32x4.splat(<i32>(last >> 2));
  const pixel = i32x4.splat(<i32>(pixelBytes >> 2));
  let place = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  let best0 = inline.always(columnBest(row, below, last));
  let where0 = i32x4.add(place, inline.always(columnStep(row, below, last)));
  let best1 = best0;
  let where1 = where0;
  let left = W - 1; // columns not seen yet
  if (padLeft == 0 && left > 0) {
    row += pixelBytes;
    place = i32x4.add(place, pixel);
    best1 = inline.always(columnBest(row, below, last));
    where1 = i32x4.add(place, inline.always(columnStep(row, below, last)));
    left--;
  }
  let count = min(Wo, left);
  Wo -= count;
  if (count > 0) {
    do {
      row += pixelBytes;
      place = i32x4.add(place, pixel);
      const v = v128.load(row);
      const v1 = v128.load(row + below);
      const upper = f32x4.pmax(v, v1);
      const v2 = v128.load(row + last);
      const best2 = f32x4.pmax(upper, v2);
      const step = i32x4.max_s(v128.and(f32x4.gt(v1, v), middle), v128.and(f32x4.gt(v2, upper), bottom));
      const where2 = i32x4.add(place, step);
      const best = f32x4.pmax(f32x4.pmax(best0, best1), best2);
      v128.store(y, best);
      const a = v128.or(where0, f32x4.ne(best0, best));
      const b = v128.or(where1, f32x4.ne(best1, best));
      const c = v128.or(where2, f32x4.ne(best2, best));
      v128.store(argMax, i32x4.min_u(i32x4.min_u(a, b), c));
      y += pixelBytes;
      argMax += pixelBytes;
      best0 = best1;
      best1 = best2;
      where0 = where1;
      where1 = where2;
    } while (--count > 0);
  }
  for (; Wo > 0; --Wo) {
    inline.always(storeFirst(y, argMax, best0, where0, best1, where1));
    best0 = best1;
    where0 = where1;
    y += pixelBytes;
    argMax += pixelBytes;
  }
}

/** The largest of three values below each other. */
export function columnBest(row: usize, below: usize, last: usize): v128 {
  return f32x4.pmax(f32x4.pmax(v128.load(row), v128.load(row + below)), v128.load(row + last));
}

/** How far below the first of them, in floats, the first of the largest is. */
function columnStep(row: usize, below: usize, last: usize): v128 {
  const v = v128.load(row);
  const v1 = v128.load(row + below);
  const mask1 = f32x4.gt(v1, v);
  const mask2 = f32x4.gt(v128.load(row + last), f32x4.pmax(v, v1));
  return i32x4.max_s(
    v128.and(mask1, i32x4.splat(<i32>(below >> 2))),
    v128.and(mask2, i32x4.splat(<i32>(last >> 2))),
  );
}

/** The larger of two columns' maxima, and where it is; of equal ones the first. */
function storeFirst(y: usize, argMax: usize, best0: v128, where0: v128, best1: v128, where1: v128): void {
  const best = f32x4.pmax(best0, best1);
  v128.store(y, best);
  const a = v128.or(where0, f32x4.ne(best0, best));
  const b = v128.or(where1, f32x4.ne(best1, best));
  v128.store(argMax, i32x4.min_u(a, b));
}

/** Lanes where v replaces best: v is greater or, when `careful`, a NaN while best is none. */
export function replaces(careful: bool, v: v128, best: v128): v128 {
  return careful ? v128.andnot(f32x4.eq(best, best), f32x4.le(v, best)) : f32x4.gt(v, best);
}

/** v in the lanes of the mask, best elsewhere. */
export function better(careful: bool, v: v128, best: v128, mask: v128): v128 {
  return careful ? v128.bitselect(v, best, mask) : f32x4.pmax(best, v);
}
