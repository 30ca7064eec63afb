/**
 * Counter-based random numbers: Philox 4x32-10. A draw depends on its key and its counter alone, never on the draws
 * before it, so dropout and shuffling do not depend on who computes them or on where a run was interrupted.
 * Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; Random123 1.14.
 */

/** What a key is used for: keeps the streams of one seed apart. It is the second key word. */
export const Purpose = {
  Initializer: 1,
  Shuffle: 2,
  Dropout: 3,
  Dataset: 4,
  Augmentation: 5,
  Sweep: 6,
} as const;
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9; // golden ratio
const WEYL_1 = 0xbb67ae85; // √3 − 1
const ROUNDS = 10;

export type Words = [number, number, number, number];

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  // middle and carry stay below 2^33, which >>> would cut: divide instead.
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

/** Four uniform unsigned 32-bit words from a 128-bit counter and a 64-bit key. */
export function philox(c0: number, c1: number, c2: number, c3: number, key0: number, key1: number): Words {
  let [x0, x1, x2, x3] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
  let [k0, k1] = [key0 >>> 0, key1 >>> 0];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2) >>> 0;
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [x0, x1, x2, x3];
}

/** Uniform float in [0, 1) from the upper 24 bits of a word: exact in float32. */
export function toUnit(word: number): number {
  return (word >>> 8) / 0x1000000;
}

/** A stream of words for one (seed, purpose, stream): word i is lane i mod 4 of block i / 4. */
export function randomWords(seed: number, purpose: Purpose, stream: number): () => number {
  let block = 0;
  let lane = 4;
  let words: Words = [0, 0, 0, 0];
  return () => {
    if (lane === 4) {
      words = philox(block++, 0, 0, stream, seed, purpose);
      lane = 0;
    }
    return words[lane++];
  };
}

/** Seeded permutation of 0 … count − 1 (Fisher–Yates), the order of epoch `epoch`. */
export function permutation(count: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const next = randomWords(seed, Purpose.Shuffle, epoch);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((next() / 0x100000000) * (i + 1));
    const held = order[i];
    order[i] = order[j];
    order[j] = held;
  }
  return order;
}
