/**
 * The transforms of Winograd's F(4, 5): four outputs of five taps from eight inputs, by eight points: 0, ±1/2, ±1, ±2, ∞,
 * in this order. Lanes are tiles that lie side by side, or values of a kernel. All constants but three weights of G are
 * exact. Derivation: docs/winograd.md.
 */
const WEIGHT_HALF: f32 = 32.0 / 45.0;
const WEIGHT_ONE: f32 = -2.0 / 9.0;
const WEIGHT_TWO: f32 = 1.0 / 90.0;

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

/**
 * v = Bᵀ·d, eight values to eight; d0 … d3 are the tile's own columns, `columnStep` apart, d4 … d7 those of the next tile:
 *   v0 = d0 − d6 + 21/4·(d4 − d2)               v7 = d7 − d1 + 21/4·(d3 − d5)
 *   v1, v2 = (d6 − 5·d4 + 4·d2) ± 1/2·(d5 − 5·d3 + 4·d1)
 *   v3, v4 = (d6 − 17/4·d4 + d2) ± (d5 − 17/4·d3 + d1)
 *   v5, v6 = (d6 − 5/4·d4 + d2/4) ± 2·(d5 − 5/4·d3 + d1/4)
 */
export function rowsInputLine(
  to: usize,
  stride: usize,
  column0: usize,
  columnStep: usize,
  vectors: i32,
): void {
  const outer = f32x4.splat(21.0 / 4.0);
  const middle = f32x4.splat(17.0 / 4.0);
  const inner = f32x4.splat(5.0 / 4.0);
  const four = f32x4.splat(4);
  const quarter = f32x4.splat(0.25);
  const half = f32x4.splat(0.5);
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
    let v = to;
    v128.store(v, f32x4.add(f32x4.sub(d0, d6), f32x4.mul(outer, f32x4.sub(d4, d2))));
    const inner4 = f32x4.mul(inner, d4);
    const inner3 = f32x4.mul(inner, d3);
    let even = f32x4.add(d6, f32x4.mul(four, f32x4.sub(d2, inner4)));
    let odd = f32x4.mul(half, f32x4.add(d5, f32x4.mul(four, f32x4.sub(d1, inner3))));
    v += stride;
    v128.store(v, f32x4.add(even, odd));
    v += stride;
    v128.store(v, f32x4.sub(even, odd));
    even = f32x4.sub(f32x4.add(d6, d2), f32x4.mul(middle, d4));
    odd = f32x4.sub(f32x4.add(d5, d1), f32x4.mul(middle, d3));
    v += stride;
    v128.store(v, f32x4.add(even, odd));
    v += stride;
    v128.store(v, f32x4.sub(even, odd));
    even = f32x4.add(f32x4.sub(d6, inner4), f32x4.mul(quarter, d2));
    odd = f32x4.add(f32x4.sub(d5, inner3), f32x4.mul(quarter, d1));
    odd = f32x4.add(odd, odd);
    v += stride;
    v128.store(v, f32x4.add(even, odd));
    v += stride;
    v128.store(v, f32x4.sub(even, odd));
    v += stride;
    v128.store(v, f32x4.add(f32x4.sub(d7, d1), f32x4.mul(outer, f32x4.sub(d3, d5))));
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

/**
 * y = Aᵀ·m + bias, eight values to four, m_k at `from + k·fromStride`, y_r at `to + r·stride`:
 *   y0 = m0 + r + s + z        y1 = q/2 + d + 2·e        y2 = r/4 + s + 4·z        y3 = q/8 + d + 8·e + m7
 * with r, q = m1 ± m2, s, d = m3 ± m4 and z, e = m5 ± m6. Point 1 enters all four outputs with weight 1: the bias is added there.
 */
export function rowsOutputLine(
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

/**
 * z = A·y, four values to eight, the transpose of `rowsOutputLine`; y_r at `from + r·fromStride`:
 *   z0 = y0     z1, z2 = (y0 + y2/4) ± 1/2·(y1 + y3/4)     z3, z4 = (y0 + y2) ± (y1 + y3)
 *   z7 = y3     z5, z6 = (y0 + 4·y2) ± 2·(y1 + 4·y3)
 */
export function rowsGradientLine(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  vectors: i32,
): void {
  const half = f32x4.splat(0.5);
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  for (; vectors > 0; vectors--) {
    let y = from;
    const y0 = v128.load(y);
    y += fromStride;
    const y1 = v128.load(y);
    y += fromStride;
    const y2 = v128.load(y);
    y += fromStride;
    const y3 = v128.load(y);
    let z = to;
    v128.store(z, y0);
    let even = f32x4.add(y0, f32x4.mul(quarter, y2));
    let odd = f32x4.mul(half, f32x4.add(y1, f32x4.mul(quarter, y3)));
    z += stride;
    v128.store(z, f32x4.add(even, odd));
    z += stride;
    v128.store(z, f32x4.sub(even, odd));
    even = f32x4.add(y0, y2);
    odd = f32x4.add(y1, y3);
    z += stride;
    v128.store(z, f32x4.add(even, odd));
    z += stride;
    v128.store(z, f32x4.sub(even, odd));
    even = f32x4.add(y0, f32x4.mul(four, y2));
    odd = f32x4.add(y1, f32x4.mul(four, y3));
    odd = f32x4.add(odd, odd);
    z += stride;
    v128.store(z, f32x4.add(even, odd));
    z += stride;
    v128.store(z, f32x4.sub(even, odd));
    z += stride;
    v128.store(z, y3);
    from += 16;
    to += 16;
  }
}

/**
 * u = G·g, five values to eight, g_k at `from + k·fromStride`, u_k at `to + k·stride`:
 *   u0 = g0     u1, u2 = 32/45·((g0 + g2/4 + g4/16) ± 1/2·(g1 + g3/4))     u3, u4 = −2/9·((g0 + g2 + g4) ± (g1 + g3))
 *   u7 = g4     u5, u6 = 1/90·((g0 + 4·g2 + 16·g4) ± 2·(g1 + 4·g3))
 */
export function rowsKernelLine(to: usize, stride: usize, from: usize, fromStride: usize, vectors: i32): void {
  const half = f32x4.splat(0.5);
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  for (; vectors > 0; vectors--) {
    let g = from;
    const g0 = v128.load(g);
    g += fromStride;
    const g1 = v128.load(g);
    g += fromStride;
    const g2 = v128.load(g);
    g += fromStride;
    const g3 = v128.load(g);
    g += fromStride;
    const g4 = v128.load(g);
    let u = to;
    v128.store(u, g0);
    let weight = f32x4.splat(WEIGHT_HALF);
    let even = f32x4.add(g0, f32x4.mul(quarter, f32x4.add(g2, f32x4.mul(quarter, g4))));
    let odd = f32x4.mul(half, f32x4.add(g1, f32x4.mul(quarter, g3)));
    u += stride;
    v128.store(u, f32x4.mul(weight, f32x4.add(even, odd)));
    u += stride;
    v128.store(u, f32x4.mul(weight, f32x4.sub(even, odd)));
    weight = f32x4.splat(WEIGHT_ONE);
    even = f32x4.add(f32x4.add(g0, g2), g4);
    odd = f32x4.add(g1, g3);
    u += stride;
    v128.store(u, f32x4.mul(weight, f32x4.add(even, odd)));
    u += stride;
    v128.store(u, f32x4.mul(weight, f32x4.sub(even, odd)));
    weight = f32x4.splat(WEIGHT_TWO);
    even = f32x4.add(g0, f32x4.mul(four, f32x4.add(g2, f32x4.mul(four, g4))));
    odd = f32x4.add(g1, f32x4.mul(four, g3));
    odd = f32x4.add(odd, odd);
    u += stride;
    v128.store(u, f32x4.mul(weight, f32x4.add(even, odd)));
    u += stride;
    v128.store(u, f32x4.mul(weight, f32x4.sub(even, odd)));
    u += stride;
    v128.store(u, g4);
    from += 16;
    to += 16;
  }
}

/**
 * g = Gᵀ·u, eight values to five:
 *   g0 = u0 + r + s + z     g1 = q/2 + d + 2·e     g2 = r/4 + s + 4·z     g3 = q/8 + d + 8·e     g4 = r/16 + s + 16·z + u7
 * with r, q = 32/45·(u1 ± u2), s, d = −2/9·(u3 ± u4) and z, e = 1/90·(u5 ± u6).
 */
export function rowsKernelGradientLine(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  vectors: i32,
): void {
  const half = f32x4.splat(0.5);
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  for (; vectors > 0; vectors--) {
    let u = from + fromStride;
    let plus = v128.load(u);
    u += fromStride;
    let minus = v128.load(u);
    let weight = f32x4.splat(WEIGHT_HALF);
    let r = f32x4.mul(weight, f32x4.add(plus, minus));
    let q = f32x4.mul(half, f32x4.mul(weight, f32x4.sub(plus, minus)));
    u += fromStride;
    plus = v128.load(u);
    u += fromStride;
    minus = v128.load(u);
    weight = f32x4.splat(WEIGHT_ONE);
    const s = f32x4.mul(weight, f32x4.add(plus, minus));
    const d = f32x4.mul(weight, f32x4.sub(plus, minus));
    u += fromStride;
    plus = v128.load(u);
    u += fromStride;
    minus = v128.load(u);
    weight = f32x4.splat(WEIGHT_TWO);
    let z = f32x4.mul(weight, f32x4.add(plus, minus));
    let e = f32x4.mul(weight, f32x4.sub(plus, minus));
    e = f32x4.add(e, e);
    let g = to;
    v128.store(g, f32x4.add(f32x4.add(f32x4.add(v128.load(from), r), s), z));
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(q, d), e));
    r = f32x4.mul(quarter, r);
    z = f32x4.mul(four, z);
    q = f32x4.mul(quarter, q);
    e = f32x4.mul(four, e);
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(r, s), z));
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(q, d), e));
    g += stride;
    r = f32x4.mul(quarter, r);
    z = f32x4.mul(four, z);
    v128.store(g, f32x4.add(f32x4.add(f32x4.add(r, s), z), v128.load(u + fromStride)));
    from += 16;
    to += 16;
  }
}
