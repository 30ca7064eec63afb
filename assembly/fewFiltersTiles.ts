/**
 * Register tiles of fewFilters.ts: up to 3×12 sums with positions as lanes, up to 2×16 or 3×8 with a window's values as
 * lanes. Each is compiled by itself, from one source in which its height and width are constants: see tile.ts for why tiles
 * must not be inlined into the loops around them.
 */
import { multiplyAdd } from "./multiplyAdd";

/** Row f of a tile [height, vectors·4]: Σ_k W[k, f]·(the lanes at corner + offsets[k]). */
export function positions(
  height: i32,
  vectors: i32,
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  if (vectors == 3) {
    if (height == 3) positions3x12(to, toStep, corner, offsets, kernel, filterBytes, depth);
    else if (height == 2) positions2x12(to, toStep, corner, offsets, kernel, filterBytes, depth);
    else positions1x12(to, toStep, corner, offsets, kernel, filterBytes, depth);
  } else {
    if (height == 3) positions3x8(to, toStep, corner, offsets, kernel, filterBytes, depth);
    else if (height == 2) positions2x8(to, toStep, corner, offsets, kernel, filterBytes, depth);
    else positions1x8(to, toStep, corner, offsets, kernel, filterBytes, depth);
  }
}

/** The tile of `positions`; height and vectors are constants where it is inlined, and what they exclude is left out. */
function positionsTile(
  height: i32,
  vectors: i32,
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  let a0 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let c0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let c2 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const from = corner + <usize>load<u32>(offsets);
    const xa = v128.load(from);
    const xb = v128.load(from, 16);
    const xc = vectors > 2 ? v128.load(from, 32) : xb;
    const w0 = v128.load32_splat(kernel);
    a0 = multiplyAdd(a0, xa, w0);
    b0 = multiplyAdd(b0, xb, w0);
    if (vectors > 2) c0 = multiplyAdd(c0, xc, w0);
    if (height > 1) {
      const w1 = v128.load32_splat(kernel, 4);
      a1 = multiplyAdd(a1, xa, w1);
      b1 = multiplyAdd(b1, xb, w1);
      if (vectors > 2) c1 = multiplyAdd(c1, xc, w1);
    }
    if (height > 2) {
      const w2 = v128.load32_splat(kernel, 8);
      a2 = multiplyAdd(a2, xa, w2);
      b2 = multiplyAdd(b2, xb, w2);
      if (vectors > 2) c2 = multiplyAdd(c2, xc, w2);
    }
    offsets += 4;
    kernel += filterBytes;
  }
  v128.store(to, a0);
  v128.store(to, b0, 16);
  if (vectors > 2) v128.store(to, c0, 32);
  if (height > 1) {
    to += toStep;
    v128.store(to, a1);
    v128.store(to, b1, 16);
    if (vectors > 2) v128.store(to, c1, 32);
  }
  if (height > 2) {
    to += toStep;
    v128.store(to, a2);
    v128.store(to, b2, 16);
    if (vectors > 2) v128.store(to, c2, 32);
  }
}

export function positions3x12(
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  inline.always(positionsTile(3, 3, to, toStep, corner, offsets, kernel, filterBytes, depth));
}

export function positions3x8(
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  inline.always(positionsTile(3, 2, to, toStep, corner, offsets, kernel, filterBytes, depth));
}

export function positions2x12(
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  inline.always(positionsTile(2, 3, to, toStep, corner, offsets, kernel, filterBytes, depth));
}

export function positions2x8(
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  inline.always(positionsTile(2, 2, to, toStep, corner, offsets, kernel, filterBytes, depth));
}

export function positions1x12(
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  inline.always(positionsTile(1, 3, to, toStep, corner, offsets, kernel, filterBytes, depth));
}

export function positions1x8(
  to: usize,
  toStep: usize,
  corner: usize,
  offsets: usize,
  kernel: usize,
  filterBytes: usize,
  depth: i32,
): void {
  inline.always(positionsTile(1, 2, to, toStep, corner, offsets, kernel, filterBytes, depth));
}

/** Row f of a tile [height, vectors·4] of sums in memory: += Σ_p dY[p, f]·(the lanes at x + offsets[p]). */
export function taps(
  height: i32,
  vectors: i32,
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  if (vectors == 4) {
    if (height == 2) taps2x16(sums, x, offsets, dY, filterBytes, count);
    else taps1x16(sums, x, offsets, dY, filterBytes, count);
  } else {
    if (height == 3) taps3x8(sums, x, offsets, dY, filterBytes, count);
    else if (height == 2) taps2x8(sums, x, offsets, dY, filterBytes, count);
    else taps1x8(sums, x, offsets, dY, filterBytes, count);
  }
}

/** The tile of `taps`; height and vectors are constants where it is inlined. */
function tapsTile(
  height: i32,
  vectors: i32,
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  const row = (<usize>vectors) << 4;
  let a0 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let c0 = f32x4.splat(0);
  let d0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let d1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  for (; count > 0; count--) {
    const from = x + <usize>load<u32>(offsets);
    const xa = v128.load(from);
    const xb = v128.load(from, 16);
    const xc = vectors > 2 ? v128.load(from, 32) : xb;
    const xd = vectors > 2 ? v128.load(from, 48) : xb;
    const slope0 = v128.load32_splat(dY);
    a0 = multiplyAdd(a0, xa, slope0);
    b0 = multiplyAdd(b0, xb, slope0);
    if (vectors > 2) {
      c0 = multiplyAdd(c0, xc, slope0);
      d0 = multiplyAdd(d0, xd, slope0);
    }
    if (height > 1) {
      const slope1 = v128.load32_splat(dY, 4);
      a1 = multiplyAdd(a1, xa, slope1);
      b1 = multiplyAdd(b1, xb, slope1);
      if (vectors > 2) {
        c1 = multiplyAdd(c1, xc, slope1);
        d1 = multiplyAdd(d1, xd, slope1);
      }
    }
    if (height > 2) {
      const slope2 = v128.load32_splat(dY, 8);
      a2 = multiplyAdd(a2, xa, slope2);
      b2 = multiplyAdd(b2, xb, slope2);
    }
    offsets += 4;
    dY += filterBytes;
  }
  addVector(sums, a0);
  addVector(sums + 16, b0);
  if (vectors > 2) {
    addVector(sums + 32, c0);
    addVector(sums + 48, d0);
  }
  if (height > 1) {
    sums += row;
    addVector(sums, a1);
    addVector(sums + 16, b1);
    if (vectors > 2) {
      addVector(sums + 32, c1);
      addVector(sums + 48, d1);
    }
  }
  if (height > 2) {
    sums += row;
    addVector(sums, a2);
    addVector(sums + 16, b2);
  }
}

export function taps2x16(
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  inline.always(tapsTile(2, 4, sums, x, offsets, dY, filterBytes, count));
}

export function taps1x16(
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  inline.always(tapsTile(1, 4, sums, x, offsets, dY, filterBytes, count));
}

export function taps3x8(
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  inline.always(tapsTile(3, 2, sums, x, offsets, dY, filterBytes, count));
}

export function taps2x8(
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  inline.always(tapsTile(2, 2, sums, x, offsets, dY, filterBytes, count));
}

export function taps1x8(
  sums: usize,
  x: usize,
  offsets: usize,
  dY: usize,
  filterBytes: usize,
  count: i32,
): void {
  inline.always(tapsTile(1, 2, sums, x, offsets, dY, filterBytes, count));
}

function addVector(to: usize, v: v128): void {
  v128.store(to, f32x4.add(v128.load(to), v));
}
