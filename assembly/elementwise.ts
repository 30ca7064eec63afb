/** What layers of one's own are made of: products and affine functions, element by element or channel by channel. */

/** y = a·b, images [begin, end) of `size` floats. Overwrites y, which may alias a or b. */
export function multiplyForward(y: usize, a: usize, b: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  for (; at < last; at += 4) store<f32>(y + at, load<f32>(a + at) * load<f32>(b + at));
}

/** y = factor·x + addend, rounded after each of the two, images [begin, end) of `size` floats. Overwrites y, which may alias x. */
export function affineForward(
  y: usize,
  x: usize,
  factor: f32,
  addend: f32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const factors = f32x4.splat(factor);
  const addends = f32x4.splat(addend);
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    v128.store(y + at, f32x4.add(f32x4.mul(factors, v128.load(x + at)), addends));
  }
  for (; at < last; at += 4) store<f32>(y + at, factor * load<f32>(x + at) + addend);
}

/**
 * y[n, p, c] = x[n, p, c]·gain[c] for images n in [begin, end). x, y [N, P, C], gain [C]. Overwrites y, which may alias x, but not
 * gain.
 */
export function multiplyChannelsForward(
  y: usize,
  x: usize,
  gain: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const width = (<usize>channels) << 2;
  const last = <usize>end * <usize>positions * width;
  for (let row = <usize>begin * <usize>positions * width; row < last; row += width) {
    let c: usize = 0;
    for (; c + 16 <= width; c += 16) {
      v128.store(y + row + c, f32x4.mul(v128.load(x + row + c), v128.load(gain + c)));
    }
    for (; c < width; c += 4) store<f32>(y + row + c, load<f32>(x + row + c) * load<f32>(gain + c));
  }
}
