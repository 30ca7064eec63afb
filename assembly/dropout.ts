/** Dropout, with random numbers that depend on seed, step, layer and image alone: not on who computes them. */
import { PURPOSE_DROPOUT, philox4, philox8 } from "./philox";
import { STATE_SEED, STATE_STEP } from "./state";

/** 32-bit lanes of ones where the word is at least the threshold. */
function keeps(words: usize, threshold: v128): v128 {
  return i32x4.ge_u(v128.load(words), threshold);
}

/** Elements [element, element + 16) by sixteen words. */
function drop16(
  y: usize,
  mask: usize,
  x: usize,
  element: usize,
  words: usize,
  least: v128,
  scales: v128,
): void {
  const from = x + (element << 2);
  const to = y + (element << 2);
  const keep0 = inline.always(keeps(words, least));
  const keep1 = inline.always(keeps(words + 16, least));
  const keep2 = inline.always(keeps(words + 32, least));
  const keep3 = inline.always(keeps(words + 48, least));
  v128.store(to, v128.and(f32x4.mul(v128.load(from), scales), keep0));
  v128.store(to, v128.and(f32x4.mul(v128.load(from, 16), scales), keep1), 16);
  v128.store(to, v128.and(f32x4.mul(v128.load(from, 32), scales), keep2), 32);
  v128.store(to, v128.and(f32x4.mul(v128.load(from, 48), scales), keep3), 48);
  const low = i16x8.narrow_i32x4_s(keep0, keep1);
  const high = i16x8.narrow_i32x4_s(keep2, keep3);
  v128.store(mask + element, i8x16.narrow_i16x8_s(low, high));
}

/**
 * y = kept ? x·scale : 0 and mask = kept ? 255 : 0, for images [begin, end) of `size` elements.
 * Element e of image n is kept when lane e mod 4 of philox(⌊e/4⌋, n, step, stream; seed, dropout) ≥ threshold, all
 * unsigned; seed and step stand in the step state. y float32 and mask uint8, overwritten; y may alias x.
 * work: scratch of 128 bytes.
 */
export function dropoutForward(
  y: usize,
  mask: usize,
  x: usize,
  work: usize,
  state: usize,
  threshold: i32,
  scale: f32,
  stream: i32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const seed = load<i32>(state + STATE_SEED);
  const step = load<i32>(state + STATE_STEP);
  const least = i32x4.splat(threshold);
  const scales = f32x4.splat(scale);
  for (let n = begin; n < end; ++n) {
    let element = <usize>n * <usize>size;
    let e = 0;
    for (; e + 32 <= size; e += 32) {
      philox8(work, e >> 2, n, step, stream, seed, PURPOSE_DROPOUT);
      inline.always(drop16(y, mask, x, element, work, least, scales));
      inline.always(drop16(y, mask, x, element + 16, work + 64, least, scales));
      element += 32;
    }
    if (e + 16 <= size) {
      philox4(work, e >> 2, n, step, stream, seed, PURPOSE_DROPOUT);
      inline.always(drop16(y, mask, x, element, work, least, scales));
      element += 16;
      e += 16;
    }
    if (e < size) philox4(work, e >> 2, n, step, stream, seed, PURPOSE_DROPOUT);
    for (let word = work; e < size; ++e, word += 4, ++element) {
      const kept = load<u32>(word) >= <u32>threshold;
      const at = element << 2;
      store<f32>(y + at, kept ? load<f32>(x + at) * scale : 0);
      store<u8>(mask + element, kept ? 255 : 0);
    }
  }
}

/** dX = mask ? dY·scale : 0 for images [begin, end) of `size` elements. Overwrites dX, which may alias dY. */
export function dropoutBackward(
  dX: usize,
  mask: usize,
  dY: usize,
  scale: f32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const scales = f32x4.splat(scale);
  const last = <usize>end * <usize>size;
  let element = <usize>begin * <usize>size;
  for (; element + 16 <= last; element += 16) {
    const from = dY + (element << 2);
    const to = dX + (element << 2);
    // Sign extension makes 32 ones of eight.
    const bytes = v128.load(mask + element);
    const low = i16x8.extend_low_i8x16_s(bytes);
    const high = i16x8.extend_high_i8x16_s(bytes);
    const d0 = v128.and(f32x4.mul(v128.load(from), scales), i32x4.extend_low_i16x8_s(low));
    const d1 = v128.and(f32x4.mul(v128.load(from, 16), scales), i32x4.extend_high_i16x8_s(low));
    const d2 = v128.and(f32x4.mul(v128.load(from, 32), scales), i32x4.extend_low_i16x8_s(high));
    const d3 = v128.and(f32x4.mul(v128.load(from, 48), scales), i32x4.extend_high_i16x8_s(high));
    v128.store(to, d0);
    v128.store(to, d1, 16);
    v128.store(to, d2, 32);
    v128.store(to, d3, 48);
  }
  for (; element < last; ++element) {
    const at = element << 2;
    store<f32>(dX + at, load<u8>(mask + element) !== 0 ? load<f32>(dY + at) * scale : 0);
  }
}

/** words[4·b + lane] for groups of four blocks, groups [begin, end): philox4 as a kernel, for its test. */
export function philoxWords(
  words: usize,
  c1: i32,
  c2: i32,
  c3: i32,
  key0: i32,
  key1: i32,
  begin: i32,
  end: i32,
): void {
  for (let group = begin; group < end; ++group) {
    philox4(words + ((<usize>group) << 6), group << 2, c1, c2, c3, key0, key1);
  }
}
