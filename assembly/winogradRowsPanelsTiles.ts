/** Register tiles of winogradRowsPanels.ts: lanes are eight filters. Compiled each by itself: see tile.ts. */
import { multiplyAdd } from "./multiplyAdd";
import { tileHeight } from "./tile";

/** Tiles whose sums are in registers at a time. */
export const TILES: i32 = 6;

/**
 * to[p, t, 8] = Σ_k v_pk[t]·W_p[k, 8] for `points` points and TILES tiles, v_pk at v + p·vStep + offsets[k]; W_p at weights + p·weightStep,
 * its rows filterBytes apart. The loop over points is inside: sums are short.
 */
export function panelProducts(
  to: usize,
  toStep: usize,
  v: usize,
  vStep: usize,
  offsets: usize,
  weights: usize,
  weightStep: usize,
  filterBytes: usize,
  depth: i32,
  points: usize,
): void {
  const end = offsets + ((<usize>depth) << 2);
  for (; points > 0; points--) {
    let a0 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let a2 = f32x4.splat(0);
    let b2 = f32x4.splat(0);
    let a3 = f32x4.splat(0);
    let b3 = f32x4.splat(0);
    let a4 = f32x4.splat(0);
    let b4 = f32x4.splat(0);
    let a5 = f32x4.splat(0);
    let b5 = f32x4.splat(0);
    let weight = weights;
    for (let offset = offsets; offset < end; offset += 4) {
      const from = v + <usize>load<u32>(offset);
      const left = v128.load(weight);
      const right = v128.load(weight, 16);
      const v0 = v128.load32_splat(from);
      a0 = multiplyAdd(a0, v0, left);
      b0 = multiplyAdd(b0, v0, right);
      const v1 = v128.load32_splat(from, 4);
      a1 = multiplyAdd(a1, v1, left);
      b1 = multiplyAdd(b1, v1, right);
      const v2 = v128.load32_splat(from, 8);
      a2 = multiplyAdd(a2, v2, left);
      b2 = multiplyAdd(b2, v2, right);
      const v3 = v128.load32_splat(from, 12);
      a3 = multiplyAdd(a3, v3, left);
      b3 = multiplyAdd(b3, v3, right);
      const v4 = v128.load32_splat(from, 16);
      a4 = multiplyAdd(a4, v4, left);
      b4 = multiplyAdd(b4, v4, right);
      const v5 = v128.load32_splat(from, 20);
      a5 = multiplyAdd(a5, v5, left);
      b5 = multiplyAdd(b5, v5, right);
      weight += filterBytes;
    }
    let at = to;
    v128.store(at, a0);
    v128.store(at, b0, 16);
    at += filterBytes;
    v128.store(at, a1);
    v128.store(at, b1, 16);
    at += filterBytes;
    v128.store(at, a2);
    v128.store(at, b2, 16);
    at += filterBytes;
    v128.store(at, a3);
    v128.store(at, b3, 16);
    at += filterBytes;
    v128.store(at, a4);
    v128.store(at, b4, 16);
    at += filterBytes;
    v128.store(at, a5);
    v128.store(at, b5, 16);
    to += toStep;
    v += vStep;
    weights += weightStep;
  }
}

/** sums[k, 8] += Σ_t v_k[t]·z[t, 8] for k < depth, t < count, v_k at v + offsets[k]; rows of sums are sumsStep apart, of z 32 bytes. */
export function panelDots(
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  depth: i32,
  count: i32,
): void {
  for (let left = depth; left > 0; ) {
    const rows = tileHeight(left);
    if (rows == 5) panelDots5(sums, sumsStep, v, offsets, z, count);
    else if (rows == 4) panelDots4(sums, sumsStep, v, offsets, z, count);
    else if (rows == 3) panelDots3(sums, sumsStep, v, offsets, z, count);
    else if (rows == 2) panelDots2(sums, sumsStep, v, offsets, z, count);
    else panelDots1(sums, sumsStep, v, offsets, z, count);
    sums += <usize>rows * sumsStep;
    offsets += (<usize>rows) << 2;
    left -= rows;
  }
}

/** The tile of `panelDots`; height is a constant where it is inlined. */
function dotsTile(
  height: i32,
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  count: i32,
): void {
  let v0 = v + <usize>load<u32>(offsets);
  let v1 = height > 1 ? v + <usize>load<u32>(offsets, 4) : 0;
  let v2 = height > 2 ? v + <usize>load<u32>(offsets, 8) : 0;
  let v3 = height > 3 ? v + <usize>load<u32>(offsets, 12) : 0;
  let v4 = height > 4 ? v + <usize>load<u32>(offsets, 16) : 0;
  let a0 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  let a4 = f32x4.splat(0);
  let b4 = f32x4.splat(0);
  for (; count > 0; count--) {
    const left = v128.load(z);
    const right = v128.load(z, 16);
    const x0 = v128.load32_splat(v0);
    a0 = multiplyAdd(a0, x0, left);
    b0 = multiplyAdd(b0, x0, right);
    v0 += 4;
    if (height > 1) {
      const x1 = v128.load32_splat(v1);
      a1 = multiplyAdd(a1, x1, left);
      b1 = multiplyAdd(b1, x1, right);
      v1 += 4;
    }
    if (height > 2) {
      const x2 = v128.load32_splat(v2);
      a2 = multiplyAdd(a2, x2, left);
      b2 = multiplyAdd(b2, x2, right);
      v2 += 4;
    }
    if (height > 3) {
      const x3 = v128.load32_splat(v3);
      a3 = multiplyAdd(a3, x3, left);
      b3 = multiplyAdd(b3, x3, right);
      v3 += 4;
    }
    if (height > 4) {
      const x4 = v128.load32_splat(v4);
      a4 = multiplyAdd(a4, x4, left);
      b4 = multiplyAdd(b4, x4, right);
      v4 += 4;
    }
    z += 32;
  }
  addRow(sums, a0, b0);
  if (height > 1) {
    sums += sumsStep;
    addRow(sums, a1, b1);
  }
  if (height > 2) {
    sums += sumsStep;
    addRow(sums, a2, b2);
  }
  if (height > 3) {
    sums += sumsStep;
    addRow(sums, a3, b3);
  }
  if (height > 4) {
    sums += sumsStep;
    addRow(sums, a4, b4);
  }
}

export function panelDots5(
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  count: i32,
): void {
  inline.always(dotsTile(5, sums, sumsStep, v, offsets, z, count));
}

export function panelDots4(
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  count: i32,
): void {
  inline.always(dotsTile(4, sums, sumsStep, v, offsets, z, count));
}

export function panelDots3(
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  count: i32,
): void {
  inline.always(dotsTile(3, sums, sumsStep, v, offsets, z, count));
}

export function panelDots2(
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  count: i32,
): void {
  inline.always(dotsTile(2, sums, sumsStep, v, offsets, z, count));
}

export function panelDots1(
  sums: usize,
  sumsStep: usize,
  v: usize,
  offsets: usize,
  z: usize,
  count: i32,
): void {
  inline.always(dotsTile(1, sums, sumsStep, v, offsets, z, count));
}

function addRow(to: usize, low: v128, high: v128): void {
  v128.store(to, f32x4.add(v128.load(to), low));
  v128.store(to, f32x4.add(v128.load(to, 16), high), 16);
}
