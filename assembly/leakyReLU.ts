/**
 * The leaky rectifier and its gradient, element by element: images [begin, end) of `size` floats each; y and dX are overwritten
 * and may alias an input.
 */

/** y = x < 0 ? alpha·x : x. NaN stays NaN. */
export function leakyReLUForward(y: usize, x: usize, alpha: f32, size: i32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  const slope = f32x4.splat(alpha);
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    const v = v128.load(x + at);
    v128.store(y + at, v128.bitselect(f32x4.mul(slope, v), v, f32x4.lt(v, zero)));
  }
  for (; at < last; at += 4) {
    const v = load<f32>(x + at);
    store<f32>(y + at, v < 0 ? alpha * v : v);
  }
}

/** dX = y > 0 ? dY : alpha·dY. The slope at 0, and of NaN, is alpha. */
export function leakyReLUBackward(
  dX: usize,
  y: usize,
  dY: usize,
  alpha: f32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const slope = f32x4.splat(alpha);
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    const d = v128.load(dY + at);
    v128.store(dX + at, v128.bitselect(d, f32x4.mul(slope, d), f32x4.gt(v128.load(y + at), zero)));
  }
  for (; at < last; at += 4) {
    const d = load<f32>(dY + at);
    store<f32>(dX + at, load<f32>(y + at) > 0 ? d : alpha * d);
  }
}
