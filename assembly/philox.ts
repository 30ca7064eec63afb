/**
 * Counter-based random words: Philox 4x32-10, the same words as src/random.ts, four counters at once.
 * Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123 1.14.
 */

/** Second key word: what the words are for. As `Purpose` in src/random.ts. */
export const PURPOSE_DROPOUT: i32 = 3;
export const PURPOSE_AUGMENTATION: i32 = 5;

const MULTIPLIER_0: i32 = <i32>0xd2511f53;
const MULTIPLIER_1: i32 = <i32>0xcd9e8d57;
const WEYL_0: i32 = <i32>0x9e3779b9;
const WEYL_1: i32 = <i32>0xbb67ae85;
const ROUNDS: i32 = 10;

/**
 * words[4·b + lane], b in 0 … 3: the words of counters (block + b, c1, c2, c3) under the key (key0, key1). 64 bytes.
 * In the rounds each vector holds one word of all four counters; at the end they are transposed.
 */
export function philox4(words: usize, block: i32, c1: i32, c2: i32, c3: i32, key0: i32, key1: i32): void {
  const multiplier0 = i32x4.splat(MULTIPLIER_0);
  const multiplier1 = i32x4.splat(MULTIPLIER_1);
  let x0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let x1 = i32x4.splat(c1);
  let x2 = i32x4.splat(c2);
  let x3 = i32x4.splat(c3);
  let k0 = key0;
  let k1 = key1;
  for (let round = ROUNDS; round > 0; --round) {
    // 64-bit products: lanes 0 and 1, lanes 2 and 3. Even words are their lower halves, odd ones their upper.
    const low0 = i64x2.extmul_low_i32x4_u(x0, multiplier0);
    const high0 = i64x2.extmul_high_i32x4_u(x0, multiplier0);
    const low1 = i64x2.extmul_low_i32x4_u(x2, multiplier1);
    const high1 = i64x2.extmul_high_i32x4_u(x2, multiplier1);
    const upper0 = v128.shuffle<i32>(low0, high0, 1, 3, 5, 7);
    const upper1 = v128.shuffle<i32>(low1, high1, 1, 3, 5, 7);
    x0 = v128.xor(v128.xor(upper1, x1), i32x4.splat(k0));
    x1 = v128.shuffle<i32>(low1, high1, 0, 2, 4, 6);
    x2 = v128.xor(v128.xor(upper0, x3), i32x4.splat(k1));
    x3 = v128.shuffle<i32>(low0, high0, 0, 2, 4, 6);
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  const a = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const c = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const d = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(words, v128.shuffle<i64>(a, b, 0, 2));
  v128.store(words, v128.shuffle<i64>(a, b, 1, 3), 16);
  v128.store(words, v128.shuffle<i64>(c, d, 0, 2), 32);
  v128.store(words, v128.shuffle<i64>(c, d, 1, 3), 48);
}
