/**
 * The register tile that all matrix products and direct convolutions end in:
 *   C[5, 8] = base + A[5, k]·B[k, 8]
 * Ten accumulators of four lanes, two registers of B, one of A and one product: 14 of the 15 registers that V8 hands out
 * (docs/kernels.md). B is a packed panel: k rows of 8 columns, 32 bytes apart. A comes in one of two forms:
 *   rows     a pointer for each of the five rows, k consecutive floats behind each;
 *   columns  k groups of five consecutive floats, `lda` bytes apart: A transposed, or packed.
 * Sums over k run in order, whatever the tile's height, so heights may follow the split without changing a bit.
 *
 * `base` is what the product is added to: an address whose rows lie `baseStride` bytes apart (C itself to accumulate, the
 * bias with stride 0), or 0 for nothing. `columns` < 8 reads a full panel but touches only so many columns of C and base.
 */
export const TILE_ROWS: i32 = 5;
export const PANEL: i32 = 8;
export const PANEL_BYTES: usize = 32;

/** Panels of power-of-two length would alias in the first-level cache: one cache line keeps them apart. */
export const PANEL_GAP: usize = 64;

/** Bytes from one packed panel of `k` rows to the next. */
@inline
export function panelStride(k: i32): usize {
  return <usize>k * PANEL_BYTES + PANEL_GAP;
}

/** Height of the next tile when `left` rows remain: 5, but the last 6 to 9 rows are halved, since 5 + 1 costs as much as 5 + 5. */
@inline
export function tileHeight(left: i32): i32 {
  if (left >= 2 * TILE_ROWS || left == TILE_ROWS) return TILE_ROWS;
  return left > TILE_ROWS ? (left + 1) >> 1 : left;
}

@inline
function storeLane(c: usize, base: usize, value: f32): void {
  store<f32>(c, base ? load<f32>(base) + value : value);
}

function storeNarrow(c: usize, base: usize, low: v128, high: v128, columns: i32): void {
  let rest = low;
  if (columns >= 4) {
    v128.store(c, base ? f32x4.add(v128.load(base), low) : low);
    c += 16;
    if (base) base += 16;
    columns -= 4;
    rest = high;
  }
  if (columns > 0) storeLane(c, base, f32x4.extract_lane(rest, 0));
  if (columns > 1) storeLane(c + 4, base ? base + 4 : 0, f32x4.extract_lane(rest, 1));
  if (columns > 2) storeLane(c + 8, base ? base + 8 : 0, f32x4.extract_lane(rest, 2));
}

@inline
function storeRow(narrow: bool, c: usize, base: usize, low: v128, high: v128, columns: i32): void {
  if (narrow) {
    storeNarrow(c, base, low, high, columns);
  } else if (base) {
    v128.store(c, f32x4.add(v128.load(base), low));
    v128.store(c, f32x4.add(v128.load(base, 16), high), 16);
  } else {
    v128.store(c, low);
    v128.store(c, high, 16);
  }
}

/**
 * One body for all heights and both forms of A: `mr`, `narrow` and `byRows` are constants at every call below, so the
 * compiler drops what a variant does not use. A sole loop, counting down, not unrolled: V8 keeps all accumulators in
 * registers only then.
 */
// biome-ignore format: the tile reads as a table
@inline
function tile(
  mr: i32, narrow: bool, byRows: bool, columns: i32, k: i32,
  a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, lda: usize,
  b: usize, c: usize, ldc: usize, base: usize, baseStride: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00;
  let c21 = c00, c30 = c00, c31 = c00, c40 = c00, c41 = c00;
  for (; k > 0; k--) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    b += PANEL_BYTES;
    const x0 = v128.load_splat<f32>(a0);
    c00 = f32x4.add(c00, f32x4.mul(x0, b0)); c01 = f32x4.add(c01, f32x4.mul(x0, b1));
    if (mr > 1) {
      const x1 = byRows ? v128.load_splat<f32>(a1) : v128.load_splat<f32>(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(x1, b0)); c11 = f32x4.add(c11, f32x4.mul(x1, b1));
    }
    if (mr > 2) {
      const x2 = byRows ? v128.load_splat<f32>(a2) : v128.load_splat<f32>(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(x2, b0)); c21 = f32x4.add(c21, f32x4.mul(x2, b1));
    }
    if (mr > 3) {
      const x3 = byRows ? v128.load_splat<f32>(a3) : v128.load_splat<f32>(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(x3, b0)); c31 = f32x4.add(c31, f32x4.mul(x3, b1));
    }
    if (mr > 4) {
      const x4 = byRows ? v128.load_splat<f32>(a4) : v128.load_splat<f32>(a0, 16);
      c40 = f32x4.add(c40, f32x4.mul(x4, b0)); c41 = f32x4.add(c41, f32x4.mul(x4, b1));
    }
    if (byRows) {
      a0 += 4;
      if (mr > 1) a1 += 4;
      if (mr > 2) a2 += 4;
      if (mr > 3) a3 += 4;
      if (mr > 4) a4 += 4;
    } else {
      a0 += lda;
    }
  }
  storeRow(narrow, c, base, c00, c01, columns);
  if (mr > 1) { c += ldc; base += baseStride; storeRow(narrow, c, base, c10, c11, columns); }
  if (mr > 2) { c += ldc; base += baseStride; storeRow(narrow, c, base, c20, c21, columns); }
  if (mr > 3) { c += ldc; base += baseStride; storeRow(narrow, c, base, c30, c31, columns); }
  if (mr > 4) { c += ldc; base += baseStride; storeRow(narrow, c, base, c40, c41, columns); }
}

// biome-ignore-start format: a table of variants
function rows5(k: i32, a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(5, false, true, 8, k, a0, a1, a2, a3, a4, 0, b, c, ldc, base, baseStride);
}
function rows4(k: i32, a0: usize, a1: usize, a2: usize, a3: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(4, false, true, 8, k, a0, a1, a2, a3, 0, 0, b, c, ldc, base, baseStride);
}
function rows3(k: i32, a0: usize, a1: usize, a2: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(3, false, true, 8, k, a0, a1, a2, 0, 0, 0, b, c, ldc, base, baseStride);
}
function rows2(k: i32, a0: usize, a1: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(2, false, true, 8, k, a0, a1, 0, 0, 0, 0, b, c, ldc, base, baseStride);
}
function rows1(k: i32, a0: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(1, false, true, 8, k, a0, 0, 0, 0, 0, 0, b, c, ldc, base, baseStride);
}
function narrowRows5(columns: i32, k: i32, a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(5, true, true, columns, k, a0, a1, a2, a3, a4, 0, b, c, ldc, base, baseStride);
}
function narrowRows4(columns: i32, k: i32, a0: usize, a1: usize, a2: usize, a3: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(4, true, true, columns, k, a0, a1, a2, a3, 0, 0, b, c, ldc, base, baseStride);
}
function narrowRows3(columns: i32, k: i32, a0: usize, a1: usize, a2: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(3, true, true, columns, k, a0, a1, a2, 0, 0, 0, b, c, ldc, base, baseStride);
}
function narrowRows2(columns: i32, k: i32, a0: usize, a1: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(2, true, true, columns, k, a0, a1, 0, 0, 0, 0, b, c, ldc, base, baseStride);
}
function narrowRows1(columns: i32, k: i32, a0: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(1, true, true, columns, k, a0, 0, 0, 0, 0, 0, b, c, ldc, base, baseStride);
}
function columns5(k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(5, false, false, 8, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function columns4(k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(4, false, false, 8, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function columns3(k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(3, false, false, 8, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function columns2(k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(2, false, false, 8, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function columns1(k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(1, false, false, 8, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function narrowColumns5(columns: i32, k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(5, true, false, columns, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function narrowColumns4(columns: i32, k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(4, true, false, columns, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function narrowColumns3(columns: i32, k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(3, true, false, columns, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function narrowColumns2(columns: i32, k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(2, true, false, columns, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}
function narrowColumns1(columns: i32, k: i32, a: usize, lda: usize, b: usize, c: usize, ldc: usize, base: usize, baseStride: usize): void {
  tile(1, true, false, columns, k, a, 0, 0, 0, 0, lda, b, c, ldc, base, baseStride);
}

/** The rows form, `mr` in 1 … 5: pointers beyond mr are not read. */
export function rowTile(
  mr: i32, columns: i32, k: i32, a0: usize, a1: usize, a2: usize, a3: usize, a4: usize,
  b: usize, c: usize, ldc: usize, base: usize, baseStride: usize,
): void {
  if (columns == PANEL) {
    switch (mr) {
      case 5: rows5(k, a0, a1, a2, a3, a4, b, c, ldc, base, baseStride); break;
      case 4: rows4(k, a0, a1, a2, a3, b, c, ldc, base, baseStride); break;
      case 3: rows3(k, a0, a1, a2, b, c, ldc, base, baseStride); break;
      case 2: rows2(k, a0, a1, b, c, ldc, base, baseStride); break;
      default: rows1(k, a0, b, c, ldc, base, baseStride);
    }
  } else {
    switch (mr) {
      case 5: narrowRows5(columns, k, a0, a1, a2, a3, a4, b, c, ldc, base, baseStride); break;
      case 4: narrowRows4(columns, k, a0, a1, a2, a3, b, c, ldc, base, baseStride); break;
      case 3: narrowRows3(columns, k, a0, a1, a2, b, c, ldc, base, baseStride); break;
      case 2: narrowRows2(columns, k, a0, a1, b, c, ldc, base, baseStride); break;
      default: narrowRows1(columns, k, a0, b, c, ldc, base, baseStride);
    }
  }
}

/** The columns form, `mr` in 1 … 5. */
export function columnTile(
  mr: i32, columns: i32, k: i32, a: usize, lda: usize,
  b: usize, c: usize, ldc: usize, base: usize, baseStride: usize,
): void {
  if (columns == PANEL) {
    switch (mr) {
      case 5: columns5(k, a, lda, b, c, ldc, base, baseStride); break;
      case 4: columns4(k, a, lda, b, c, ldc, base, baseStride); break;
      case 3: columns3(k, a, lda, b, c, ldc, base, baseStride); break;
      case 2: columns2(k, a, lda, b, c, ldc, base, baseStride); break;
      default: columns1(k, a, lda, b, c, ldc, base, baseStride);
    }
  } else {
    switch (mr) {
      case 5: narrowColumns5(columns, k, a, lda, b, c, ldc, base, baseStride); break;
      case 4: narrowColumns4(columns, k, a, lda, b, c, ldc, base, baseStride); break;
      case 3: narrowColumns3(columns, k, a, lda, b, c, ldc, base, baseStride); break;
      case 2: narrowColumns2(columns, k, a, lda, b, c, ldc, base, baseStride); break;
      default: narrowColumns1(columns, k, a, lda, b, c, ldc, base, baseStride);
    }
  }
}
// biome-ignore-end format: a table of variants
