/**
 * The one-dimensional transforms of 3×3 convolution at stride 2, on vectors of four channels. Even samples meet two taps,
 * g0 and g2: F(4, 2), five points. Odd samples meet one, g1: F(4, 1), the four finite points. Points ±a, ±b, ∞ with
 * a = 1/2 and b = 5/4, so that all constants but the kernel's two weights are exact. Derivation: docs/winograd.md.
 *
 * Each function walks over `bytes` bytes of its inputs, 16 at a time. Results at the finite points a, −a, b, −b go to
 * `to + k·stride`, that at ∞ to `toInfinity`; likewise where they are read.
 */
const A: f32 = 0.5;
const B: f32 = 1.25;
const A2: f32 = 0.25;
const B2: f32 = 1.5625;
const A3: f32 = 0.125;
const B3: f32 = 1.953125;
/** a² + b² and a²·b² */
const SUM: f32 = 1.8125;
const PRODUCT: f32 = 0.390625;
/** 1/(2a·(a² − b²)) and 1/(2b·(b² − a²)) */
const WEIGHT_A: f32 = -16.0 / 21.0;
const WEIGHT_B: f32 = 32.0 / 105.0;

/**
 * Bᵀ on five even samples:
 *   at ±a: a·(r2 − b²·r0) ± (r3 − b²·r1)     at ±b: b·(r2 − a²·r0) ± (r3 − a²·r1)
 *   at ∞: r4 − (a² + b²)·r2 + a²b²·r0
 */
export function evenInputLine(
  to: usize,
  stride: usize,
  toInfinity: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  r4: usize,
  bytes: usize,
): void {
  const to2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const d0 = v128.load(r0 + at);
    const d1 = v128.load(r1 + at);
    const d2 = v128.load(r2 + at);
    const d3 = v128.load(r3 + at);
    const evenA = f32x4.mul(f32x4.splat(A), f32x4.sub(d2, f32x4.mul(f32x4.splat(B2), d0)));
    const oddA = f32x4.sub(d3, f32x4.mul(f32x4.splat(B2), d1));
    v128.store(to, f32x4.add(evenA, oddA));
    v128.store(to + stride, f32x4.sub(evenA, oddA));
    const evenB = f32x4.mul(f32x4.splat(B), f32x4.sub(d2, f32x4.mul(f32x4.splat(A2), d0)));
    const oddB = f32x4.sub(d3, f32x4.mul(f32x4.splat(A2), d1));
    const upper = to + to2;
    v128.store(upper, f32x4.add(evenB, oddB));
    v128.store(upper + stride, f32x4.sub(evenB, oddB));
    const low = f32x4.sub(f32x4.mul(f32x4.splat(PRODUCT), d0), f32x4.mul(f32x4.splat(SUM), d2));
    v128.store(toInfinity + at, f32x4.add(v128.load(r4 + at), low));
    to += 16;
  }
}

/** Bᵀ on four odd samples: the finite points of `evenInputLine`. */
export function oddInputLine(
  to: usize,
  stride: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  bytes: usize,
): void {
  const to2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const d0 = v128.load(r0 + at);
    const d1 = v128.load(r1 + at);
    const d2 = v128.load(r2 + at);
    const d3 = v128.load(r3 + at);
    const evenA = f32x4.mul(f32x4.splat(A), f32x4.sub(d2, f32x4.mul(f32x4.splat(B2), d0)));
    const oddA = f32x4.sub(d3, f32x4.mul(f32x4.splat(B2), d1));
    v128.store(to, f32x4.add(evenA, oddA));
    v128.store(to + stride, f32x4.sub(evenA, oddA));
    const evenB = f32x4.mul(f32x4.splat(B), f32x4.sub(d2, f32x4.mul(f32x4.splat(A2), d0)));
    const oddB = f32x4.sub(d3, f32x4.mul(f32x4.splat(A2), d1));
    const upper = to + to2;
    v128.store(upper, f32x4.add(evenB, oddB));
    v128.store(upper + stride, f32x4.sub(evenB, oddB));
    to += 16;
  }
}

/** G on the taps of even samples: (g0 ± a·g2)·wₐ, (g0 ± b·g2)·w_b, and g2 at ∞. */
export function evenKernelLine(
  to: usize,
  stride: usize,
  toInfinity: usize,
  g0: usize,
  g2: usize,
  bytes: usize,
): void {
  const to2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const first = v128.load(g0 + at);
    const second = v128.load(g2 + at);
    const a = f32x4.mul(f32x4.splat(A), second);
    v128.store(to, f32x4.mul(f32x4.splat(WEIGHT_A), f32x4.add(first, a)));
    v128.store(to + stride, f32x4.mul(f32x4.splat(WEIGHT_A), f32x4.sub(first, a)));
    const b = f32x4.mul(f32x4.splat(B), second);
    const upper = to + to2;
    v128.store(upper, f32x4.mul(f32x4.splat(WEIGHT_B), f32x4.add(first, b)));
    v128.store(upper + stride, f32x4.mul(f32x4.splat(WEIGHT_B), f32x4.sub(first, b)));
    v128.store(toInfinity + at, second);
    to += 16;
  }
}

/** G on the tap of odd samples: g1·wₐ twice, g1·w_b twice. */
export function oddKernelLine(to: usize, stride: usize, g1: usize, bytes: usize): void {
  const to2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const tap = v128.load(g1 + at);
    const a = f32x4.mul(f32x4.splat(WEIGHT_A), tap);
    const b = f32x4.mul(f32x4.splat(WEIGHT_B), tap);
    v128.store(to, a);
    v128.store(to + stride, a);
    const upper = to + to2;
    v128.store(upper, b);
    v128.store(upper + stride, b);
    to += 16;
  }
}

/**
 * y = Aᵀ·m in place: y_k replaces the k-th of the finite points, `stride` bytes apart.
 *   y0 = s + z     y1 = a·d + b·e     y2 = a²·s + b²·z     y3 = a³·d + b³·e + m∞
 * with s, d = m₁ ± m₂ and z, e = m₃ ± m₄.
 */
export function outputLineInPlace(m: usize, stride: usize, infinity: usize, bytes: usize): void {
  const at2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const m1 = v128.load(m);
    const m2 = v128.load(m + stride);
    const upper = m + at2;
    const m3 = v128.load(upper);
    const m4 = v128.load(upper + stride);
    const s = f32x4.add(m1, m2);
    const d = f32x4.sub(m1, m2);
    const z = f32x4.add(m3, m4);
    const e = f32x4.sub(m3, m4);
    v128.store(m, f32x4.add(s, z));
    v128.store(m + stride, f32x4.add(f32x4.mul(f32x4.splat(A), d), f32x4.mul(f32x4.splat(B), e)));
    v128.store(upper, f32x4.add(f32x4.mul(f32x4.splat(A2), s), f32x4.mul(f32x4.splat(B2), z)));
    const y3 = f32x4.add(f32x4.mul(f32x4.splat(A3), d), f32x4.mul(f32x4.splat(B3), e));
    v128.store(upper + stride, f32x4.add(y3, v128.load(infinity + at)));
    m += 16;
  }
}

/** The same without a value at ∞. */
export function outputOddLineInPlace(m: usize, stride: usize, bytes: usize): void {
  const at2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const m1 = v128.load(m);
    const m2 = v128.load(m + stride);
    const upper = m + at2;
    const m3 = v128.load(upper);
    const m4 = v128.load(upper + stride);
    const s = f32x4.add(m1, m2);
    const d = f32x4.sub(m1, m2);
    const z = f32x4.add(m3, m4);
    const e = f32x4.sub(m3, m4);
    v128.store(m, f32x4.add(s, z));
    v128.store(m + stride, f32x4.add(f32x4.mul(f32x4.splat(A), d), f32x4.mul(f32x4.splat(B), e)));
    v128.store(upper, f32x4.add(f32x4.mul(f32x4.splat(A2), s), f32x4.mul(f32x4.splat(B2), z)));
    v128.store(upper + stride, f32x4.add(f32x4.mul(f32x4.splat(A3), d), f32x4.mul(f32x4.splat(B3), e)));
    m += 16;
  }
}

/**
 * y = Aᵀ·m + bias for panels of eight channels that follow one another in m, 32 bytes each: y_k goes to `to_k`, which
 * advances by `step` bytes a panel.
 */
export function outputLine(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  step: usize,
  m: usize,
  stride: usize,
  infinity: usize,
  bias: usize,
  bytes: usize,
): void {
  const at2 = stride << 1;
  const jump = step - 32;
  let gap: usize = 0;
  let offset: usize = 0;
  for (let at: usize = 0; at < bytes; at += 16) {
    const m1 = v128.load(m);
    const m2 = v128.load(m + stride);
    const upper = m + at2;
    const m3 = v128.load(upper);
    const m4 = v128.load(upper + stride);
    const s = f32x4.add(m1, m2);
    const d = f32x4.sub(m1, m2);
    const z = f32x4.add(m3, m4);
    const e = f32x4.sub(m3, m4);
    const shift = v128.load(bias + (at & 16));
    v128.store(to0 + offset, f32x4.add(f32x4.add(s, z), shift));
    const y1 = f32x4.add(f32x4.mul(f32x4.splat(A), d), f32x4.mul(f32x4.splat(B), e));
    v128.store(to1 + offset, f32x4.add(y1, shift));
    const y2 = f32x4.add(f32x4.mul(f32x4.splat(A2), s), f32x4.mul(f32x4.splat(B2), z));
    v128.store(to2 + offset, f32x4.add(y2, shift));
    const y3 = f32x4.add(f32x4.mul(f32x4.splat(A3), d), f32x4.mul(f32x4.splat(B3), e));
    v128.store(to3 + offset, f32x4.add(f32x4.add(y3, v128.load(infinity + at)), shift));
    m += 16;
    offset += 16 + gap;
    gap = jump - gap;
  }
}

/** A on four values of dY: (r0 + x²·r2) ± x·(r1 + x²·r3) at x = a and b, r3 at ∞. `to` moves on as in winogradTransforms.ts. */
export function slopeLine(
  to: usize,
  stride: usize,
  panelStride: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  bytes: usize,
): void {
  const to2 = stride << 1;
  let step: usize = 16;
  for (let at: usize = 0; at < bytes; at += 16) {
    const d0 = v128.load(r0 + at);
    const d1 = v128.load(r1 + at);
    const d2 = v128.load(r2 + at);
    const d3 = v128.load(r3 + at);
    const evenA = f32x4.add(d0, f32x4.mul(f32x4.splat(A2), d2));
    const oddA = f32x4.mul(f32x4.splat(A), f32x4.add(d1, f32x4.mul(f32x4.splat(A2), d3)));
    v128.store(to, f32x4.add(evenA, oddA));
    v128.store(to + stride, f32x4.sub(evenA, oddA));
    const evenB = f32x4.add(d0, f32x4.mul(f32x4.splat(B2), d2));
    const oddB = f32x4.mul(f32x4.splat(B), f32x4.add(d1, f32x4.mul(f32x4.splat(B2), d3)));
    const upper = to + to2;
    v128.store(upper, f32x4.add(evenB, oddB));
    v128.store(upper + stride, f32x4.sub(evenB, oddB));
    v128.store(upper + to2, d3);
    to += step;
    step = panelStride - step;
  }
}

/**
 * Gᵀ on the five results of even samples: with s, d = wₐ·(t₁ ± t₂) and z, e = w_b·(t₃ ± t₄),
 *   g0 = s + z     g2 = a·d + b·e + t∞
 */
export function evenKernelGradientLine(
  g0: usize,
  g2: usize,
  t: usize,
  stride: usize,
  infinity: usize,
  bytes: usize,
): void {
  const at2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const t1 = v128.load(t);
    const t2 = v128.load(t + stride);
    const upper = t + at2;
    const t3 = v128.load(upper);
    const t4 = v128.load(upper + stride);
    const s = f32x4.mul(f32x4.splat(WEIGHT_A), f32x4.add(t1, t2));
    const d = f32x4.mul(f32x4.splat(WEIGHT_A), f32x4.sub(t1, t2));
    const z = f32x4.mul(f32x4.splat(WEIGHT_B), f32x4.add(t3, t4));
    const e = f32x4.mul(f32x4.splat(WEIGHT_B), f32x4.sub(t3, t4));
    const last = v128.load(infinity + at);
    v128.store(g0 + at, f32x4.add(s, z));
    const slope = f32x4.add(f32x4.mul(f32x4.splat(A), d), f32x4.mul(f32x4.splat(B), e));
    v128.store(g2 + at, f32x4.add(slope, last));
    t += 16;
  }
}

/** Gᵀ on the four results of odd samples: g1 = wₐ·(t₁ + t₂) + w_b·(t₃ + t₄). */
export function oddKernelGradientLine(g1: usize, t: usize, stride: usize, bytes: usize): void {
  const at2 = stride << 1;
  for (let at: usize = 0; at < bytes; at += 16) {
    const upper = t + at2;
    const s = f32x4.mul(f32x4.splat(WEIGHT_A), f32x4.add(v128.load(t), v128.load(t + stride)));
    const z = f32x4.mul(f32x4.splat(WEIGHT_B), f32x4.add(v128.load(upper), v128.load(upper + stride)));
    v128.store(g1 + at, f32x4.add(s, z));
    t += 16;
  }
}
