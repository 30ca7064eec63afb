/**
 * Activation functions and their gradients. Element by element: images [begin, end) of `size` floats each; y and dX are
 * overwritten and may alias an input. Softmax: over rows of `channels` floats, `positions` rows an image.
 */
import { exp4, log4, sigmoid4, tanh4 } from "./math";

/** The float at an address in lane 0, so that tails compute what vectors compute. */
function loadLane(at: usize): v128 {
  return v128.load32_zero(at);
}

/** y = x < 0 ? 0 : x. NaN stays NaN. */
export function reluForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, f32x4.pmax(v128.load(x + at), zero));
  for (; at < last; at += 4) v128.store32_lane(y + at, f32x4.pmax(loadLane(x + at), zero), 0);
}

/** dX = y > 0 ? dY : 0. The slope at 0 is 0; NaN y gives 0. */
export function reluBackward(dX: usize, y: usize, dY: usize, size: i32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    v128.store(dX + at, v128.and(v128.load(dY + at), f32x4.gt(v128.load(y + at), zero)));
  }
  for (; at < last; at += 4) {
    v128.store32_lane(dX + at, v128.and(loadLane(dY + at), f32x4.gt(loadLane(y + at), zero)), 0);
  }
}

/** y = 1/(1 + e⁻ˣ). */
export function sigmoidForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, inline.always(sigmoid4(v128.load(x + at))));
  for (; at < last; at += 4) v128.store32_lane(y + at, inline.always(sigmoid4(loadLane(x + at))), 0);
}

/** dX = dY·y·(1 − y). */
export function sigmoidBackward(dX: usize, y: usize, dY: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    v128.store(dX + at, inline.always(sigmoidSlope(v128.load(y + at), v128.load(dY + at))));
  }
  for (; at < last; at += 4) {
    v128.store32_lane(dX + at, inline.always(sigmoidSlope(loadLane(y + at), loadLane(dY + at))), 0);
  }
}

function sigmoidSlope(y: v128, dY: v128): v128 {
  return f32x4.mul(f32x4.mul(dY, y), f32x4.sub(f32x4.splat(1), y));
}

/** y = tanh x. */
export function tanhForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, inline.always(tanh4(v128.load(x + at))));
  for (; at < last; at += 4) v128.store32_lane(y + at, inline.always(tanh4(loadLane(x + at))), 0);
}

/** dX = dY·(1 − y²), as dY·(1 − y)·(1 + y), which keeps its digits where y is near ±1. */
export function tanhBackward(dX: usize, y: usize, dY: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    v128.store(dX + at, inline.always(tanhSlope(v128.load(y + at), v128.load(dY + at))));
  }
  for (; at < last; at += 4) {
    v128.store32_lane(dX + at, inline.always(tanhSlope(loadLane(y + at), loadLane(dY + at))), 0);
  }
}

function tanhSlope(y: v128, dY: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.mul(f32x4.mul(dY, f32x4.sub(one, y)), f32x4.add(one, y));
}

/** The four lanes added in pairs. */
function sumOfLanes(v: v128): f32 {
  const low = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1);
  return low + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** y = exp(x − max x)/Σ exp(x − max x) over each row. A NaN makes its whole row NaN. */
export function softmaxForward(
  y: usize,
  x: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const width = (<usize>channels) << 2;
  const last = <usize>end * <usize>positions * width;
  for (let row = <usize>begin * <usize>positions * width; row < last; row += width) {
    const from = x + row;
    const to = y + row;
    let largest: f32 = load<f32>(from);
    for (let j: usize = 4; j < width; j += 4) largest = max(largest, load<f32>(from + j));
    const shift = f32x4.splat(largest);
    let sums = f32x4.splat(0);
    let j: usize = 0;
    for (; j + 16 <= width; j += 16) {
      const e = inline.always(exp4(f32x4.sub(v128.load(from + j), shift)));
      v128.store(to + j, e);
      sums = f32x4.add(sums, e);
    }
    let sum = sumOfLanes(sums);
    for (; j < width; j += 4) {
      const e = inline.always(exp4(f32x4.sub(loadLane(from + j), shift)));
      v128.store32_lane(to + j, e, 0);
      sum += f32x4.extract_lane(e, 0);
    }
    for (j = 0; j + 16 <= width; j += 16) {
      v128.store(to + j, f32x4.div(v128.load(to + j), f32x4.splat(sum)));
    }
    for (; j < width; j += 4) store<f32>(to + j, load<f32>(to + j) / sum);
  }
}

/** dX = y·(dY − Σ dY·y), the sum over each row. */
export function softmaxBackward(
  dX: usize,
  y: usize,
  dY: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const width = (<usize>channels) << 2;
  const last = <usize>end * <usize>positions * width;
  for (let row = <usize>begin * <usize>positions * width; row < last; row += width) {
    let sums = f32x4.splat(0);
    let j: usize = row;
    const rowEnd = row + width;
    for (; j + 16 <= rowEnd; j += 16) {
      sums = f32x4.add(sums, f32x4.mul(v128.load(dY + j), v128.load(y + j)));
    }
    let sum = sumOfLanes(sums);
    for (; j < rowEnd; j += 4) sum += load<f32>(dY + j) * load<f32>(y + j);
    for (j = row; j + 16 <= rowEnd; j += 16) {
      const difference = f32x4.sub(v128.load(dY + j), f32x4.splat(sum));
      v128.store(dX + j, f32x4.mul(v128.load(y + j), difference));
    }
    for (; j < rowEnd; j += 4) {
      store<f32>(dX + j, load<f32>(y + j) * (load<f32>(dY + j) - sum));
    }
  }
}

/** y[i] = eˣ for elements i in [begin, end): exp4 as a kernel, for its test. */
export function expArray(y: usize, x: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2;
  let at = (<usize>begin) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, inline.always(exp4(v128.load(x + at))));
  for (; at < last; at += 4) v128.store32_lane(y + at, inline.always(exp4(loadLane(x + at))), 0);
}

/** y[i] = log x for elements i in [begin, end): log4 as a kernel, for its test. */
export function logArray(y: usize, x: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2;
  let at = (<usize>begin) << 2;
  for (; at + 16 <= last; at += 16) v128.store(y + at, inline.always(log4(v128.load(x + at))));
  for (; at < last; at += 4) v128.store32_lane(y + at, inline.always(log4(loadLane(x + at))), 0);
}
