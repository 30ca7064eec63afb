/**
 * The products of Winograd's planes: C[m, n] = A[m, k]·B with B packed in panels of 8 columns, on register tiles of up to
 * 5×8: ten sums, two vectors of B, one of A and one product are 14 of the 15 registers that engines hand out.
 * Each sum runs over k in order whatever the tile's height, so that a row's bits do not depend on its place.
 */

/** Depth of a packed tile of A: 5·256 floats and 8·256 floats of B stay in the first-level cache. */
const DEPTH: i32 = 256;

/** C[m, n] = A·B. A row-major, lda bytes apart; panel p of B [k, 8] at b + p·panelStride; n a multiple of 8. */
export function winogradProduct(
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  b: usize,
  panelStride: usize,
  m: i32,
  n: i32,
  k: i32,
): void {
  for (let j = 0; j < n; j += 8) {
    for (let i = 0; i < m; ) {
      const height = tileHeight(m - i);
      tile(height, c + <usize>i * ldc, ldc, a + <usize>i * lda, lda, 4, b, k, 0);
      i += height;
    }
    c += 32;
    b += panelStride;
  }
}

/** C[m, n] = Aᵀ·B. A [k, m], its rows lda bytes apart; B and n as above. `packed` takes 5·256 floats. */
export function winogradProductTransposed(
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  b: usize,
  panelStride: usize,
  m: i32,
  n: i32,
  k: i32,
  packed: usize,
): void {
  for (let first = 0; first < k; first += DEPTH) {
    const depth = min(DEPTH, k - first);
    for (let i = 0; i < m; ) {
      const height = tileHeight(m - i);
      packColumns(packed, a + <usize>first * lda + ((<usize>i) << 2), lda, height, depth);
      for (let j = 0; j < n; j += 8) {
        const panel = b + <usize>(j >> 3) * panelStride + ((<usize>first) << 5);
        tile(
          height,
          c + <usize>i * ldc + ((<usize>j) << 2),
          ldc,
          packed,
          4,
          (<usize>height) << 2,
          panel,
          depth,
          first,
        );
      }
      i += height;
    }
  }
}

/** Five rows, but the last six to nine are shared between two tiles: a tile of one or two costs as much as one of four. */
function tileHeight(left: i32): i32 {
  if (left === 5 || left >= 10) return 5;
  return left > 5 ? (left + 1) >> 1 : left;
}

/** `width` ≤ 5 neighbouring columns of A, `depth` rows: they end up one row behind the other. */
function packColumns(to: usize, a: usize, lda: usize, width: i32, depth: i32): void {
  if (width === 5) {
    for (; depth > 0; depth--) {
      v128.store(to, v128.load(a));
      store<f32>(to, load<f32>(a, 16), 16);
      to += 20;
      a += lda;
    }
    return;
  }
  for (; depth > 0; depth--) {
    for (let i: usize = 0; i < <usize>width; i++) store<f32>(to + (i << 2), load<f32>(a + (i << 2)));
    to += (<usize>width) << 2;
    a += lda;
  }
}

/** One tile of C: element (i, k) of A at a + i·rowStep + k·depthStep; adds to C when `accumulate` is not 0. */
function tile(
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
  if (height === 5) winogradTile5(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else if (height === 4) winogradTile4(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else if (height === 3) winogradTile3(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else if (height === 2) winogradTile2(c, ldc, a, rowStep, depthStep, b, depth, accumulate);
  else winogradTile1(c, a, depthStep, b, depth, accumulate);
}

// One condition for all rows, after the loop: a condition for each row halves the speed on Node 20 (25 instead of 41
// GFLOP/s). The tiles are exported from the module lest they be inlined: see winograd.ts.

export function winogradTile5(
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
    low0 = f32x4.add(low0, f32x4.mul(x0, left));
    high0 = f32x4.add(high0, f32x4.mul(x0, right));
    const x1 = v128.load32_splat(a1);
    low1 = f32x4.add(low1, f32x4.mul(x1, left));
    high1 = f32x4.add(high1, f32x4.mul(x1, right));
    const x2 = v128.load32_splat(a2);
    low2 = f32x4.add(low2, f32x4.mul(x2, left));
    high2 = f32x4.add(high2, f32x4.mul(x2, right));
    const x3 = v128.load32_splat(a3);
    low3 = f32x4.add(low3, f32x4.mul(x3, left));
    high3 = f32x4.add(high3, f32x4.mul(x3, right));
    const x4 = v128.load32_splat(a4);
    low4 = f32x4.add(low4, f32x4.mul(x4, left));
    high4 = f32x4.add(high4, f32x4.mul(x4, right));
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

export function winogradTile4(
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
    low0 = f32x4.add(low0, f32x4.mul(x0, left));
    high0 = f32x4.add(high0, f32x4.mul(x0, right));
    const x1 = v128.load32_splat(a1);
    low1 = f32x4.add(low1, f32x4.mul(x1, left));
    high1 = f32x4.add(high1, f32x4.mul(x1, right));
    const x2 = v128.load32_splat(a2);
    low2 = f32x4.add(low2, f32x4.mul(x2, left));
    high2 = f32x4.add(high2, f32x4.mul(x2, right));
    const x3 = v128.load32_splat(a3);
    low3 = f32x4.add(low3, f32x4.mul(x3, left));
    high3 = f32x4.add(high3, f32x4.mul(x3, right));
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

export function winogradTile3(
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
    low0 = f32x4.add(low0, f32x4.mul(x0, left));
    high0 = f32x4.add(high0, f32x4.mul(x0, right));
    const x1 = v128.load32_splat(a1);
    low1 = f32x4.add(low1, f32x4.mul(x1, left));
    high1 = f32x4.add(high1, f32x4.mul(x1, right));
    const x2 = v128.load32_splat(a2);
    low2 = f32x4.add(low2, f32x4.mul(x2, left));
    high2 = f32x4.add(high2, f32x4.mul(x2, right));
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

export function winogradTile2(
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
    low0 = f32x4.add(low0, f32x4.mul(x0, left));
    high0 = f32x4.add(high0, f32x4.mul(x0, right));
    const x1 = v128.load32_splat(a1);
    low1 = f32x4.add(low1, f32x4.mul(x1, left));
    high1 = f32x4.add(high1, f32x4.mul(x1, right));
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

export function winogradTile1(
  c: usize,
  a0: usize,
  depthStep: usize,
  b: usize,
  depth: i32,
  accumulate: i32,
): void {
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = f32x4.add(low0, f32x4.mul(x0, left));
    high0 = f32x4.add(high0, f32x4.mul(x0, right));
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
