/**
 * Register tiles of a matrix product, up to 5×8: ten sums, two vectors of B, one of A and one product are 14 of the 15
 * registers that engines hand out. Each sum runs over k in order whatever the tile's height, so that a row's bits do not
 * depend on its place.
 *
 * Two things halve a tile's speed on Node 20: being inlined into the loops around it (index.ts exports the tiles to
 * prevent that), and a condition for each stored row after the loop: 25 instead of 41 GFLOP/s.
 */
import { multiplyAdd } from "./multiplyAdd";

/** Five rows, but the last six to nine are shared between two tiles: a tile of one or two costs as much as one of four. */
export function tileHeight(left: i32): i32 {
  if (left === 5 || left >= 10) return 5;
  return left > 5 ? (left + 1) >> 1 : left;
}

/** One tile of C: element (i, k) of A at a + i·rowStep + k·depthStep; adds to C when `accumulate` is not 0. */
export function tile(
  height: i32,
  c: usize,
  ldc: usize,
  a: usize,
  rowStep: usize,
  depthStep: usize,
  b: usize,
  depth: i32,
  accumulate: i32,
): void {
  if (height === 5) tile5(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else if (height === 4) tile4(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else if (height === 3) tile3(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else if (height === 2) tile2(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else tile1(c, a, depthStep, b, depth, accumulate);
}

export function tile5(
  c: usize,
  ldc: usize,
  a0: usize,
  rowStep: usize,
  depthStep: usize,
  b: usize,
  depth: i32,
  accumulate: i32,
): void {
  let a1 = a0 + rowStep;
  let a2 = a1 + rowStep;
  let a3 = a2 + rowStep;
  let a4 = a3 + rowStep;
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  let low1 = f32x4.splat(0);
  let high1 = f32x4.splat(0);
  let low2 = f32x4.splat(0);
  let high2 = f32x4.splat(0);
  let low3 = f32x4.splat(0);
  let high3 = f32x4.splat(0);
  let low4 = f32x4.splat(0);
  let high4 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = multiplyAdd(low0, x0, left);
    high0 = multiplyAdd(high0, x0, right);
    const x1 = v128.load32_splat(a1);
    low1 = multiplyAdd(low1, x1, left);
    high1 = multiplyAdd(high1, x1, right);
    const x2 = v128.load32_splat(a2);
    low2 = multiplyAdd(low2, x2, left);
    high2 = multiplyAdd(high2, x2, right);
    const x3 = v128.load32_splat(a3);
    low3 = multiplyAdd(low3, x3, left);
    high3 = multiplyAdd(high3, x3, right);
    const x4 = v128.load32_splat(a4);
    low4 = multiplyAdd(low4, x4, left);
    high4 = multiplyAdd(high4, x4, right);
    a0 += depthStep;
    a1 += depthStep;
    a2 += depthStep;
    a3 += depthStep;
    a4 += depthStep;
    b += 32;
  }
  if (accumulate) {
    v128.store(c, f32x4.add(v128.load(c), low0));
    v128.store(c, f32x4.add(v128.load(c, 16), high0), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low1));
    v128.store(c, f32x4.add(v128.load(c, 16), high1), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low2));
    v128.store(c, f32x4.add(v128.load(c, 16), high2), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low3));
    v128.store(c, f32x4.add(v128.load(c, 16), high3), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low4));
    v128.store(c, f32x4.add(v128.load(c, 16), high4), 16);
    return;
  }
  v128.store(c, low0);
  v128.store(c, high0, 16);
  c += ldc;
  v128.store(c, low1);
  v128.store(c, high1, 16);
  c += ldc;
  v128.store(c, low2);
  v128.store(c, high2, 16);
  c += ldc;
  v128.store(c, low3);
  v128.store(c, high3, 16);
  c += ldc;
  v128.store(c, low4);
  v128.store(c, high4, 16);
}

export function tile4(
  c: usize,
  ldc: usize,
  a0: usize,
  rowStep: usize,
  depthStep: usize,
  b: usize,
  depth: i32,
  accumulate: i32,
): void {
  let a1 = a0 + rowStep;
  let a2 = a1 + rowStep;
  let a3 = a2 + rowStep;
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  let low1 = f32x4.splat(0);
  let high1 = f32x4.splat(0);
  let low2 = f32x4.splat(0);
  let high2 = f32x4.splat(0);
  let low3 = f32x4.splat(0);
  let high3 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = multiplyAdd(low0, x0, left);
    high0 = multiplyAdd(high0, x0, right);
    const x1 = v128.load32_splat(a1);
    low1 = multiplyAdd(low1, x1, left);
    high1 = multiplyAdd(high1, x1, right);
    const x2 = v128.load32_splat(a2);
    low2 = multiplyAdd(low2, x2, left);
    high2 = multiplyAdd(high2, x2, right);
    const x3 = v128.load32_splat(a3);
    low3 = multiplyAdd(low3, x3, left);
    high3 = multiplyAdd(high3, x3, right);
    a0 += depthStep;
    a1 += depthStep;
    a2 += depthStep;
    a3 += depthStep;
    b += 32;
  }
  if (accumulate) {
    v128.store(c, f32x4.add(v128.load(c), low0));
    v128.store(c, f32x4.add(v128.load(c, 16), high0), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low1));
    v128.store(c, f32x4.add(v128.load(c, 16), high1), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low2));
    v128.store(c, f32x4.add(v128.load(c, 16), high2), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low3));
    v128.store(c, f32x4.add(v128.load(c, 16), high3), 16);
    return;
  }
  v128.store(c, low0);
  v128.store(c, high0, 16);
  c += ldc;
  v128.store(c, low1);
  v128.store(c, high1, 16);
  c += ldc;
  v128.store(c, low2);
  v128.store(c, high2, 16);
  c += ldc;
  v128.store(c, low3);
  v128.store(c, high3, 16);
}

export function tile3(
  c: usize,
  ldc: usize,
  a0: usize,
  rowStep: usize,
  depthStep: usize,
  b: usize,
  depth: i32,
  accumulate: i32,
): void {
  let a1 = a0 + rowStep;
  let a2 = a1 + rowStep;
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  let low1 = f32x4.splat(0);
  let high1 = f32x4.splat(0);
  let low2 = f32x4.splat(0);
  let high2 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = multiplyAdd(low0, x0, left);
    high0 = multiplyAdd(high0, x0, right);
    const x1 = v128.load32_splat(a1);
    low1 = multiplyAdd(low1, x1, left);
    high1 = multiplyAdd(high1, x1, right);
    const x2 = v128.load32_splat(a2);
    low2 = multiplyAdd(low2, x2, left);
    high2 = multiplyAdd(high2, x2, right);
    a0 += depthStep;
    a1 += depthStep;
    a2 += depthStep;
    b += 32;
  }
  if (accumulate) {
    v128.store(c, f32x4.add(v128.load(c), low0));
    v128.store(c, f32x4.add(v128.load(c, 16), high0), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low1));
    v128.store(c, f32x4.add(v128.load(c, 16), high1), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low2));
    v128.store(c, f32x4.add(v128.load(c, 16), high2), 16);
    return;
  }
  v128.store(c, low0);
  v128.store(c, high0, 16);
  c += ldc;
  v128.store(c, low1);
  v128.store(c, high1, 16);
  c += ldc;
  v128.store(c, low2);
  v128.store(c, high2, 16);
}

export function tile2(
  c: usize,
  ldc: usize,
  a0: usize,
  rowStep: usize,
  depthStep: usize,
  b: usize,
  depth: i32,
  accumulate: i32,
): void {
  let a1 = a0 + rowStep;
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  let low1 = f32x4.splat(0);
  let high1 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = multiplyAdd(low0, x0, left);
    high0 = multiplyAdd(high0, x0, right);
    const x1 = v128.load32_splat(a1);
    low1 = multiplyAdd(low1, x1, left);
    high1 = multiplyAdd(high1, x1, right);
    a0 += depthStep;
    a1 += depthStep;
    b += 32;
  }
  if (accumulate) {
    v128.store(c, f32x4.add(v128.load(c), low0));
    v128.store(c, f32x4.add(v128.load(c, 16), high0), 16);
    c += ldc;
    v128.store(c, f32x4.add(v128.load(c), low1));
    v128.store(c, f32x4.add(v128.load(c, 16), high1), 16);
    return;
  }
  v128.store(c, low0);
  v128.store(c, high0, 16);
  c += ldc;
  v128.store(c, low1);
  v128.store(c, high1, 16);
}

export function tile1(c: usize, a0: usize, depthStep: usize, b: usize, depth: i32, accumulate: i32): void {
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = multiplyAdd(low0, x0, left);
    high0 = multiplyAdd(high0, x0, right);
    a0 += depthStep;
    b += 32;
  }
  if (accumulate) {
    v128.store(c, f32x4.add(v128.load(c), low0));
    v128.store(c, f32x4.add(v128.load(c, 16), high0), 16);
    return;
  }
  v128.store(c, low0);
  v128.store(c, high0, 16);
}
