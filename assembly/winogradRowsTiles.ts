/**
 * Register tiles of winogradRows.ts: 6×8 sums with tiles as lanes; and for the kernel's gradient 2×4 sums of products of two rows
 * of lanes. Compiled each by itself: see tile.ts. A window has few rows and
 * channels, so the loop over pairs of vectors is inside: a call for each would cost a fifth more.
 */
import { multiplyAdd } from "./multiplyAdd";

/**
 * to[f, lanes] = Σ_k W[k, f]·(the lanes at v + offsets[k]), f < height, height from 1 to 6, for `pairs` pairs of vectors; rows of
 * the result are toStep apart, of W filterBytes.
 */
export function products(
  height: i32,
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  if (height == 6) products6(to, toStep, v, offsets, weights, filterBytes, depth, pairs);
  else if (height == 5) products5(to, toStep, v, offsets, weights, filterBytes, depth, pairs);
  else if (height == 4) products4(to, toStep, v, offsets, weights, filterBytes, depth, pairs);
  else if (height == 3) products3(to, toStep, v, offsets, weights, filterBytes, depth, pairs);
  else if (height == 2) products2(to, toStep, v, offsets, weights, filterBytes, depth, pairs);
  else products1(to, toStep, v, offsets, weights, filterBytes, depth, pairs);
}

/** The tile of `products`; height is a constant where it is inlined. */
function productsTile(
  height: i32,
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  for (; pairs > 0; pairs--) {
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
    let offset = offsets;
    let weight = weights;
    for (let left = depth; left > 0; left--) {
      const from = v + <usize>load<u32>(offset);
      const a = v128.load(from);
      const b = v128.load(from, 16);
      const w0 = v128.load32_splat(weight);
      a0 = multiplyAdd(a0, a, w0);
      b0 = multiplyAdd(b0, b, w0);
      if (height > 1) {
        const w1 = v128.load32_splat(weight, 4);
        a1 = multiplyAdd(a1, a, w1);
        b1 = multiplyAdd(b1, b, w1);
      }
      if (height > 2) {
        const w2 = v128.load32_splat(weight, 8);
        a2 = multiplyAdd(a2, a, w2);
        b2 = multiplyAdd(b2, b, w2);
      }
      if (height > 3) {
        const w3 = v128.load32_splat(weight, 12);
        a3 = multiplyAdd(a3, a, w3);
        b3 = multiplyAdd(b3, b, w3);
      }
      if (height > 4) {
        const w4 = v128.load32_splat(weight, 16);
        a4 = multiplyAdd(a4, a, w4);
        b4 = multiplyAdd(b4, b, w4);
      }
      if (height > 5) {
        const w5 = v128.load32_splat(weight, 20);
        a5 = multiplyAdd(a5, a, w5);
        b5 = multiplyAdd(b5, b, w5);
      }
      offset += 4;
      weight += filterBytes;
    }
    let at = to;
    v128.store(at, a0);
    v128.store(at, b0, 16);
    if (height > 1) {
      at += toStep;
      v128.store(at, a1);
      v128.store(at, b1, 16);
    }
    if (height > 2) {
      at += toStep;
      v128.store(at, a2);
      v128.store(at, b2, 16);
    }
    if (height > 3) {
      at += toStep;
      v128.store(at, a3);
      v128.store(at, b3, 16);
    }
    if (height > 4) {
      at += toStep;
      v128.store(at, a4);
      v128.store(at, b4, 16);
    }
    if (height > 5) {
      at += toStep;
      v128.store(at, a5);
      v128.store(at, b5, 16);
    }
    to += 32;
    v += 32;
  }
}

export function products6(
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  inline.always(productsTile(6, to, toStep, v, offsets, weights, filterBytes, depth, pairs));
}

export function products5(
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  inline.always(productsTile(5, to, toStep, v, offsets, weights, filterBytes, depth, pairs));
}

export function products4(
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  inline.always(productsTile(4, to, toStep, v, offsets, weights, filterBytes, depth, pairs));
}

export function products3(
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  inline.always(productsTile(3, to, toStep, v, offsets, weights, filterBytes, depth, pairs));
}

export function products2(
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  inline.always(productsTile(2, to, toStep, v, offsets, weights, filterBytes, depth, pairs));
}

export function products1(
  to: usize,
  toStep: usize,
  v: usize,
  offsets: usize,
  weights: usize,
  filterBytes: usize,
  depth: i32,
  pairs: i32,
): void {
  inline.always(productsTile(1, to, toStep, v, offsets, weights, filterBytes, depth, pairs));
}

/**
 * sums[k, f] += Σ_v x_k[v]·z[v, f] for k < width (3 or 4), f < height (1 or 2), lane by lane; rows of sums are `sumsStep` apart,
 * vectors of z `zStep`, of x_k, at x + offsets[k], 16 bytes. Nine sums would leave no register for the six factors, which the
 * engine loads ahead: 0.82 of the speed of eight. bench/winogradRows.bench.ts
 */
export function dots(
  height: i32,
  width: i32,
  sums: usize,
  sumsStep: usize,
  x: usize,
  offsets: usize,
  z: usize,
  zStep: usize,
  count: i32,
): void {
  if (height == 2) {
    if (width == 4) dots2x4(sums, sumsStep, x, offsets, z, zStep, count);
    else dots2x3(sums, sumsStep, x, offsets, z, zStep, count);
  } else {
    if (width == 4) dots1x4(sums, sumsStep, x, offsets, z, zStep, count);
    else dots1x3(sums, sumsStep, x, offsets, z, zStep, count);
  }
}

/** The tile of `dots`; height and width are constants where it is inlined. */
function dotsTile(
  height: i32,
  width: i32,
  sums: usize,
  sumsStep: usize,
  x: usize,
  offsets: usize,
  z: usize,
  zStep: usize,
  count: i32,
): void {
  let xa = x + <usize>load<u32>(offsets);
  let xb = x + <usize>load<u32>(offsets, 4);
  let xc = x + <usize>load<u32>(offsets, 8);
  let xd = width > 3 ? x + <usize>load<u32>(offsets, 12) : x;
  let a0 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let c0 = f32x4.splat(0);
  let d0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let d1 = f32x4.splat(0);
  for (; count > 0; count--) {
    const a = v128.load(xa);
    const b = v128.load(xb);
    const c = v128.load(xc);
    const d = width > 3 ? v128.load(xd) : c;
    const z0 = v128.load(z);
    a0 = multiplyAdd(a0, a, z0);
    b0 = multiplyAdd(b0, b, z0);
    c0 = multiplyAdd(c0, c, z0);
    if (width > 3) d0 = multiplyAdd(d0, d, z0);
    if (height > 1) {
      const z1 = v128.load(z, 16);
      a1 = multiplyAdd(a1, a, z1);
      b1 = multiplyAdd(b1, b, z1);
      c1 = multiplyAdd(c1, c, z1);
      if (width > 3) d1 = multiplyAdd(d1, d, z1);
    }
    xa += 16;
    xb += 16;
    xc += 16;
    if (width > 3) xd += 16;
    z += zStep;
  }
  addVector(sums, a0);
  if (height > 1) addVector(sums + 16, a1);
  sums += sumsStep;
  addVector(sums, b0);
  if (height > 1) addVector(sums + 16, b1);
  sums += sumsStep;
  addVector(sums, c0);
  if (height > 1) addVector(sums + 16, c1);
  if (width > 3) {
    sums += sumsStep;
    addVector(sums, d0);
    if (height > 1) addVector(sums + 16, d1);
  }
}

export function dots2x4(
  sums: usize,
  sumsStep: usize,
  x: usize,
  offsets: usize,
  z: usize,
  zStep: usize,
  count: i32,
): void {
  inline.always(dotsTile(2, 4, sums, sumsStep, x, offsets, z, zStep, count));
}

export function dots2x3(
  sums: usize,
  sumsStep: usize,
  x: usize,
  offsets: usize,
  z: usize,
  zStep: usize,
  count: i32,
): void {
  inline.always(dotsTile(2, 3, sums, sumsStep, x, offsets, z, zStep, count));
}

export function dots1x4(
  sums: usize,
  sumsStep: usize,
  x: usize,
  offsets: usize,
  z: usize,
  zStep: usize,
  count: i32,
): void {
  inline.always(dotsTile(1, 4, sums, sumsStep, x, offsets, z, zStep, count));
}

export function dots1x3(
  sums: usize,
  sumsStep: usize,
  x: usize,
  offsets: usize,
  z: usize,
  zStep: usize,
  count: i32,
): void {
  inline.always(dotsTile(1, 3, sums, sumsStep, x, offsets, z, zStep, count));
}

/** to[i] = the sum of vector i's lanes, (0 + 2) + (1 + 3), for `count` vectors, a multiple of four. */
export function sumLanes(to: usize, from: usize, count: i32): void {
  for (; count > 0; count -= 4) {
    const pairs0 = sumPairs(v128.load(from), v128.load(from, 16));
    const pairs1 = sumPairs(v128.load(from, 32), v128.load(from, 48));
    const first = v128.shuffle<f32>(pairs0, pairs1, 0, 1, 4, 5);
    v128.store(to, f32x4.add(first, v128.shuffle<f32>(pairs0, pairs1, 2, 3, 6, 7)));
    from += 64;
    to += 16;
  }
}

/** [a0 + a2, b0 + b2, a1 + a3, b1 + b3]. */
function sumPairs(a: v128, b: v128): v128 {
  return f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
}

function addVector(to: usize, v: v128): void {
  v128.store(to, f32x4.add(v128.load(to), v));
}
