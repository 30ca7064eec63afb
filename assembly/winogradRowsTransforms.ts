/**
 * Lanes that are tiles: pictures and slopes turned into them and back, and the transforms of F(4, 5) upon them. The transforms' algebra, and
 * those of kernels, are in winogradTransforms8.ts.
 */
import { ROOT_HALF, ROOT_TWO, storeInput, storeOutput } from "./winogradTransforms";
import { storeGradient8, storeInput8 } from "./winogradTransforms8";

/** to[q, t] = from[t, q]: tiles of `values` floats, a multiple of four, to rows of lanes `toStep` apart; whole vectors of tiles. */
export function tilesToLanes(to: usize, toStep: usize, from: usize, values: i32, vectors: i32): void {
  const tile = (<usize>values) << 2;
  for (; vectors > 0; vectors--) {
    let at = to;
    let f0 = from;
    let f1 = f0 + tile;
    let f2 = f1 + tile;
    let f3 = f2 + tile;
    from = f3 + tile;
    for (let left = values; left > 0; left -= 4) {
      const x0 = v128.load(f0);
      const x1 = v128.load(f1);
      const x2 = v128.load(f2);
      const x3 = v128.load(f3);
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      v128.store(at, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      at += toStep;
      v128.store(at, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      at += toStep;
      v128.store(at, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      at += toStep;
      v128.store(at, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
      at += toStep;
      f0 += 16;
      f1 += 16;
      f2 += 16;
      f3 += 16;
    }
    to += 16;
  }
}

/** The way back: to[t, q] = from[q, t]. */
export function lanesToTiles(to: usize, from: usize, fromStep: usize, values: i32, vectors: i32): void {
  const tile = (<usize>values) << 2;
  for (; vectors > 0; vectors--) {
    let at = from;
    let t0 = to;
    let t1 = t0 + tile;
    let t2 = t1 + tile;
    let t3 = t2 + tile;
    to = t3 + tile;
    for (let left = values; left > 0; left -= 4) {
      const x0 = v128.load(at);
      at += fromStep;
      const x1 = v128.load(at);
      at += fromStep;
      const x2 = v128.load(at);
      at += fromStep;
      const x3 = v128.load(at);
      at += fromStep;
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      v128.store(t0, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(t1, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      v128.store(t2, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      v128.store(t3, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
      t0 += 16;
      t1 += 16;
      t2 += 16;
      t3 += 16;
    }
    from += 16;
  }
}

/** v = Bᵀ·d of F(4, 3): d0 … d3 are the tile's own columns, `columnStep` apart, d4 and d5 those of the next tile. */
export function rowsInputLine6(
  to: usize,
  stride: usize,
  column0: usize,
  columnStep: usize,
  vectors: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const c = f32x4.splat(2.5);
  const to3 = stride * 3;
  let column1 = column0 + columnStep;
  let column2 = column1 + columnStep;
  let column3 = column2 + columnStep;
  let d0 = v128.load(column0);
  let d1 = v128.load(column1);
  for (; vectors > 0; vectors--) {
    const next0 = v128.load(column0, 16);
    const next1 = v128.load(column1, 16);
    const d2 = v128.load(column2);
    const d3 = v128.load(column3);
    const d4 = v128.shuffle<f32>(d0, next0, 1, 2, 3, 4);
    const d5 = v128.shuffle<f32>(d1, next1, 1, 2, 3, 4);
    inline.always(storeInput(to, stride, to3, a, b, c, d0, d1, d2, d3, d4, d5));
    d0 = next0;
    d1 = next1;
    to += 16;
    column0 += 16;
    column1 += 16;
    column2 += 16;
    column3 += 16;
  }
}

/** v = Bᵀ·d of F(4, 5): d0 … d3 are the tile's own columns, `columnStep` apart, d4 … d7 those of the next tile. */
export function rowsInputLine8(
  to: usize,
  stride: usize,
  column0: usize,
  columnStep: usize,
  vectors: i32,
): void {
  let column1 = column0 + columnStep;
  let column2 = column1 + columnStep;
  let column3 = column2 + columnStep;
  let d0 = v128.load(column0);
  let d1 = v128.load(column1);
  let d2 = v128.load(column2);
  let d3 = v128.load(column3);
  for (; vectors > 0; vectors--) {
    // The next tile's columns are the same lanes, one further.
    const next0 = v128.load(column0, 16);
    const next1 = v128.load(column1, 16);
    const next2 = v128.load(column2, 16);
    const next3 = v128.load(column3, 16);
    const d4 = v128.shuffle<f32>(d0, next0, 1, 2, 3, 4);
    const d5 = v128.shuffle<f32>(d1, next1, 1, 2, 3, 4);
    const d6 = v128.shuffle<f32>(d2, next2, 1, 2, 3, 4);
    const d7 = v128.shuffle<f32>(d3, next3, 1, 2, 3, 4);
    inline.always(storeInput8(to, stride, d0, d1, d2, d3, d4, d5, d6, d7));
    d0 = next0;
    d1 = next1;
    d2 = next2;
    d3 = next3;
    to += 16;
    column0 += 16;
    column1 += 16;
    column2 += 16;
    column3 += 16;
  }
}

/** y = Aᵀ·m + bias of F(4, 3), m_k at `from + k·fromStride`, y_r at `to + r·stride`. */
export function rowsOutputLine6(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bias: f32,
  vectors: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const shift = f32x4.splat(bias);
  for (; vectors > 0; vectors--) {
    const to2 = to + 2 * stride;
    inline.always(storeOutput(to, to + stride, to2, to2 + stride, from, fromStride, a, b, half, shift));
    from += 16;
    to += 16;
  }
}

/**
 * y = Aᵀ·m + bias, eight values to four, m_k at `from + k·fromStride`, y_r at `to + r·stride`:
 *   y0 = m0 + r + s + z        y1 = q/2 + d + 2·e        y2 = r/4 + s + 4·z        y3 = q/8 + d + 8·e + m7
 * with r, q = m1 ± m2, s, d = m3 ± m4 and z, e = m5 ± m6. Point 1 enters all four outputs with weight 1: the bias is added there.
 */
export function rowsOutputLine8(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bias: f32,
  vectors: i32,
): void {
  const half = f32x4.splat(0.5);
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  const shift = f32x4.splat(bias);
  for (; vectors > 0; vectors--) {
    let m = from;
    const m0 = v128.load(m);
    m += fromStride;
    const m1 = v128.load(m);
    m += fromStride;
    const m2 = v128.load(m);
    m += fromStride;
    const m3 = f32x4.add(v128.load(m), shift);
    m += fromStride;
    const m4 = v128.load(m);
    m += fromStride;
    const m5 = v128.load(m);
    m += fromStride;
    const m6 = v128.load(m);
    m += fromStride;
    const r = f32x4.add(m1, m2);
    const s = f32x4.add(m3, m4);
    const z = f32x4.add(m5, m6);
    const q = f32x4.mul(half, f32x4.sub(m1, m2));
    const d = f32x4.sub(m3, m4);
    const e = f32x4.sub(m5, m6);
    const twice = f32x4.add(e, e);
    let y = to;
    v128.store(y, f32x4.add(f32x4.add(m0, r), f32x4.add(s, z)));
    y += stride;
    v128.store(y, f32x4.add(f32x4.add(q, d), twice));
    y += stride;
    v128.store(y, f32x4.add(f32x4.add(f32x4.mul(quarter, r), s), f32x4.mul(four, z)));
    y += stride;
    const odd = f32x4.add(f32x4.add(f32x4.mul(quarter, q), d), f32x4.mul(four, twice));
    v128.store(y, f32x4.add(odd, v128.load(m)));
    from += 16;
    to += 16;
  }
}

/** z = A·y, the transpose of `rowsOutputLine8`; y_r at `from + r·fromStride`. */
export function rowsGradientLine8(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  vectors: i32,
): void {
  for (; vectors > 0; vectors--) {
    const from2 = from + 2 * fromStride;
    const y0 = v128.load(from);
    const y1 = v128.load(from + fromStride);
    const y2 = v128.load(from2);
    inline.always(storeGradient8(to, stride, y0, y1, y2, v128.load(from2 + fromStride)));
    from += 16;
    to += 16;
  }
}
