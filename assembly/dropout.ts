/** Dropout. Which elements fall is a function of seed, step, layer and image alone: no state, no order. */
import { philox16 } from "./philox";
import { STATE_SEED, STATE_STEP } from "./state";

/** The second key word: Purpose.Dropout in src/random.ts. */
const PURPOSE: u32 = 3;

/**
 * y = x·scale where the element's random word ≥ threshold, else 0; mask (uint8) = 1 where kept. Element e of image n takes
 * lane e mod 4 of counter (⌊e/4⌋, n, step, stream). `scratch` takes 16 words.
 */
export function dropoutForward(
  y: usize,
  mask: usize,
  x: usize,
  state: usize,
  scratch: usize,
  size: i32,
  threshold: u32,
  scale: f32,
  stream: i32,
  begin: i32,
  end: i32,
): void {
  const step = load<i32>(state + STATE_STEP);
  const seed = load<u32>(state + STATE_SEED);
  const bound = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  for (let n = begin; n < end; n++) {
    const first = <usize>n * size;
    let from = x + (first << 2);
    let to = y + (first << 2);
    let kept = mask + first;
    for (let e = 0; e < size; e += 16) {
      philox16(scratch, e >> 2, n, step, stream, seed, PURPOSE);
      if (e + 16 <= size) {
        const k0 = i32x4.ge_u(v128.load(scratch), bound);
        const k1 = i32x4.ge_u(v128.load(scratch, 16), bound);
        const k2 = i32x4.ge_u(v128.load(scratch, 32), bound);
        const k3 = i32x4.ge_u(v128.load(scratch, 48), bound);
        v128.store(to, v128.and(f32x4.mul(v128.load(from), factor), k0));
        v128.store(to, v128.and(f32x4.mul(v128.load(from, 16), factor), k1), 16);
        v128.store(to, v128.and(f32x4.mul(v128.load(from, 32), factor), k2), 32);
        v128.store(to, v128.and(f32x4.mul(v128.load(from, 48), factor), k3), 48);
        const narrow = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(k0, k1), i16x8.narrow_i32x4_s(k2, k3));
        v128.store(kept, v128.and(narrow, i8x16.splat(1)));
      } else {
        for (let i: usize = 0; i < <usize>(size - e); i++) {
          const keep = load<u32>(scratch + (i << 2)) >= threshold;
          store<f32>(to + (i << 2), keep ? load<f32>(from + (i << 2)) * scale : 0);
          store<u8>(kept + i, keep ? 1 : 0);
        }
      }
      from += 64;
      to += 64;
      kept += 16;
    }
  }
}

/** dX = mask ? dY·scale : 0. dX may alias dY. */
export function dropoutBackward(
  dX: usize,
  mask: usize,
  dY: usize,
  size: i32,
  scale: f32,
  begin: i32,
  end: i32,
): void {
  const factor = f32x4.splat(scale);
  let at = <usize>begin * size;
  const last = <usize>end * size;
  for (; at + 4 <= last; at += 4) {
    const bytes = v128.load32_zero(mask + at);
    const kept = i32x4.neg(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)));
    v128.store(dX + (at << 2), v128.and(f32x4.mul(v128.load(dY + (at << 2)), factor), kept));
  }
  for (; at < last; at++) {
    store<f32>(dX + (at << 2), load<u8>(mask + at) ? load<f32>(dY + (at << 2)) * scale : 0);
  }
}
