/**
 * Matrix products on register tiles, in the three forms of backpropagation: C = A·B, C = A·Bᵀ and C = Aᵀ·B. B is packed
 * in panels (pack.ts); A is read where it lies, or packed five columns at a time where it is used transposed.
 * `edge` takes one tile, 5·8 floats: what a panel beyond C's last column would overwrite goes there.
 */
import { packColumns, packPanels, packTransposedPanels } from "./pack";
import { tile, tileHeight } from "./tile";

/** Depth of a packed piece of A or B: 5·256 and 8·256 floats stay in the first-level cache. */
export const DEPTH: i32 = 256;
export const EDGE_BYTES: usize = 160;
const PACKED_BYTES: usize = 5 * 256 * 4;
/** Columns of B that are packed at a time: bench/matmul.bench.ts. */
const WIDTH: i32 = 256;
/** Rows of A that stay in the second-level cache while a block of B passes. */
const ROWS: i32 = 120;
/** Between panels, lest equal places of all panels share one set of the first-level cache. */
const GAP: usize = 64;

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
        inline.always(tile(height, to, ldc, from, lda, 4, b, k, accumulate));
      } else {
        inline.always(tile(height, edge, 32, from, lda, 4, b, k, 0));
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
          inline.always(tile(height, to + ((<usize>j) << 2), ldc, from, 4, step, panel, depth, add));
        } else {
          inline.always(tile(height, edge, 32, from, 4, step, panel, depth, 0));
          spill(to + ((<usize>j) << 2), ldc, edge, height, columns, add);
        }
      }
      i += height;
    }
  }
}

/** C = A·B, rows [begin, end) of C [m, n]. A [m, k], B [k, n]. `scratch`: see productByBlocks. */
export function matmul(
  c: usize,
  a: usize,
  b: usize,
  scratch: usize,
  _m: i32,
  n: i32,
  k: i32,
  begin: i32,
  end: i32,
): void {
  const ldc = (<usize>n) << 2;
  const lda = (<usize>k) << 2;
  const first = <usize>begin;
  productByBlocks(false, c + first * ldc, ldc, a + first * lda, lda, b, ldc, end - begin, n, k, 0, scratch);
}

/** C = A·Bᵀ, rows [begin, end) of C [m, n]. A [m, k], B [n, k]. `scratch`: see productByBlocks. */
export function matmulNT(
  c: usize,
  a: usize,
  b: usize,
  scratch: usize,
  _m: i32,
  n: i32,
  k: i32,
  begin: i32,
  end: i32,
): void {
  const ldc = (<usize>n) << 2;
  const lda = (<usize>k) << 2;
  const first = <usize>begin;
  productByBlocks(true, c + first * ldc, ldc, a + first * lda, lda, b, lda, end - begin, n, k, 0, scratch);
}

/** C = Aᵀ·B, rows [begin, end) of C [m, n]. A [k, m], B [k, n]. `scratch`: see productByBlocks. */
export function matmulTN(
  c: usize,
  a: usize,
  b: usize,
  scratch: usize,
  m: i32,
  n: i32,
  k: i32,
  begin: i32,
  end: i32,
): void {
  const ldc = (<usize>n) << 2;
  const lda = (<usize>m) << 2;
  const packed = scratch + EDGE_BYTES;
  const panels = packed + PACKED_BYTES;
  for (let j = 0; j < n; j += WIDTH) {
    const columns = min(WIDTH, n - j);
    const at = (<usize>j) << 2;
    for (let first = 0; first < k; first += DEPTH) {
      const depth = min(DEPTH, k - first);
      const stride = ((<usize>depth) << 5) + GAP;
      packPanels(panels, stride, b + <usize>first * ldc + at, ldc, depth, columns, 0, (columns + 7) >> 3);
      const to = c + <usize>begin * ldc + at;
      const from = a + <usize>first * lda + ((<usize>begin) << 2);
      multiplyTransposed(
        to,
        ldc,
        from,
        lda,
        panels,
        stride,
        end - begin,
        columns,
        depth,
        first,
        packed,
        scratch,
      );
    }
  }
}

/**
 * C[m, n] (+)= A·B, or A·Bᵀ: B is packed on the way, in blocks of 256 deep and 256 wide, each value once. Sums over k
 * go block by block, whatever m and n. `scratch`: a tile's edge (160 bytes), 5·256 floats, 32 panels of 256·32 + 64 bytes.
 */
export function productByBlocks(
  transposed: bool,
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  b: usize,
  ldb: usize,
  m: i32,
  n: i32,
  k: i32,
  accumulate: i32,
  scratch: usize,
): void {
  const panels = scratch + EDGE_BYTES + PACKED_BYTES;
  for (let j = 0; j < n; j += WIDTH) {
    const columns = min(WIDTH, n - j);
    const count = (columns + 7) >> 3;
    const at = (<usize>j) << 2;
    for (let first = 0; first < k; first += DEPTH) {
      const depth = min(DEPTH, k - first);
      const down = (<usize>first) << 2;
      const stride = ((<usize>depth) << 5) + GAP;
      if (transposed)
        packTransposedPanels(panels, stride, b + <usize>j * ldb + down, ldb, depth, columns, 0, count);
      else packPanels(panels, stride, b + <usize>first * ldb + at, ldb, depth, columns, 0, count);
      for (let i = 0; i < m; i += ROWS) {
        const rows = min(ROWS, m - i);
        const to = c + <usize>i * ldc + at;
        const from = a + <usize>i * lda + down;
        multiply(to, ldc, from, lda, panels, stride, rows, columns, depth, accumulate | first, scratch);
      }
    }
  }
}

/** The first `columns` columns of a tile in `edge` to C. */
export function spill(c: usize, ldc: usize, edge: usize, height: i32, columns: i32, accumulate: i32): void {
  for (; height > 0; height--) {
    for (let at: usize = 0; at < (<usize>columns) << 2; at += 4) {
      const value = load<f32>(edge + at);
      store<f32>(c + at, accumulate ? load<f32>(c + at) + value : value);
    }
    c += ldc;
    edge += 32;
  }
}
