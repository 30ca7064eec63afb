/**
 * sum + a·b, rounded twice, as every engine on every machine does it: the strict core. In the fast core (docs/speed.md) it is
 * the processor's own multiply-add, which rounds once where there is one, so its bits differ from machine to machine. The
 * sums of products in the tiles go through it; all else is the same in both.
 */
export function multiplyAdd(sum: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(sum, f32x4.mul(a, b));
}
