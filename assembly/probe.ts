/** What the machine can do at best, for benchmarks to be held against: arithmetic without memory, memory without arithmetic. */

/**
 * 96·count floating-point operations: multiply and add on twelve sums of four lanes, all in registers: with ten, a multiplication
 * and its addition, six to eight cycles one after the other, would keep the units waiting. The sum keeps them alive.
 */
export function probeArithmetic(count: i32, factor: f32): f32 {
  const x = f32x4.splat(factor);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(1);
  let s2 = f32x4.splat(2);
  let s3 = f32x4.splat(3);
  let s4 = f32x4.splat(4);
  let s5 = f32x4.splat(5);
  let s6 = f32x4.splat(6);
  let s7 = f32x4.splat(7);
  let s8 = f32x4.splat(8);
  let s9 = f32x4.splat(9);
  let s10 = f32x4.splat(10);
  let s11 = f32x4.splat(11);
  for (; count > 0; count--) {
    s0 = f32x4.add(s0, f32x4.mul(s0, x));
    s1 = f32x4.add(s1, f32x4.mul(s1, x));
    s2 = f32x4.add(s2, f32x4.mul(s2, x));
    s3 = f32x4.add(s3, f32x4.mul(s3, x));
    s4 = f32x4.add(s4, f32x4.mul(s4, x));
    s5 = f32x4.add(s5, f32x4.mul(s5, x));
    s6 = f32x4.add(s6, f32x4.mul(s6, x));
    s7 = f32x4.add(s7, f32x4.mul(s7, x));
    s8 = f32x4.add(s8, f32x4.mul(s8, x));
    s9 = f32x4.add(s9, f32x4.mul(s9, x));
    s10 = f32x4.add(s10, f32x4.mul(s10, x));
    s11 = f32x4.add(s11, f32x4.mul(s11, x));
  }
  const low = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  const middle = f32x4.add(f32x4.add(s4, s5), f32x4.add(s6, s7));
  const high = f32x4.add(f32x4.add(s8, s9), f32x4.add(s10, s11));
  const sum = f32x4.add(f32x4.add(low, middle), high);
  return f32x4.extract_lane(sum, 0);
}

/** a[i] = b[i] + factor·c[i], n a multiple of 16: the triad of STREAM, 12·n bytes. */
export function probeTriad(a: usize, b: usize, c: usize, factor: f32, n: i32): void {
  const x = f32x4.splat(factor);
  for (; n > 0; n -= 16) {
    v128.store(a, f32x4.add(v128.load(b), f32x4.mul(v128.load(c), x)));
    v128.store(a, f32x4.add(v128.load(b, 16), f32x4.mul(v128.load(c, 16), x)), 16);
    v128.store(a, f32x4.add(v128.load(b, 32), f32x4.mul(v128.load(c, 32), x)), 32);
    v128.store(a, f32x4.add(v128.load(b, 48), f32x4.mul(v128.load(c, 48), x)), 48);
    a += 64;
    b += 64;
    c += 64;
  }
}
