/** y = a + b, over images of `size` values. y may alias either. */
export function addForward(y: usize, a: usize, b: usize, size: i32, begin: i32, end: i32): void {
  let at = (<usize>begin * size) << 2;
  const last = (<usize>end * size) << 2;
  for (; at + 16 <= last; at += 16) {
    v128.store(y + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  }
  for (; at < last; at += 4) store<f32>(y + at, load<f32>(a + at) + load<f32>(b + at));
}
