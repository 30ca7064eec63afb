/** y = a + b element by element, images [begin, end) of `size` floats. Overwrites y, which may alias a or b. */
export function addForward(y: usize, a: usize, b: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  for (; at < last; at += 4) store<f32>(y + at, load<f32>(a + at) + load<f32>(b + at));
}
