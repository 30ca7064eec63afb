/**
 * Packing: copies of operands in the order in which the tile reads them.
 *   panels  of B [k, n]: for each 8 columns, k rows of 8 floats; panels lie `stride` bytes apart (`panelStride(k)`), and
 *           columns beyond n are filled with zeros.
 *   groups  of Aᵀ [k, m]: for a tile of `mr` rows of C, k groups of mr consecutive floats.
 */
import { PANEL, PANEL_BYTES } from "./tile";

/** Panels of B [k, n], rows `ldb` bytes apart. */
export function packPanels(panels: usize, stride: usize, b: usize, ldb: usize, k: i32, n: i32): void {
  const full = n & ~(PANEL - 1);
  for (let row = 0; row < k; ++row) {
    let to = panels + <usize>row * PANEL_BYTES;
    let from = b;
    for (let left = full; left > 0; left -= PANEL) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += PANEL_BYTES;
      to += stride;
    }
    if (full < n) {
      const zero = f32x4.splat(0);
      v128.store(to, zero);
      v128.store(to, zero, 16);
      for (let j = full; j < n; ++j) {
        store<f32>(to, load<f32>(from));
        to += 4;
        from += 4;
      }
    }
    b += ldb;
  }
}

/** Panels of B = Wᵀ [k, n], W [n, k] with rows `ldw` bytes apart: 4 × 4 blocks are transposed in registers. */
export function packTransposedPanels(
  panels: usize,
  stride: usize,
  w: usize,
  ldw: usize,
  k: i32,
  n: i32,
): void {
  for (let j = 0; j < n; j += PANEL) {
    packFourTransposed(panels, w, ldw, k, n - j);
    packFourTransposed(panels + 16, w + 4 * ldw, ldw, k, n - j - 4);
    w += <usize>PANEL * ldw;
    panels += stride;
  }
}

/** Half a panel: up to four rows of W become four columns. */
function packFourTransposed(to: usize, w: usize, ldw: usize, k: i32, rows: i32): void {
  let i = 0;
  if (rows >= 4) {
    let w0 = w,
      w1 = w + ldw,
      w2 = w1 + ldw,
      w3 = w2 + ldw;
    for (; i + 4 <= k; i += 4) {
      const r0 = v128.load(w0),
        r1 = v128.load(w1),
        r2 = v128.load(w2),
        r3 = v128.load(w3);
      const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5),
        t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7),
        t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5),
        t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
      v128.store(to, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7), 32);
      v128.store(to, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5), 64);
      v128.store(to, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7), 96);
      to += 4 * PANEL_BYTES;
      w0 += 16;
      w1 += 16;
      w2 += 16;
      w3 += 16;
    }
  }
  for (; i < k; ++i) {
    const at = w + ((<usize>i) << 2);
    for (let j = 0; j < 4; ++j) {
      store<f32>(to + ((<usize>j) << 2), j < rows ? load<f32>(at + <usize>j * ldw) : 0);
    }
    to += PANEL_BYTES;
  }
}

/** Groups of `mr` ≤ 5 floats from k rows `lda` bytes apart: group i = A[i, 0 … mr). */
export function packGroups(groups: usize, a: usize, lda: usize, k: i32, mr: i32): void {
  if (mr == 5) {
    for (; k > 0; k--) {
      v128.store(groups, v128.load(a));
      store<f32>(groups, load<f32>(a, 16), 16);
      a += lda;
      groups += 20;
    }
  } else {
    for (; k > 0; k--) {
      for (let i = 0; i < mr; ++i) store<f32>(groups + ((<usize>i) << 2), load<f32>(a + ((<usize>i) << 2)));
      a += lda;
      groups += (<usize>mr) << 2;
    }
  }
}
