/**
 * exp, log, tanh and sigmoid of four floats at once, from multiplications and additions alone: the same bits on every
 * engine and machine. Errors over the float32 range, subnormals included: exp, log and tanh 1 unit in the last place,
 * sigmoid 2 (test/math.test.ts). NaN propagates. Write `inline.always(exp4(x))` where it is called in a loop.
 * Polynomials: Cephes single precision (expf, logf, tanhf), S. Moshier, netlib.org/cephes.
 */

/** a·b + c, rounded twice. */
function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** 2ⁿ of four integers in [−126, 127]. */
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/**
 * eˣ = 2ⁿ·eʳ with n = round(x/ln 2), r = x − n·ln 2 in [−½ln 2, ½ln 2].
 * ln 2 is taken in two parts, the first so short that n times it is exact. Adding 1.5·2²³ rounds to an integer, and leaves n in
 * the lowest bits: as long as results are normal, n can be added to their exponents.
 */
export function exp4(x: v128): v128 {
  if (!v128.any_true(v128.not(f32x4.le(f32x4.abs(x), f32x4.splat(87))))) {
    const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(Mathf.LOG2E)), f32x4.splat(12582912));
    const n = f32x4.sub(shifted, f32x4.splat(12582912));
    return i32x4.add(inline.always(reducedExp(x, n)), i32x4.shl(shifted, 23));
  }
  return exp4Wide(x);
}

/** The same bits for any x. 2ⁿ is applied as two factors: results below 2⁻¹²⁶ are rounded once, too large ones are Infinity. */
function exp4Wide(x: v128): v128 {
  // Beyond these the result is Infinity or 0. pmin and pmax return their first argument when it is NaN.
  const clamped = f32x4.pmax(f32x4.pmin(x, f32x4.splat(89)), f32x4.splat(-104));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(Mathf.LOG2E)));
  const p = inline.always(reducedExp(clamped, n));
  const power = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(power, 1);
  const scaled = f32x4.mul(p, inline.always(powerOfTwo(half)));
  return f32x4.mul(scaled, inline.always(powerOfTwo(i32x4.sub(power, half))));
}

/** e to the power x − n·ln 2. */
function reducedExp(x: v128, n: v128): v128 {
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = inline.always(multiplyAdd(p, r, f32x4.splat(1.3981999507e-3)));
  p = inline.always(multiplyAdd(p, r, f32x4.splat(8.3334519073e-3)));
  p = inline.always(multiplyAdd(p, r, f32x4.splat(4.1665795894e-2)));
  p = inline.always(multiplyAdd(p, r, f32x4.splat(1.6666665459e-1)));
  p = inline.always(multiplyAdd(p, r, f32x4.splat(5.0000001201e-1)));
  return f32x4.add(inline.always(multiplyAdd(p, f32x4.mul(r, r), r)), f32x4.splat(1));
}

/**
 * log x = e·ln 2 + log(1 + m) with x = 2ᵉ·(1 + m), 1 + m in [√½, √2).
 * log ±0 is −Infinity; of negative numbers it is NaN.
 */
export function log4(x: v128): v128 {
  const rootHalf = i32x4.splat(0x3f3504f3);
  // A subnormal has no exponent of its own: lift it by 2²³, which is exact.
  const subnormal = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const normal = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, subnormal);
  // The difference of the bit patterns has the exponent relative to √½ in its upper bits, the fraction in its lower.
  const bits = i32x4.sub(normal, rootHalf);
  const lift = v128.and(subnormal, i32x4.splat(23));
  const e = f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_s(bits, 23), lift));
  const fraction = i32x4.add(v128.and(bits, i32x4.splat(0x007fffff)), rootHalf);
  const m = f32x4.sub(fraction, f32x4.splat(1));
  const z = f32x4.mul(m, m);
  let p = f32x4.splat(7.0376836292e-2);
  p = inline.always(multiplyAdd(p, m, f32x4.splat(-1.151461031e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(1.167699874e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(-1.2420140846e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(1.4249322787e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(-1.6668057665e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(2.0000714765e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(-2.4999993993e-1)));
  p = inline.always(multiplyAdd(p, m, f32x4.splat(3.3333331174e-1)));
  let y = f32x4.mul(f32x4.mul(p, m), z);
  y = f32x4.add(y, f32x4.mul(e, f32x4.splat(-2.1219444e-4)));
  y = f32x4.sub(y, f32x4.mul(z, f32x4.splat(0.5)));
  y = f32x4.add(f32x4.add(m, y), f32x4.mul(e, f32x4.splat(0.693359375)));
  const infinity = f32x4.splat(f32.MAX_VALUE * 2);
  y = v128.bitselect(f32x4.neg(infinity), y, f32x4.eq(x, f32x4.splat(0)));
  y = v128.bitselect(infinity, y, f32x4.eq(x, infinity));
  // All bits set is a NaN: for x < 0 and for NaN itself.
  return v128.or(y, v128.not(f32x4.ge(x, f32x4.splat(0))));
}

/** 1/(1 + e⁻ˣ) for x ≥ 0 and eˣ/(1 + eˣ) for x < 0: exp never overflows, and small results keep their digits. */
export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  const z = inline.always(exp4(f32x4.neg(f32x4.abs(x))));
  const numerator = v128.bitselect(z, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(numerator, f32x4.add(one, z));
}

/** Below 0.625 an odd polynomial, above it 1 − 2/(e²ˣ + 1), of |x|; then x's sign. */
export function tanh4(x: v128): v128 {
  const one = f32x4.splat(1);
  const size = f32x4.abs(x);
  const t = inline.always(exp4(f32x4.add(size, size)));
  const large = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(t, one)));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = inline.always(multiplyAdd(p, z, f32x4.splat(2.06390887954e-2)));
  p = inline.always(multiplyAdd(p, z, f32x4.splat(-5.37397155531e-2)));
  p = inline.always(multiplyAdd(p, z, f32x4.splat(1.33314422036e-1)));
  p = inline.always(multiplyAdd(p, z, f32x4.splat(-3.33332819422e-1)));
  const small = inline.always(multiplyAdd(f32x4.mul(p, z), size, size));
  const y = v128.bitselect(small, large, f32x4.lt(size, f32x4.splat(0.625)));
  return v128.or(y, v128.and(x, i32x4.splat(i32.MIN_VALUE)));
}
