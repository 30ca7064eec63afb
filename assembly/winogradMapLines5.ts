/**
 * The one-dimensional transforms of `winogradMap.ts` for an axis of five: F(5, 3) between zeros. Arguments as in
 * winogradMapLines.ts. Derivation: docs/winograd.md.
 */

/**
 * Size 5: points ±P, ±Q, ±R and ∞, those with the least amplification of errors among symmetric ones with few digits:
 * all constants but the weights are exact.
 */
const P: f64 = 0.3125;
const Q: f64 = 0.875;
const R: f64 = 1.625;
/** Squares, and for each point the sum and the product of the other two squares. */
const PP: f64 = P * P;
const QQ: f64 = Q * Q;
const RR: f64 = R * R;
const SUM_P: f32 = <f32>(QQ + RR);
const SUM_Q: f32 = <f32>(PP + RR);
const SUM_R: f32 = <f32>(PP + QQ);
const PRODUCT_P: f32 = <f32>(QQ * RR);
const PRODUCT_Q: f32 = <f32>(PP * RR);
const PRODUCT_R: f32 = <f32>(PP * QQ);
/** Elementary symmetric functions of the squares: Π(x² − point²) = x⁶ − E1·x⁴ + E2·x² − E3; E3 meets only padding. */
const E1: f32 = <f32>(PP + QQ + RR);
const E2: f32 = <f32>(PP * QQ + PP * RR + QQ * RR);
/** 1 / Π_{j ≠ i}(x_i − x_j) at the positive points; at the negative ones the same with the other sign. */
const WEIGHT_P: f32 = <f32>(1.0 / (2.0 * P * (PP - QQ) * (PP - RR)));
const WEIGHT_Q: f32 = <f32>(1.0 / (2.0 * Q * (QQ - PP) * (QQ - RR)));
const WEIGHT_R: f32 = <f32>(1.0 / (2.0 * R * (RR - PP) * (RR - QQ)));

/**
 * With s, p the sum and product of the other points' squares, and x_{−1} = x_5 = 0:
 *   t(±point) = (p·x0 − s·x2 + x4) ± point·(x3 − s·x1)     t(∞) = E2·x1 − E1·x3
 */
export function input5(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    let x = from + at;
    let t = to + at;
    const x0 = v128.load(x);
    x += fromStride;
    const x1 = v128.load(x);
    x += fromStride;
    const x2 = v128.load(x);
    x += fromStride;
    const x3 = v128.load(x);
    x += fromStride;
    const x4 = v128.load(x);
    let even = evenPart(x0, x2, x4, PRODUCT_P, SUM_P);
    let odd = oddPart(x1, x3, SUM_P, <f32>P);
    v128.store(t, f32x4.add(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(even, odd));
    t += toStride;
    even = evenPart(x0, x2, x4, PRODUCT_Q, SUM_Q);
    odd = oddPart(x1, x3, SUM_Q, <f32>Q);
    v128.store(t, f32x4.add(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(even, odd));
    t += toStride;
    even = evenPart(x0, x2, x4, PRODUCT_R, SUM_R);
    odd = oddPart(x1, x3, SUM_R, <f32>R);
    v128.store(t, f32x4.add(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(f32x4.mul(f32x4.splat(E2), x1), f32x4.mul(f32x4.splat(E1), x3)));
  }
}

function evenPart(x0: v128, x2: v128, x4: v128, product: f32, sum: f32): v128 {
  const rest = f32x4.sub(x4, f32x4.mul(f32x4.splat(sum), x2));
  return f32x4.add(f32x4.mul(f32x4.splat(product), x0), rest);
}

function oddPart(x1: v128, x3: v128, sum: f32, point: f32): v128 {
  return f32x4.mul(f32x4.splat(point), f32x4.sub(x3, f32x4.mul(f32x4.splat(sum), x1)));
}

/** y_r = Σ_points point^r·(m₊ + (−1)^r·m₋), and m(∞) is added to y4. */
export function output5(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  const p = f32x4.splat(<f32>P);
  const q = f32x4.splat(<f32>Q);
  const r = f32x4.splat(<f32>R);
  const pp = f32x4.splat(<f32>PP);
  const qq = f32x4.splat(<f32>QQ);
  const rr = f32x4.splat(<f32>RR);
  for (let at: usize = 0; at < bytes; at += 16) {
    let m = from + at;
    let y = to + at;
    let plus = v128.load(m);
    m += fromStride;
    let minus = v128.load(m);
    m += fromStride;
    let evenP = f32x4.add(plus, minus);
    let oddP = f32x4.mul(p, f32x4.sub(plus, minus));
    plus = v128.load(m);
    m += fromStride;
    minus = v128.load(m);
    m += fromStride;
    let evenQ = f32x4.add(plus, minus);
    let oddQ = f32x4.mul(q, f32x4.sub(plus, minus));
    plus = v128.load(m);
    m += fromStride;
    minus = v128.load(m);
    m += fromStride;
    let evenR = f32x4.add(plus, minus);
    let oddR = f32x4.mul(r, f32x4.sub(plus, minus));
    v128.store(y, f32x4.add(f32x4.add(evenP, evenQ), evenR));
    y += toStride;
    v128.store(y, f32x4.add(f32x4.add(oddP, oddQ), oddR));
    y += toStride;
    evenP = f32x4.mul(pp, evenP);
    evenQ = f32x4.mul(qq, evenQ);
    evenR = f32x4.mul(rr, evenR);
    v128.store(y, f32x4.add(f32x4.add(evenP, evenQ), evenR));
    y += toStride;
    oddP = f32x4.mul(pp, oddP);
    oddQ = f32x4.mul(qq, oddQ);
    oddR = f32x4.mul(rr, oddR);
    v128.store(y, f32x4.add(f32x4.add(oddP, oddQ), oddR));
    y += toStride;
    evenP = f32x4.mul(pp, evenP);
    evenQ = f32x4.mul(qq, evenQ);
    evenR = f32x4.mul(rr, evenR);
    v128.store(y, f32x4.add(f32x4.add(f32x4.add(evenP, evenQ), evenR), v128.load(m)));
  }
}

/** t(±point) = (r0 + point²·(r2 + point²·r4)) ± point·(r1 + point²·r3)     t(∞) = r4 */
export function gradient5(
  to: usize,
  toStride: usize,
  panelStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  let step: usize = 16;
  for (let at: usize = 0; at < bytes; at += 16) {
    let x = from + at;
    let t = to;
    const r0 = v128.load(x);
    x += fromStride;
    const r1 = v128.load(x);
    x += fromStride;
    const r2 = v128.load(x);
    x += fromStride;
    const r3 = v128.load(x);
    x += fromStride;
    const r4 = v128.load(x);
    let even = evenValue(r0, r2, r4, <f32>PP);
    let odd = oddValue(r1, r3, <f32>P, <f32>PP);
    v128.store(t, f32x4.add(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(even, odd));
    t += toStride;
    even = evenValue(r0, r2, r4, <f32>QQ);
    odd = oddValue(r1, r3, <f32>Q, <f32>QQ);
    v128.store(t, f32x4.add(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(even, odd));
    t += toStride;
    even = evenValue(r0, r2, r4, <f32>RR);
    odd = oddValue(r1, r3, <f32>R, <f32>RR);
    v128.store(t, f32x4.add(even, odd));
    t += toStride;
    v128.store(t, f32x4.sub(even, odd));
    t += toStride;
    v128.store(t, r4);
    to += step;
    step = panelStride - step;
  }
}

function evenValue(r0: v128, r2: v128, r4: v128, square: f32): v128 {
  const s = f32x4.splat(square);
  return f32x4.add(r0, f32x4.mul(s, f32x4.add(r2, f32x4.mul(s, r4))));
}

function oddValue(r1: v128, r3: v128, point: f32, square: f32): v128 {
  return f32x4.mul(f32x4.splat(point), f32x4.add(r1, f32x4.mul(f32x4.splat(square), r3)));
}

/** u(±point) = ±weight·((g0 + point²·g2) ± point·g1)     u(∞) = g2 */
export function kernel5(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    let u = to + at;
    const g0 = v128.load(from + at);
    const g1 = v128.load(from + fromStride + at);
    const g2 = v128.load(from + 2 * fromStride + at);
    let even = f32x4.add(g0, f32x4.mul(f32x4.splat(<f32>PP), g2));
    let odd = f32x4.mul(f32x4.splat(<f32>P), g1);
    let weight = f32x4.splat(WEIGHT_P);
    v128.store(u, f32x4.mul(weight, f32x4.add(even, odd)));
    u += toStride;
    v128.store(u, f32x4.mul(weight, f32x4.sub(odd, even)));
    u += toStride;
    even = f32x4.add(g0, f32x4.mul(f32x4.splat(<f32>QQ), g2));
    odd = f32x4.mul(f32x4.splat(<f32>Q), g1);
    weight = f32x4.splat(WEIGHT_Q);
    v128.store(u, f32x4.mul(weight, f32x4.add(even, odd)));
    u += toStride;
    v128.store(u, f32x4.mul(weight, f32x4.sub(odd, even)));
    u += toStride;
    even = f32x4.add(g0, f32x4.mul(f32x4.splat(<f32>RR), g2));
    odd = f32x4.mul(f32x4.splat(<f32>R), g1);
    weight = f32x4.splat(WEIGHT_R);
    v128.store(u, f32x4.mul(weight, f32x4.add(even, odd)));
    u += toStride;
    v128.store(u, f32x4.mul(weight, f32x4.sub(odd, even)));
    u += toStride;
    v128.store(u, g2);
  }
}

/** With s, d = weight·(t₊ ∓ t₋) at each point: g0 = Σ s     g1 = Σ point·d     g2 = Σ point²·s + t(∞) */
export function kernelGradient5(
  to: usize,
  toStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    let t = from + at;
    const g = to + at;
    let plus = v128.load(t);
    t += fromStride;
    let minus = v128.load(t);
    t += fromStride;
    let weight = f32x4.splat(WEIGHT_P);
    const sP = f32x4.mul(weight, f32x4.sub(plus, minus));
    const dP = f32x4.mul(weight, f32x4.add(plus, minus));
    plus = v128.load(t);
    t += fromStride;
    minus = v128.load(t);
    t += fromStride;
    weight = f32x4.splat(WEIGHT_Q);
    const sQ = f32x4.mul(weight, f32x4.sub(plus, minus));
    const dQ = f32x4.mul(weight, f32x4.add(plus, minus));
    plus = v128.load(t);
    t += fromStride;
    minus = v128.load(t);
    t += fromStride;
    weight = f32x4.splat(WEIGHT_R);
    const sR = f32x4.mul(weight, f32x4.sub(plus, minus));
    const dR = f32x4.mul(weight, f32x4.add(plus, minus));
    v128.store(g, f32x4.add(f32x4.add(sP, sQ), sR));
    const p = f32x4.splat(<f32>P);
    const q = f32x4.splat(<f32>Q);
    const r = f32x4.splat(<f32>R);
    const middle = f32x4.add(f32x4.add(f32x4.mul(p, dP), f32x4.mul(q, dQ)), f32x4.mul(r, dR));
    v128.store(g + toStride, middle);
    const pp = f32x4.splat(<f32>PP);
    const qq = f32x4.splat(<f32>QQ);
    const rr = f32x4.splat(<f32>RR);
    const last = f32x4.add(f32x4.add(f32x4.mul(pp, sP), f32x4.mul(qq, sQ)), f32x4.mul(rr, sR));
    v128.store(g + 2 * toStride, f32x4.add(last, v128.load(t)));
  }
}
