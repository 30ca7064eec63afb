/**
 * The one-dimensional transforms of Winograd's F(2, 5): two outputs of five taps from six inputs. Six points, those of
 * F(4, 3), so that the input's transform is the same, `winogradInputLine`; the others are here. Derivation: docs/winograd.md.
 */
const ROOT_HALF = Mathf.SQRT1_2;
const ROOT_TWO = Mathf.SQRT2;
const WEIGHT_A: f32 = -2.0 / 3.0;
const WEIGHT_B: f32 = 1.0 / 12.0;

/** y = Aᵀ·m + bias, six values to two: y0 = m0 + s + z, y1 = a·d + b·e + m5, with s, d = m1 ± m2 and z, e = m3 ± m4. */
export function winogradOutputLine5(
  to0: usize,
  to1: usize,
  from: usize,
  fromStride: usize,
  bias: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  for (let at: usize = 0; at < bytes; at += 16) {
    let m = from + at;
    const m0 = v128.load(m);
    m += fromStride;
    const m1 = v128.load(m);
    m += fromStride;
    const m2 = v128.load(m);
    m += fromStride;
    const m3 = v128.load(m);
    m += fromStride;
    const m4 = v128.load(m);
    m += fromStride;
    const m5 = v128.load(m);
    const shift = v128.load(bias + at);
    const even = f32x4.add(f32x4.add(m0, f32x4.add(m1, m2)), f32x4.add(m3, m4));
    const odd = f32x4.add(f32x4.mul(a, f32x4.sub(m1, m2)), f32x4.mul(b, f32x4.sub(m3, m4)));
    v128.store(to0 + at, f32x4.add(even, shift));
    v128.store(to1 + at, f32x4.add(f32x4.add(odd, m5), shift));
  }
}

/** The same of `tiles` tiles: tile t's m_k at `from + t·pixel + k·fromStride`, its y_k at pixel 2·t + k from `to` on. */
export function winogradOutputRun5(
  to: usize,
  from: usize,
  fromStride: usize,
  bias: usize,
  pixel: usize,
  tiles: i32,
): void {
  for (; tiles > 0; tiles--) {
    winogradOutputLine5(to, to + pixel, from, fromStride, bias, pixel);
    to += 2 * pixel;
    from += pixel;
  }
}

/** t = A·r, two values to six: t0 = r0, t1, t2 = r0 ± a·r1, t3, t4 = r0 ± b·r1, t5 = r1. */
function storeGradient(to: usize, stride: usize, a: v128, b: v128, d0: v128, d1: v128): void {
  const oddA = f32x4.mul(a, d1);
  const oddB = f32x4.mul(b, d1);
  v128.store(to, d0);
  to += stride;
  v128.store(to, f32x4.add(d0, oddA));
  to += stride;
  v128.store(to, f32x4.sub(d0, oddA));
  to += stride;
  v128.store(to, f32x4.add(d0, oddB));
  to += stride;
  v128.store(to, f32x4.sub(d0, oddB));
  to += stride;
  v128.store(to, d1);
}

/** A·r of 8 channels of two rows of pixels, as winogradGradientColumns. */
export function winogradGradientColumns5(
  to: usize,
  stride: usize,
  r0: usize,
  r1: usize,
  pixel: usize,
  columns: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  for (; columns > 0; columns--) {
    inline.always(storeGradient(to, stride, a, b, v128.load(r0), v128.load(r1)));
    to += 16;
    inline.always(storeGradient(to, stride, a, b, v128.load(r0, 16), v128.load(r1, 16)));
    to += 16;
    r0 += pixel;
    r1 += pixel;
  }
}

/** A·r of the two neighbours of each of `tiles` tiles, 8 channels. */
export function winogradGradientRun5(to: usize, stride: usize, from: usize, tiles: i32): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  for (; tiles > 0; tiles--) {
    inline.always(storeGradient(to, stride, a, b, v128.load(from), v128.load(from, 32)));
    to += 16;
    inline.always(storeGradient(to, stride, a, b, v128.load(from, 16), v128.load(from, 48)));
    to += 16;
    from += 64;
  }
}

/**
 * t = G·g, five values to six, g_k at `from + k·fromStride`, t_k at `to + k·stride`:
 *   t0 = g0     t1, t2 = −2/3·((g0 + g2/2 + g4/4) ± a·(g1 + g3/2))
 *   t5 = g4     t3, t4 = 1/12·((g0 + 2·g2 + 4·g4) ± b·(g1 + 2·g3))
 */
export function winogradKernelLine5(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  const weightA = f32x4.splat(WEIGHT_A);
  const weightB = f32x4.splat(WEIGHT_B);
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
    const evenA = f32x4.add(g0, f32x4.mul(half, f32x4.add(g2, f32x4.mul(half, g4))));
    const oddA = f32x4.mul(a, f32x4.add(g1, f32x4.mul(half, g3)));
    u += stride;
    v128.store(u, f32x4.mul(weightA, f32x4.add(evenA, oddA)));
    u += stride;
    v128.store(u, f32x4.mul(weightA, f32x4.sub(evenA, oddA)));
    const evenB = f32x4.add(g0, f32x4.mul(two, f32x4.add(g2, f32x4.mul(two, g4))));
    const oddB = f32x4.mul(b, f32x4.add(g1, f32x4.mul(two, g3)));
    u += stride;
    v128.store(u, f32x4.mul(weightB, f32x4.add(evenB, oddB)));
    u += stride;
    v128.store(u, f32x4.mul(weightB, f32x4.sub(evenB, oddB)));
    u += stride;
    v128.store(u, g4);
  }
}

/**
 * g = Gᵀ·t, six values to five, t_k at `from + k·fromStride`, g_k at `to + k·stride`:
 *   g0 = t0 + s + z     g1 = a·d + b·e     g2 = s/2 + 2·z     g3 = a·d/2 + 2·b·e     g4 = s/4 + 4·z + t5
 * with s, d = −2/3·(t1 ± t2) and z, e = 1/12·(t3 ± t4).
 */
export function winogradKernelGradientLine5(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  const weightA = f32x4.splat(WEIGHT_A);
  const weightB = f32x4.splat(WEIGHT_B);
  const slopeA = f32x4.splat(ROOT_HALF);
  const slopeB = f32x4.splat(ROOT_TWO);
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
    let s = f32x4.mul(weightA, f32x4.add(t1, t2));
    let z = f32x4.mul(weightB, f32x4.add(t3, t4));
    let d = f32x4.mul(slopeA, f32x4.mul(weightA, f32x4.sub(t1, t2)));
    let e = f32x4.mul(slopeB, f32x4.mul(weightB, f32x4.sub(t3, t4)));
    let g = to + at;
    v128.store(g, f32x4.add(f32x4.add(t0, s), z));
    g += stride;
    v128.store(g, f32x4.add(d, e));
    s = f32x4.mul(half, s);
    z = f32x4.mul(two, z);
    d = f32x4.mul(half, d);
    e = f32x4.mul(two, e);
    g += stride;
    v128.store(g, f32x4.add(s, z));
    g += stride;
    v128.store(g, f32x4.add(d, e));
    g += stride;
    v128.store(g, f32x4.add(f32x4.add(f32x4.mul(half, s), f32x4.mul(two, z)), t5));
  }
}
