/**
 * Matrix products, row-major float32. The three forms of backpropagation:
 *   matmul    C = A·B      A [m, k], B [k, n]
 *   matmulNT  C = A·Bᵀ     A [m, k], B [n, k]
 *   matmulTN  C = Aᵀ·B     A [k, m], B [k, n]
 * B is packed block by block into the worker's scratch (`MATMUL_SCRATCH` bytes in src/backend/wasm/dense.ts), A is read
 * in place but for its transposed form. Blocks of k are the same for every split, so every split gives the same bits.
 */
import { packGroups, packPanels, packTransposedPanels } from "./pack";
import { columnTile, PANEL, panelStride, rowTile, tileHeight } from "./tile";

/** Rows of A that are kept in the second-level cache while all panels pass; bench/matmul.bench.ts. */
const ROW_BLOCK: i32 = 120;
/** A block of B: 128 × 1024 floats, half a megabyte of scratch. */
const K_BLOCK: i32 = 128;
const COLUMN_BLOCK: i32 = 1024;
/** One group of five columns of A, in front of the packed block. */
const GROUP_BYTES: usize = <usize>K_BLOCK * 20;

/**
 * C[m, n] = base + A[m, k]·B, B in packed panels. Rows of C, A and base lie ldc, lda and baseStride bytes apart.
 * `base` may be C (accumulates), a bias (stride 0), or 0.
 */
export function addPanels(
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  panels: usize,
  stride: usize,
  m: i32,
  n: i32,
  k: i32,
  base: usize,
  baseStride: usize,
): void {
  for (let block = 0; block < m; block += ROW_BLOCK) {
    const rows = min(ROW_BLOCK, m - block);
    for (let j = 0; j < n; j += PANEL) {
      const columns = min(PANEL, n - j);
      const panel = panels + <usize>(j / PANEL) * stride;
      let at = c + <usize>block * ldc + ((<usize>j) << 2);
      let from = base ? base + <usize>block * baseStride + ((<usize>j) << 2) : 0;
      let a0 = a + <usize>block * lda;
      for (let left = rows; left > 0; ) {
        const mr = tileHeight(left);
        const a1 = a0 + lda;
        const a2 = a1 + lda;
        const a3 = a2 + lda;
        rowTile(mr, columns, k, a0, a1, a2, a3, a3 + lda, panel, at, ldc, from, baseStride);
        left -= mr;
        a0 += <usize>mr * lda;
        at += <usize>mr * ldc;
        from += <usize>mr * baseStride;
      }
    }
  }
}

/** C[m, n] = A[m, k]·B, or C += A·B when `accumulate` is not 0; B in packed panels. */
export function matmulPanels(
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  panels: usize,
  stride: usize,
  m: i32,
  n: i32,
  k: i32,
  accumulate: i32,
): void {
  addPanels(c, ldc, a, lda, panels, stride, m, n, k, accumulate ? c : 0, accumulate ? ldc : 0);
}

/** C[m, n] = bias + A[m, k]·B, packing B (or Bᵀ) in blocks on the way. `bias` [n] may be 0. */
export function packAndMultiply(
  transposed: bool,
  c: usize,
  ldc: usize,
  a: usize,
  lda: usize,
  b: usize,
  ldb: usize,
  scratch: usize,
  m: i32,
  n: i32,
  k: i32,
  bias: usize,
): void {
  for (let k0 = 0; k0 < k; k0 += K_BLOCK) {
    const depth = min(K_BLOCK, k - k0);
    const stride = panelStride(depth);
    const aBlock = a + ((<usize>k0) << 2);
    for (let j = 0; j < n; j += COLUMN_BLOCK) {
      const width = min(COLUMN_BLOCK, n - j);
      const at = (<usize>j) << 2;
      if (transposed) {
        packTransposedPanels(scratch, stride, b + <usize>j * ldb + ((<usize>k0) << 2), ldb, depth, width);
      } else {
        packPanels(scratch, stride, b + <usize>k0 * ldb + at, ldb, depth, width);
      }
      let base: usize = 0;
      if (k0 > 0) base = c + at;
      else if (bias) base = bias + at;
      addPanels(c + at, ldc, aBlock, lda, scratch, stride, m, width, depth, base, k0 > 0 ? ldc : 0);
    }
  }
}

/** C = A·B, rows [begin, end) of C [m, n]. */
export function matmul(
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
  const lda = (<usize>k) << 2;
  const from = <usize>begin;
  packAndMultiply(false, c + from * ldc, ldc, a + from * lda, lda, b, ldc, scratch, end - begin, n, k, 0);
}

/** C = A·Bᵀ, rows [begin, end) of C [m, n]. */
export function matmulNT(
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
  const lda = (<usize>k) << 2;
  const from = <usize>begin;
  packAndMultiply(true, c + from * ldc, ldc, a + from * lda, lda, b, lda, scratch, end - begin, n, k, 0);
}

/** C = Aᵀ·B, rows [begin, end) of C [m, n]: five columns of A are packed at a time, and meet all panels of B. */
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
  const panels = scratch + GROUP_BYTES;
  for (let k0 = 0; k0 < k; k0 += K_BLOCK) {
    const depth = min(K_BLOCK, k - k0);
    const stride = panelStride(depth);
    for (let j0 = 0; j0 < n; j0 += COLUMN_BLOCK) {
      const width = min(COLUMN_BLOCK, n - j0);
      packPanels(panels, stride, b + <usize>k0 * ldc + ((<usize>j0) << 2), ldc, depth, width);
      for (let row = begin; row < end; ) {
        const mr = tileHeight(end - row);
        packGroups(scratch, a + <usize>k0 * lda + ((<usize>row) << 2), lda, depth, mr);
        for (let j = 0; j < width; j += PANEL) {
          const at = c + <usize>row * ldc + ((<usize>(j0 + j)) << 2);
          const panel = panels + <usize>(j / PANEL) * stride;
          columnTile(
            mr,
            min(PANEL, width - j),
            depth,
            scratch,
            (<usize>mr) << 2,
            panel,
            at,
            ldc,
            k0 ? at : 0,
            k0 ? ldc : 0,
          );
        }
        row += mr;
      }
    }
  }
}
