/** Numbers gone bad: infinities and NaN, told by their bits. */
import { STATE_LARGEST } from "./state";

/** Magnitude bits of infinity: a NaN's are larger. */
const INFINITE: u32 = 0x7f800000;
const MAGNITUDE: u32 = 0x7fffffff;

/** max(largest, |x|) lane by lane, as bits: for positive floats their order is that of unsigned integers, NaN the largest. */
export function larger(largest: v128, x: v128): v128 {
  return i32x4.max_u(largest, v128.and(x, i32x4.splat(MAGNITUDE)));
}

/** The step state remembers the largest of `largest` and what it had. */
export function noteLargest(stepState: usize, largest: v128): void {
  let most = load<u32>(stepState + STATE_LARGEST);
  most = max(most, <u32>i32x4.extract_lane(largest, 0));
  most = max(most, <u32>i32x4.extract_lane(largest, 1));
  most = max(most, <u32>i32x4.extract_lane(largest, 2));
  most = max(most, <u32>i32x4.extract_lane(largest, 3));
  store<u32>(stepState + STATE_LARGEST, most);
}

/** The step state remembers the largest magnitude of values[begin, end), and what it had. Writes nothing else. */
export function watchMagnitudes(stepState: usize, values: usize, begin: i32, end: i32): void {
  let largest = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4) largest = larger(largest, v128.load(values + ((<usize>i) << 2)));
  for (; i < end; ++i) largest = larger(largest, v128.load32_zero(values + ((<usize>i) << 2)));
  noteLargest(stepState, largest);
}

/** The first i in [begin, end) where values[i] is infinite or NaN; `end` when there is none. */
export function firstNonFinite(values: usize, begin: i32, end: i32): i32 {
  const limit = i32x4.splat(INFINITE);
  const magnitude = i32x4.splat(MAGNITUDE);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const bits = v128.and(v128.load(values + ((<usize>i) << 2)), magnitude);
    if (v128.any_true(i32x4.ge_u(bits, limit))) break;
  }
  for (; i < end; ++i) {
    if ((load<u32>(values + ((<usize>i) << 2)) & MAGNITUDE) >= INFINITE) return i;
  }
  return end;
}
