/** A batch's way in and out: examples in the epoch's order, results back in a row. Images [begin, end) of the batch. */
import { STATE_FIRST } from "./state";

/** Example number of the batch's image n: order[first + n]. */
export function exampleAt(order: usize, stepState: usize, n: i32): usize {
  return <usize>load<i32>(order + ((<usize>(load<i32>(stepState + STATE_FIRST) + n)) << 2));
}

/** Four unsigned 16-bit lanes, the lower or upper half of v, as scaled floats. */
function scaledLow(v: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v)), scale);
}

function scaledHigh(v: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(v)), scale);
}

/** y[i] = float32(source[i])·scale, i in [0, count): y float32, source uint8. */
export function scaleBytes(y: usize, source: usize, scale: f32, count: i32): void {
  const scales = f32x4.splat(scale);
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const bytes = v128.load(source + <usize>i);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    const at = y + ((<usize>i) << 2);
    v128.store(at, scaledLow(low, scales));
    v128.store(at, scaledHigh(low, scales), 16);
    v128.store(at, scaledLow(high, scales), 32);
    v128.store(at, scaledHigh(high, scales), 48);
  }
  for (; i < count; ++i) store<f32>(y + ((<usize>i) << 2), <f32>load<u8>(source + <usize>i) * scale);
}

/** y[i] = source[i]·scale, i in [0, count), float32. */
export function scaleFloats(y: usize, source: usize, scale: f32, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(y + at, f32x4.mul(v128.load(source + at), f32x4.splat(scale)));
  }
  for (; i < count; ++i) {
    const at = (<usize>i) << 2;
    store<f32>(y + at, load<f32>(source + at) * scale);
  }
}

/**
 * x[n] = float32(images[order[first + n]])·scale. x float32 [N, size], overwritten; images uint8 [examples, size];
 * order int32; size = numbers of one example; first is in the step state.
 */
export function gatherBytes(
  x: usize,
  images: usize,
  order: usize,
  stepState: usize,
  scale: f32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  for (let n = begin; n < end; ++n) {
    const from = images + exampleAt(order, stepState, n) * <usize>size;
    scaleBytes(x + ((<usize>n * <usize>size) << 2), from, scale, size);
  }
}

/** x[n] = images[order[first + n]]·scale, as gatherBytes, from float32. With scale 1 it copies. */
export function gatherFloats(
  x: usize,
  images: usize,
  order: usize,
  stepState: usize,
  scale: f32,
  size: i32,
  begin: i32,
  end: i32,
): void {
  for (let n = begin; n < end; ++n) {
    const from = images + ((exampleAt(order, stepState, n) * <usize>size) << 2);
    scaleFloats(x + ((<usize>n * <usize>size) << 2), from, scale, size);
  }
}

/** labels[n] = source[order[first + n]]. labels int32 [N], overwritten; source uint8 [examples]. */
export function gatherByteLabels(
  labels: usize,
  source: usize,
  order: usize,
  stepState: usize,
  begin: i32,
  end: i32,
): void {
  for (let n = begin; n < end; ++n) {
    store<i32>(labels + ((<usize>n) << 2), <i32>load<u8>(source + exampleAt(order, stepState, n)));
  }
}

/** labels[n] = source[order[first + n]]. labels int32 [N], overwritten; source int32 [examples]. */
export function gatherIntLabels(
  labels: usize,
  source: usize,
  order: usize,
  stepState: usize,
  begin: i32,
  end: i32,
): void {
  for (let n = begin; n < end; ++n) {
    store<i32>(labels + ((<usize>n) << 2), load<i32>(source + (exampleAt(order, stepState, n) << 2)));
  }
}

/** results[first + n] = y[n], whole rows of `size` floats; first is in the step state. No aliasing. */
export function scatterRows(
  results: usize,
  y: usize,
  stepState: usize,
  size: i32,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  const rowBytes = (<usize>size) << 2;
  const first = <usize>load<i32>(stepState + STATE_FIRST);
  memory.copy(
    results + (first + <usize>begin) * rowBytes,
    y + <usize>begin * rowBytes,
    <usize>(end - begin) * rowBytes,
  );
}
