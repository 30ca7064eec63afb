/**
 * Packing: copies of operands in the order in which the tiles read them. B goes into panels of eight columns, [k, 8] each,
 * zero-filled beyond its last column; A transposed goes into groups of up to five neighbouring columns.
 */

/** `width` ≤ 5 neighbouring columns of A, `depth` rows: they end up one row behind the other. */
export function packColumns(to: usize, a: usize, lda: usize, width: i32, depth: i32): void {
  if (width == 5) {
    for (; depth > 0; depth--) {
      v128.store(to, v128.load(a));
      store<f32>(to, load<f32>(a, 16), 16);
      to += 20;
      a += lda;
    }
    return;
  }
  if (width == 4) {
    for (; depth > 0; depth--) {
      v128.store(to, v128.load(a));
      to += 16;
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

/** As packColumns, of rows of A that lie `steps` apart, a table of bytes. */
export function packNeighbours(to: usize, a: usize, steps: usize, width: i32, depth: i32): void {
  if (width == 5) {
    for (; depth > 0; depth--) {
      v128.store(to, v128.load(a));
      store<f32>(to, load<f32>(a, 16), 16);
      to += 20;
      a += <usize>load<u32>(steps);
      steps += 4;
    }
    return;
  }
  for (; depth > 0; depth--) {
    for (let i: usize = 0; i < <usize>width; i++) store<f32>(to + (i << 2), load<f32>(a + (i << 2)));
    to += (<usize>width) << 2;
    a += <usize>load<u32>(steps);
    steps += 4;
  }
}

/**
 * Panels [begin, end) of B [k, n], its rows ldb bytes apart, one after the other at to + p·panelStride. Row by row: panel by panel
 * each of its 32 bytes would lie in a page of its own, and be gone from the cache before its neighbours are asked for.
 */
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
  const whole = min(end, n >> 3);
  const first = to + <usize>begin * panelStride;
  for (let r: usize = 0; r < <usize>k; r++) {
    let from = b + r * ldb + ((<usize>begin) << 5);
    let panel = first + (r << 5);
    for (let p = begin; p < whole; p++) {
      v128.store(panel, v128.load(from));
      v128.store(panel, v128.load(from, 16), 16);
      from += 32;
      panel += panelStride;
    }
  }
  if (end > whole) packEdge(to + <usize>whole * panelStride, b + ((<usize>whole) << 5), ldb, k, n & 7);
}

/** The last panel, of fewer than eight columns. */
function packEdge(panel: usize, b: usize, ldb: usize, k: i32, columns: i32): void {
  memory.fill(panel, 0, (<usize>k) << 5);
  for (; k > 0; k--) {
    for (let at: usize = 0; at < (<usize>columns) << 2; at += 4) store<f32>(panel + at, load<f32>(b + at));
    panel += 32;
    b += ldb;
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

/** Four rows of `k` values, `stride` bytes apart, become four columns of a panel. */
function transposeHalf(panel: usize, from: usize, stride: usize, k: i32): void {
  for (; k >= 4; k -= 4) {
    const x0 = v128.load(from);
    const x1 = v128.load(from + stride);
    const x2 = v128.load(from + 2 * stride);
    const x3 = v128.load(from + 3 * stride);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(panel, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
    v128.store(panel, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 32);
    v128.store(panel, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 64);
    v128.store(panel, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 96);
    panel += 128;
    from += 16;
  }
  for (; k > 0; k--) {
    store<f32>(panel, load<f32>(from));
    store<f32>(panel, load<f32>(from + stride), 4);
    store<f32>(panel, load<f32>(from + 2 * stride), 8);
    store<f32>(panel, load<f32>(from + 3 * stride), 12);
    panel += 32;
    from += 4;
  }
}
