/** Gradient clipping, in place, over flat arrays: elements [begin, end). Norms come from sumOfSquares' blocks. */

/** x = min(max(x, −limit), limit). NaN stays NaN. */
export function clipValues(x: usize, limit: f32, begin: i32, end: i32): void {
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = x + ((<usize>i) << 2);
    const raised = f32x4.max(v128.load(at), f32x4.splat(-limit));
    v128.store(at, f32x4.min(raised, f32x4.splat(limit)));
  }
  for (; i < end; ++i) {
    const at = x + ((<usize>i) << 2);
    store<f32>(at, min<f32>(max<f32>(load<f32>(at), -limit), limit));
  }
}

/**
 * factor[0] = norm > limit ? limit/norm : 1, norm = √Σ partials: float64 [blocks], added in order; rounded once.
 * Split `once`: the range [0, 1).
 */
export function clipFactor(
  factor: usize,
  partials: usize,
  limit: f64,
  blocks: i32,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  let sum: f64 = 0;
  for (let b = 0; b < blocks; ++b) sum += load<f64>(partials + ((<usize>b) << 3));
  const norm = sqrt<f64>(sum);
  store<f32>(factor, norm > limit ? <f32>(limit / norm) : 1);
}

/** x *= factor[0]. Nothing is read or written when the factor is 1. */
export function scaleBy(x: usize, factor: usize, begin: i32, end: i32): void {
  const f = load<f32>(factor);
  if (f === 1) return;
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = x + ((<usize>i) << 2);
    v128.store(at, f32x4.mul(v128.load(at), f32x4.splat(f)));
  }
  for (; i < end; ++i) {
    const at = x + ((<usize>i) << 2);
    store<f32>(at, load<f32>(at) * f);
  }
}
