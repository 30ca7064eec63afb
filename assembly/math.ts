/**
 * exp, log, tanh and sigmoid of four float32 at once. The same bits on every machine: only +, −, ×, ÷ and bit operations.
 * Polynomials: Moshier, Cephes Mathematical Library 2.2, single precision (expf, logf, tanhf).
 * Largest errors over all of float32, in units in the last place: test/math.test.ts.
 */

// ln 2 in two parts: the first has ten significant bits, so that n·LN2_HIGH is exact.
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;
const LOG2_E: f32 = 1.442695040888963;
const SQRT_HALF_BITS: i32 = 0x3f3504f3;

function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** 2ⁿ for four integers in [−126, 127]. */
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/**
 * eˣ = 2ⁿ·eʳ, n the integer nearest to x/ln 2, |r| ≤ ln 2/2. 2ⁿ is applied as two factors, so that results below the
 * normal range round once, and those above it become Infinity. NaN stays NaN.
 */
export function exp4(x: v128): v128 {
  // Beyond these bounds the result is 0 or Infinity anyway.
  const bounded = f32x4.max(f32x4.min(x, f32x4.splat(89)), f32x4.splat(-104));
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(LOG2_E)));
  let r = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let p = multiplyAdd(r, f32x4.splat(1.98756915e-4), f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  const exponent = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(exponent, 1);
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(exponent, half)));
}

/** ln x = e·ln 2 + ln(1 + m), x = 2ᵉ·(1 + m), 1 + m in [√½, √2). ln 0 = −Infinity; NaN below 0. */
export function log4(x: v128): v128 {
  // Subnormal numbers are brought into the normal range first.
  const tiny = f32x4.lt(x, f32x4.splat(1.1754943508222875e-38));
  const scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, tiny);
  const shifted = i32x4.sub(scaled, i32x4.splat(SQRT_HALF_BITS));
  const exponent = i32x4.sub(i32x4.shr_s(shifted, 23), v128.and(tiny, i32x4.splat(23)));
  const e = f32x4.convert_i32x4_s(exponent);
  const mantissa = i32x4.add(v128.and(shifted, i32x4.splat(0x007fffff)), i32x4.splat(SQRT_HALF_BITS));
  const m = f32x4.sub(mantissa, f32x4.splat(1));
  const square = f32x4.mul(m, m);
  let p = multiplyAdd(m, f32x4.splat(7.0376836292e-2), f32x4.splat(-1.151461031e-1));
  p = multiplyAdd(p, m, f32x4.splat(1.167699874e-1));
  p = multiplyAdd(p, m, f32x4.splat(-1.2420140846e-1));
  p = multiplyAdd(p, m, f32x4.splat(1.4249322787e-1));
  p = multiplyAdd(p, m, f32x4.splat(-1.6668057665e-1));
  p = multiplyAdd(p, m, f32x4.splat(2.0000714765e-1));
  p = multiplyAdd(p, m, f32x4.splat(-2.4999993993e-1));
  p = multiplyAdd(p, m, f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, m), square);
  y = f32x4.add(y, f32x4.mul(e, f32x4.splat(LN2_LOW)));
  y = f32x4.sub(y, f32x4.mul(square, f32x4.splat(0.5)));
  y = f32x4.add(f32x4.add(m, y), f32x4.mul(e, f32x4.splat(LN2_HIGH)));
  y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(x, f32x4.splat(0)));
  y = v128.bitselect(x, y, f32x4.eq(x, f32x4.splat(Infinity)));
  const number = f32x4.ge(x, f32x4.splat(0));
  return v128.bitselect(y, f32x4.splat(NaN), number);
}

/** 1/(1 + e⁻ˣ); below 0 as eˣ/(1 + eˣ), so that the exponential never overflows. */
export function sigmoid4(x: v128): v128 {
  const z = exp4(f32x4.neg(f32x4.abs(x))); // in [0, 1]
  const reciprocal = f32x4.add(f32x4.splat(1), z);
  const numerator = v128.bitselect(z, f32x4.splat(1), f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(numerator, reciprocal);
}

/** Below 0.625 an odd polynomial, above it 1 − 2/(e^{2|x|} + 1), with the sign of x. */
export function tanh4(x: v128): v128 {
  const a = f32x4.abs(x);
  const t = exp4(f32x4.add(a, a));
  const large = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(t, f32x4.splat(1))));
  const z = f32x4.mul(a, a);
  let p = multiplyAdd(z, f32x4.splat(-5.70498872745e-3), f32x4.splat(2.06390887954e-2));
  p = multiplyAdd(p, z, f32x4.splat(-5.37397155531e-2));
  p = multiplyAdd(p, z, f32x4.splat(1.33314422036e-1));
  p = multiplyAdd(p, z, f32x4.splat(-3.33332819422e-1));
  const small = multiplyAdd(f32x4.mul(p, z), a, a);
  const y = v128.bitselect(small, large, f32x4.lt(a, f32x4.splat(0.625)));
  return v128.or(y, v128.and(x, i32x4.splat(0x80000000)));
}
