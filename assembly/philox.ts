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
  let k0 = i32x4.splat(key0);
  let k1 = i32x4.splat(key1);
  for (let round = ROUNDS; round > 0; --round) {
    // 64-bit products: lanes 0 and 1, lanes 2 and 3. Even words are their lower halves, odd ones their upper.
    const low0 = i64x2.extmul_low_i32x4_u(x0, multiplier0);
    const high0 = i64x2.extmul_high_i32x4_u(x0, multiplier0);
    const low1 = i64x2.extmul_low_i32x4_u(x2, multiplier1);
    const high1 = i64x2.extmul_high_i32x4_u(x2, multiplier1);
    x0 = v128.xor(v128.xor(k0, x1), v128.shuffle<i32>(low1, high1, 1, 3, 5, 7));
    x1 = v128.shuffle<i32>(low1, high1, 0, 2, 4, 6);
    x2 = v128.xor(v128.xor(k1, x3), v128.shuffle<i32>(low0, high0, 1, 3, 5, 7));
    x3 = v128.shuffle<i32>(low0, high0, 0, 2, 4, 6);
    k0 = i32x4.add(k0, i32x4.splat(WEYL_0));
    k1 = i32x4.add(k1, i32x4.splat(WEYL_1));
  }
  inline.always(transpose(words, x0, x1, x2, x3));
}

/** philox4 of blocks `block` and `block + 4`: 128 bytes. Twice the work a round, so that it need not wait for its products. */
export function philox8(words: usize, block: i32, c1: i32, c2: i32, c3: i32, key0: i32, key1: i32): void {
  const multiplier0 = i32x4.splat(MULTIPLIER_0);
  const multiplier1 = i32x4.splat(MULTIPLIER_1);
  let x0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let x1 = i32x4.splat(c1);
  let x2 = i32x4.splat(c2);
  let x3 = i32x4.splat(c3);
  let y0 = i32x4.add(x0, i32x4.splat(4));
  let y1 = x1;
  let y2 = x2;
  let y3 = x3;
  let k0 = i32x4.splat(key0);
  let k1 = i32x4.splat(key1);
  for (let round = ROUNDS; round > 0; --round) {
    let low = i64x2.extmul_low_i32x4_u(x0, multiplier0);
    let high = i64x2.extmul_high_i32x4_u(x0, multiplier0);
    let from3 = v128.xor(k1, x3);
    x3 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    const next2 = v128.xor(from3, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
    low = i64x2.extmul_low_i32x4_u(x2, multiplier1);
    high = i64x2.extmul_high_i32x4_u(x2, multiplier1);
    x0 = v128.xor(v128.xor(k0, x1), v128.shuffle<i32>(low, high, 1, 3, 5, 7));
    x1 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    x2 = next2;
    low = i64x2.extmul_low_i32x4_u(y0, multiplier0);
    high = i64x2.extmul_high_i32x4_u(y0, multiplier0);
    from3 = v128.xor(k1, y3);
    y3 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    const nextY2 = v128.xor(from3, v128.shuffle<i32>(low, high, 1, 3, 5, 7));
    low = i64x2.extmul_low_i32x4_u(y2, multiplier1);
    high = i64x2.extmul_high_i32x4_u(y2, multiplier1);
    y0 = v128.xor(v128.xor(k0, y1), v128.shuffle<i32>(low, high, 1, 3, 5, 7));
    y1 = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    y2 = nextY2;
    k0 = i32x4.add(k0, i32x4.splat(WEYL_0));
    k1 = i32x4.add(k1, i32x4.splat(WEYL_1));
  }
  inline.always(transpose(words, x0, x1, x2, x3));
  inline.always(transpose(words + 64, y0, y1, y2, y3));
}

/** From one word of four counters a vector to the words of one counter after another, 64 bytes. */
function transpose(words: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  const a = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const c = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const d = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(words, v128.shuffle<i64>(a, b, 0, 2));
  v128.store(words, v128.shuffle<i64>(a, b, 1, 3), 16);
  v128.store(words, v128.shuffle<i64>(c, d, 0, 2), 32);
  v128.store(words, v128.shuffle<i64>(c, d, 1, 3), 48);
}
