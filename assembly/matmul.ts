/**
 * Matrix products on register tiles. B is packed in panels of eight columns, [k, 8] each, zero-filled beyond its last
 * column; A is read where it lies, or packed five columns at a time where it is used transposed.
 * `edge` takes one tile, 5·8 floats: what a panel beyond C's last column would overwrite goes there.
 */
import { tile, tileHeight } from "./tile";

/** Depth of a packed piece of A or B: 5·256 and 8·256 floats stay in the first-level cache. */
export const DEPTH: i32 = 256;
export const EDGE_BYTES: usize = 160;

/** C[m, n] (+)= A·B. A row-major, lda bytes apart; panel p of B at b + p·panelStride; C's rows ldc bytes apart. */
export function multiply(
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  b: usize,
  panelStride: usize,
  m: i32,
  n: i32,
  k: i32,
  accumulate: i32,
  edge: usize,
): void {
  for (let j = 0; j < n; j += 8) {
    const columns = min(8, n - j);
    for (let i = 0; i < m; ) {
      const height = tileHeight(m - i);
      const to = c + <usize>i * ldc;
      const from = a + <usize>i * lda;
      if (columns == 8) {
        tile(height, to, ldc, from, lda, 4, b, k, accumulate);
      } else {
        tile(height, edge, 32, from, lda, 4, b, k, 0);
        spill(to, ldc, edge, height, columns, accumulate);
      }
      i += height;
    }
    c += 32;
    b += panelStride;
  }
}

/**
 * C[m, n] (+)= Aᵀ·B. A [k, m], its rows lda bytes apart; B and C as above. `packed` takes 5·256 floats; with few panels
 * packing A does not pay, and it is read where it lies.
 */
export function multiplyTransposed(
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  b: usize,
  panelStride: usize,
  m: i32,
  n: i32,
  k: i32,
  accumulate: i32,
  packed: usize,
  edge: usize,
): void {
  for (let first = 0; first < k; first += DEPTH) {
    const depth = min(DEPTH, k - first);
    const add = accumulate | first;
    for (let i = 0; i < m; ) {
      const height = tileHeight(m - i);
      let from = a + <usize>first * lda + ((<usize>i) << 2);
      let step = lda;
      if (n > 16) {
        packColumns(packed, from, lda, height, depth);
        from = packed;
        step = (<usize>height) << 2;
      }
      const to = c + <usize>i * ldc;
      for (let j = 0; j < n; j += 8) {
        const panel = b + <usize>(j >> 3) * panelStride + ((<usize>first) << 5);
        const columns = min(8, n - j);
        if (columns == 8) {
          tile(height, to + ((<usize>j) << 2), ldc, from, 4, step, panel, depth, add);
        } else {
          tile(height, edge, 32, from, 4, step, panel, depth, 0);
          spill(to + ((<usize>j) << 2), ldc, edge, height, columns, add);
        }
      }
      i += height;
    }
  }
}

/** The first `columns` columns of a tile in `edge` to C. */
function spill(c: usize, ldc: usize, edge: usize, height: i32, columns: i32, accumulate: i32): void {
  for (; height > 0; height--) {
    for (let at: usize = 0; at < (<usize>columns) << 2; at += 4) {
      const value = load<f32>(edge + at);
      store<f32>(c + at, accumulate ? load<f32>(c + at) + value : value);
    }
    c += ldc;
    edge += 32;
  }
}

/** `width` ≤ 5 neighbouring columns of A, `depth` rows: they end up one row behind the other. */
function packColumns(to: usize, a: usize, lda: usize, width: i32, depth: i32): void {
  if (width == 5) {
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

/** Panels [begin, end) of B [k, n], its rows ldb bytes apart, one after the other at to + p·panelStride. */
export function packPanels(
  to: usize,
  panelStride: usize,
  b: usize,
  ldb: usize,
  k: i32,
  n: i32,
  begin: i32,
  end: i32,
): void {
  for (let p = begin; p < end; p++) {
    let panel = to + <usize>p * panelStride;
    let from = b + ((<usize>p) << 5);
    const columns = min(8, n - p * 8);
    if (columns == 8) {
      for (let rows = k; rows > 0; rows--) {
        v128.store(panel, v128.load(from));
        v128.store(panel, v128.load(from, 16), 16);
        panel += 32;
        from += ldb;
      }
    } else {
      memory.fill(panel, 0, (<usize>k) << 5);
      for (let rows = k; rows > 0; rows--) {
        for (let at: usize = 0; at < (<usize>columns) << 2; at += 4)
          store<f32>(panel + at, load<f32>(from + at));
        panel += 32;
        from += ldb;
      }
    }
  }
}

/** Panels [begin, end) of Bᵀ: B [n, k], its rows ldb bytes apart; panel p holds rows 8p … 8p + 7 side by side. */
export function packTransposedPanels(
  to: usize,
  panelStride: usize,
  b: usize,
  ldb: usize,
  k: i32,
  n: i32,
  begin: i32,
  end: i32,
): void {
  for (let p = begin; p < end; p++) {
    const panel = to + <usize>p * panelStride;
    const rows = min(8, n - p * 8);
    const from = b + <usize>(p * 8) * ldb;
    if (rows == 8) {
      transposeHalf(panel, from, ldb, k);
      transposeHalf(panel + 16, from + 4 * ldb, ldb, k);
    } else {
      memory.fill(panel, 0, (<usize>k) << 5);
      for (let row: usize = 0; row < <usize>rows; row++) {
        let at = from + row * ldb;
        let target = panel + (row << 2);
        for (let left = k; left > 0; left--) {
          store<f32>(target, load<f32>(at));
          at += 4;
          target += 32;
        }
      }
    }
  }
}

/** Four rows of `k` values become four columns of a panel. */
function transposeHalf(panel: usize, r0: usize, ldb: usize, k: i32): void {
  let r1 = r0 + ldb;
  let r2 = r1 + ldb;
  let r3 = r2 + ldb;
  for (; k >= 4; k -= 4) {
    const x0 = v128.load(r0);
    const x1 = v128.load(r1);
    const x2 = v128.load(r2);
    const x3 = v128.load(r3);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(panel, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
    v128.store(panel, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 32);
    v128.store(panel, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 64);
    v128.store(panel, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 96);
    panel += 128;
    r0 += 16;
    r1 += 16;
    r2 += 16;
    r3 += 16;
  }
  for (; k > 0; k--) {
    store<f32>(panel, load<f32>(r0));
    store<f32>(panel, load<f32>(r1), 4);
    store<f32>(panel, load<f32>(r2), 8);
    store<f32>(panel, load<f32>(r3), 12);
    panel += 32;
    r0 += 4;
    r1 += 4;
    r2 += 4;
    r3 += 4;
  }
}
