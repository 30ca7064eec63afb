/**
 * Philox 4x32-10, four consecutive counters at once: the same words as src/random.ts.
 * Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
const MULTIPLIER_0: i32 = 0xd2511f53;
const MULTIPLIER_1: i32 = 0xcd9e8d57;
const WEYL_0: u32 = 0x9e3779b9;
const WEYL_1: u32 = 0xbb67ae85;

/** High words of the 64-bit products of four unsigned words with one multiplier. */
function multiplyHigh(a: v128, multiplier: v128): v128 {
  const low = i64x2.extmul_low_i32x4_u(a, multiplier);
  const high = i64x2.extmul_high_i32x4_u(a, multiplier);
  return v128.shuffle<i32>(low, high, 1, 3, 5, 7);
}

/**
 * The 16 words of the counters (block … block + 3, c1, c2, c3), stored at `to` in order: word lane i of counter b at
 * 4·(b − block) + i.
 */
export function philox16(to: usize, block: i32, c1: i32, c2: i32, c3: i32, key0: u32, key1: u32): void {
  const m0 = i32x4.splat(MULTIPLIER_0);
  const m1 = i32x4.splat(MULTIPLIER_1);
  let x0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let x1 = i32x4.splat(c1);
  let x2 = i32x4.splat(c2);
  let x3 = i32x4.splat(c3);
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(x0, m0);
    const high1 = multiplyHigh(x2, m1);
    const low0 = i32x4.mul(x0, m0);
    const low1 = i32x4.mul(x2, m1);
    x0 = v128.xor(v128.xor(high1, x1), i32x4.splat(key0));
    x1 = low1;
    x2 = v128.xor(v128.xor(high0, x3), i32x4.splat(key1));
    x3 = low0;
    key0 += WEYL_0;
    key1 += WEYL_1;
  }
  // Lanes are counters, vectors are words: transpose.
  const a = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const c = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const d = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(a, b, 0, 2));
  v128.store(to, v128.shuffle<i64>(a, b, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(c, d, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(c, d, 1, 3), 48);
}
