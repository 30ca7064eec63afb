/**
 * The one-dimensional transforms of Winograd's F(4, 5): four outputs of five taps from eight inputs; for winogradRows.ts too. Points 0, ±½, ±1, ±2, ∞:
 * among symmetric ones these amplify roundings least (4 % above the best of any), and all constants but those of G are exact.
 * Points ±p share their even and odd parts. Lines and runs as in winogradTransforms.ts; derivation: docs/winograd.md.
 */
const WEIGHT_HALF: f32 = 32.0 / 45.0;
const WEIGHT_ONE: f32 = -2.0 / 9.0;
const WEIGHT_TWO: f32 = 1.0 / 90.0;

/**
 * t = Bᵀ·d, eight values to eight:
 *   t0 = (d0 − d6) + 21/4·(d4 − d2)     t1, t2 = (d6 − 5·d4 + 4·d2) ± 1/2·(d5 − 5·d3 + 4·d1)
 *   t7 = (d7 − d1) + 21/4·(d3 − d5)     t3, t4 = (d6 − 17/4·d4 + d2) ± (d5 − 17/4·d3 + d1)
 *                                       t5, t6 = (d6 − 5/4·d4 + d2/4) ± 2·(d5 − 5/4·d3 + d1/4)
 */
export function storeInput8(
  to: usize,
  stride: usize,
  d0: v128,
  d1: v128,
  d2: v128,
  d3: v128,
  d4: v128,
  d5: v128,
  d6: v128,
  d7: v128,
): void {
  const outer = f32x4.splat(21.0 / 4.0);
  const middle = f32x4.splat(17.0 / 4.0);
  const inner = f32x4.splat(5.0 / 4.0);
  const four = f32x4.splat(4);
  const quarter = f32x4.splat(0.25);
  v128.store(to, f32x4.add(f32x4.sub(d0, d6), f32x4.mul(outer, f32x4.sub(d4, d2))));
  const inner4 = f32x4.mul(inner, d4);
  const inner3 = f32x4.mul(inner, d3);
  let even = f32x4.add(d6, f32x4.mul(four, f32x4.sub(d2, inner4)));
  let odd = f32x4.mul(f32x4.splat(0.5), f32x4.add(d5, f32x4.mul(four, f32x4.sub(d1, inner3))));
  to += stride;
  v128.store(to, f32x4.add(even, odd));
  to += stride;
  v128.store(to, f32x4.sub(even, odd));
  even = f32x4.sub(f32x4.add(d6, d2), f32x4.mul(middle, d4));
  odd = f32x4.sub(f32x4.add(d5, d1), f32x4.mul(middle, d3));
  to += stride;
  v128.store(to, f32x4.add(even, odd));
  to += stride;
  v128.store(to, f32x4.sub(even, odd));
  even = f32x4.add(f32x4.sub(d6, inner4), f32x4.mul(quarter, d2));
  odd = f32x4.add(f32x4.sub(d5, inner3), f32x4.mul(quarter, d1));
  odd = f32x4.add(odd, odd);
  to += stride;
  v128.store(to, f32x4.add(even, odd));
  to += stride;
  v128.store(to, f32x4.sub(even, odd));
  to += stride;
  v128.store(to, f32x4.add(f32x4.sub(d7, d1), f32x4.mul(outer, f32x4.sub(d3, d5))));
}

/** Bᵀ·d of eight pixels, for `tiles` tiles four pixels apart; result k of tile t goes to `to + k·stride + t·pixel`. */
export function winogradInputRun8(to: usize, stride: usize, from: usize, pixel: usize, tiles: i32): void {
  for (; tiles > 0; tiles--) {
    for (const end = from + pixel; from < end; from += 16) {
      let p = from;
      const d0 = v128.load(p);
      p += pixel;
      const d1 = v128.load(p);
      p += pixel;
      const d2 = v128.load(p);
      p += pixel;
      const d3 = v128.load(p);
      p += pixel;
      const d4 = v128.load(p);
      p += pixel;
      const d5 = v128.load(p);
      p += pixel;
      const d6 = v128.load(p);
      p += pixel;
      inline.always(storeInput8(to, stride, d0, d1, d2, d3, d4, d5, d6, v128.load(p)));
      to += 16;
    }
    from += 3 * pixel;
  }
}

/**
 * y = Aᵀ·m + shift of one vector, eight values to four, m_k at `m + k·stride`, y_k at `to_k`:
 *   y0 = m0 + s + u + w                 s, d = m1 ± m2
 *   y1 = d/2 + v + 2·z                  u, v = m3 ± m4
 *   y2 = s/4 + u + 4·w                  w, z = m5 ± m6
 *   y3 = d/8 + v + 8·z + m7
 */
function storeOutput(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  m: usize,
  stride: usize,
  shift: v128,
): void {
  const m0 = v128.load(m);
  m += stride;
  const m1 = v128.load(m);
  m += stride;
  const m2 = v128.load(m);
  m += stride;
  const m3 = v128.load(m);
  m += stride;
  const m4 = v128.load(m);
  m += stride;
  const m5 = v128.load(m);
  m += stride;
  const m6 = v128.load(m);
  m += stride;
  const s = f32x4.add(m1, m2);
  const u = f32x4.add(m3, m4);
  const w = f32x4.add(m5, m6);
  v128.store(to0, f32x4.add(f32x4.add(f32x4.add(m0, s), f32x4.add(u, w)), shift));
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  const y2 = f32x4.add(f32x4.add(f32x4.mul(quarter, s), u), f32x4.mul(four, w));
  v128.store(to2, f32x4.add(y2, shift));
  const d = f32x4.mul(f32x4.splat(0.5), f32x4.sub(m1, m2));
  const v = f32x4.sub(m3, m4);
  const z = f32x4.mul(f32x4.splat(2), f32x4.sub(m5, m6));
  v128.store(to1, f32x4.add(f32x4.add(f32x4.add(d, v), z), shift));
  const y3 = f32x4.add(f32x4.add(f32x4.mul(quarter, d), v), f32x4.mul(four, z));
  v128.store(to3, f32x4.add(f32x4.add(y3, v128.load(m)), shift));
}

/** Aᵀ·m + bias of one tile: the last of a row, whose pixels beyond the edge go elsewhere. */
export function winogradOutputLine8(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  from: usize,
  fromStride: usize,
  bias: usize,
  bytes: usize,
): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    const shift = v128.load(bias + at);
    inline.always(storeOutput(to0 + at, to1 + at, to2 + at, to3 + at, from + at, fromStride, shift));
  }
}

/** Aᵀ·m + bias of `tiles` tiles: tile t's m_k at `from + t·bytes + k·fromStride`, its y_k at pixel 4·t + k from `to` on. */
export function winogradOutputRun8(
  to: usize,
  from: usize,
  fromStride: usize,
  bias: usize,
  pixel: usize,
  bytes: usize,
  tiles: i32,
): void {
  for (; tiles > 0; tiles--) {
    for (let at: usize = 0; at < bytes; at += 16) {
      const to0 = to + at;
      const to2 = to0 + 2 * pixel;
      inline.always(storeOutput(to0, to0 + pixel, to2, to2 + pixel, from, fromStride, v128.load(bias + at)));
      from += 16;
    }
    to += 4 * pixel;
  }
}

/**
 * t = A·d, four values to eight, the transpose of the output's:
 *   t0 = d0     t1, t2 = (d0 + d2/4) ± (d1/2 + d3/8)     t3, t4 = (d0 + d2) ± (d1 + d3)
 *   t7 = d3     t5, t6 = (d0 + 4·d2) ± (2·d1 + 8·d3)
 */
export function storeGradient8(to: usize, stride: usize, d0: v128, d1: v128, d2: v128, d3: v128): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  v128.store(to, d0);
  const evenHalf = f32x4.add(d0, f32x4.mul(quarter, d2));
  const oddHalf = f32x4.mul(half, f32x4.add(d1, f32x4.mul(quarter, d3)));
  to += stride;
  v128.store(to, f32x4.add(evenHalf, oddHalf));
  to += stride;
  v128.store(to, f32x4.sub(evenHalf, oddHalf));
  const evenOne = f32x4.add(d0, d2);
  const oddOne = f32x4.add(d1, d3);
  to += stride;
  v128.store(to, f32x4.add(evenOne, oddOne));
  to += stride;
  v128.store(to, f32x4.sub(evenOne, oddOne));
  const evenTwo = f32x4.add(d0, f32x4.mul(four, d2));
  const oddTwo = f32x4.mul(two, f32x4.add(d1, f32x4.mul(four, d3)));
  to += stride;
  v128.store(to, f32x4.add(evenTwo, oddTwo));
  to += stride;
  v128.store(to, f32x4.sub(evenTwo, oddTwo));
  to += stride;
  v128.store(to, d3);
}

/**
 * A·d of the four neighbours of each of `tiles` tiles, `bytes` bytes of pixels of `pixel` bytes, a multiple of 32: panels of 8 channels
 * `panelStride` apart, in which tiles are neighbours.
 */
export function winogradGradientRun8(
  to: usize,
  stride: usize,
  panelStride: usize,
  from: usize,
  pixel: usize,
  bytes: usize,
  tiles: i32,
): void {
  for (; tiles > 0; tiles--) {
    let panel = to;
    const end = from + bytes;
    const next = from + 4 * pixel;
    for (; from < end; from += 32) {
      const from1 = from + pixel;
      const from2 = from1 + pixel;
      const from3 = from2 + pixel;
      let d0 = v128.load(from);
      let d1 = v128.load(from1);
      let d2 = v128.load(from2);
      inline.always(storeGradient8(panel, stride, d0, d1, d2, v128.load(from3)));
      d0 = v128.load(from, 16);
      d1 = v128.load(from1, 16);
      d2 = v128.load(from2, 16);
      inline.always(storeGradient8(panel + 16, stride, d0, d1, d2, v128.load(from3, 16)));
      panel += panelStride;
    }
    to += 32;
    from = next;
  }
}

/**
 * t = G·g, five values to eight, g_k at `from + k·fromStride`, t_k at `to + k·stride`:
 *   t0 = g0     t1, t2 = 32/45·((g0 + g2/4 + g4/16) ± (g1/2 + g3/8))     t3, t4 = −2/9·((g0 + g2 + g4) ± (g1 + g3))
 *   t7 = g4     t5, t6 = 1/90·((g0 + 4·g2 + 16·g4) ± (2·g1 + 8·g3))
 */
export function winogradKernelLine8(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  const weightHalf = f32x4.splat(WEIGHT_HALF);
  const weightOne = f32x4.splat(WEIGHT_ONE);
  const weightTwo = f32x4.splat(WEIGHT_TWO);
  for (let at: usize = 0; at < bytes; at += 16) {
    let g = from + at;
    const g0 = v128.load(g);
    g += fromStride;
    const g1 = v128.load(g);
    g += fromStride;
    const g2 = v128.load(g);
    g += fromStride;
    const g3 = v128.load(g);
    g += fromStride;
    const g4 = v128.load(g);
    let u = to + at;
    v128.store(u, g0);
    const evenHalf = f32x4.add(g0, f32x4.mul(quarter, f32x4.add(g2, f32x4.mul(quarter, g4))));
    const oddHalf = f32x4.mul(half, f32x4.add(g1, f32x4.mul(quarter, g3)));
    u += stride;
    v128.store(u, f32x4.mul(weightHalf, f32x4.add(evenHalf, oddHalf)));
    u += stride;
    v128.store(u, f32x4.mul(weightHalf, f32x4.sub(evenHalf, oddHalf)));
    const evenOne = f32x4.add(g0, f32x4.add(g2, g4));
    const oddOne = f32x4.add(g1, g3);
    u += stride;
    v128.store(u, f32x4.mul(weightOne, f32x4.add(evenOne, oddOne)));
    u += stride;
    v128.store(u, f32x4.mul(weightOne, f32x4.sub(evenOne, oddOne)));
    const evenTwo = f32x4.add(g0, f32x4.mul(four, f32x4.add(g2, f32x4.mul(four, g4))));
    const oddTwo = f32x4.mul(two, f32x4.add(g1, f32x4.mul(four, g3)));
    u += stride;
    v128.store(u, f32x4.mul(weightTwo, f32x4.add(evenTwo, oddTwo)));
    u += stride;
    v128.store(u, f32x4.mul(weightTwo, f32x4.sub(evenTwo, oddTwo)));
    u += stride;
    v128.store(u, g4);
  }
}

/**
 * g = Gᵀ·t, eight values to five, t_k at `from + k·fromStride`, g_k at `to + k·stride`:
 *   g0 = t0 + s + u + w                 s, d = 32/45·(t1 ± t2)
 *   g1 = d/2 + v + 2·z                  u, v = −2/9·(t3 ± t4)
 *   g2 = s/4 + u + 4·w                  w, z = 1/90·(t5 ± t6)
 *   g3 = d/8 + v + 8·z
 *   g4 = s/16 + u + 16·w + t7
 */
export function winogradKernelGradientLine8(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const quarter = f32x4.splat(0.25);
  const four = f32x4.splat(4);
  const weightHalf = f32x4.splat(WEIGHT_HALF);
  const weightOne = f32x4.splat(WEIGHT_ONE);
  const weightTwo = f32x4.splat(WEIGHT_TWO);
  for (let at: usize = 0; at < bytes; at += 16) {
    let t = from + at;
    const t0 = v128.load(t);
    t += fromStride;
    const t1 = v128.load(t);
    t += fromStride;
    const t2 = v128.load(t);
    t += fromStride;
    const t3 = v128.load(t);
    t += fromStride;
    const t4 = v128.load(t);
    t += fromStride;
    const t5 = v128.load(t);
    t += fromStride;
    const t6 = v128.load(t);
    t += fromStride;
    const t7 = v128.load(t);
    let s = f32x4.mul(weightHalf, f32x4.add(t1, t2));
    const u = f32x4.mul(weightOne, f32x4.add(t3, t4));
    let w = f32x4.mul(weightTwo, f32x4.add(t5, t6));
    let d = f32x4.mul(f32x4.splat(0.5), f32x4.mul(weightHalf, f32x4.sub(t1, t2)));
    const v = f32x4.mul(weightOne, f32x4.sub(t3, t4));
    let z = f32x4.mul(f32x4.splat(2), f32x4.mul(weightTwo, f32x4.sub(t5, t6)));
    let g = to + at;
    v128.store(g, f32x4.add(f32x4.add(t0, s), f32x4.add(u, w)));
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(d, v), z));
    s = f32x4.mul(quarter, s);
    w = f32x4.mul(four, w);
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(s, u), w));
    d = f32x4.mul(quarter, d);
    z = f32x4.mul(four, z);
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(d, v), z));
    s = f32x4.mul(quarter, s);
    w = f32x4.mul(four, w);
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(s, u), f32x4.add(w, t7)));
  }
}
