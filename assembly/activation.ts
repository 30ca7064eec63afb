/**
 * Activation functions and their gradients, element by element over images of `size` values. A tail of fewer than four
 * values goes through the same vector arithmetic in lane 0, so a value's bits do not depend on where it stands.
 */
import { exp4, log4, sigmoid4, tanh4 } from "./math";

function relu4(x: v128): v128 {
  return v128.bitselect(f32x4.splat(0), x, f32x4.lt(x, f32x4.splat(0)));
}

function reluGradient4(y: v128, dY: v128): v128 {
  return v128.and(dY, f32x4.gt(y, f32x4.splat(0)));
}

function sigmoidGradient4(y: v128, dY: v128): v128 {
  return f32x4.mul(dY, f32x4.mul(y, f32x4.sub(f32x4.splat(1), y)));
}

function tanhGradient4(y: v128, dY: v128): v128 {
  return f32x4.mul(dY, f32x4.sub(f32x4.splat(1), f32x4.mul(y, y)));
}

/** y = max(x, 0); NaN stays NaN. y may alias x. */
export function reluForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = y + ((<usize>end * size) << 2);
  x += (<usize>begin * size) << 2;
  y += (<usize>begin * size) << 2;
  for (; y + 16 <= last; y += 16, x += 16) v128.store(y, relu4(v128.load(x)));
  for (; y < last; y += 4, x += 4) v128.store_lane<f32>(y, relu4(v128.load32_zero(x)), 0);
}

/** dX = y > 0 ? dY : 0. The slope at 0 is 0. dX may alias dY. */
export function reluBackward(dX: usize, y: usize, dY: usize, size: i32, begin: i32, end: i32): void {
  const last = dX + ((<usize>end * size) << 2);
  const first = (<usize>begin * size) << 2;
  dX += first;
  y += first;
  dY += first;
  for (; dX + 16 <= last; dX += 16, y += 16, dY += 16) {
    v128.store(dX, reluGradient4(v128.load(y), v128.load(dY)));
  }
  for (; dX < last; dX += 4, y += 4, dY += 4) {
    v128.store_lane<f32>(dX, reluGradient4(v128.load32_zero(y), v128.load32_zero(dY)), 0);
  }
}

/** y = 1/(1 + e⁻ˣ), within 3 ulp. y may alias x. */
export function sigmoidForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = y + ((<usize>end * size) << 2);
  x += (<usize>begin * size) << 2;
  y += (<usize>begin * size) << 2;
  for (; y + 16 <= last; y += 16, x += 16) v128.store(y, sigmoid4(v128.load(x)));
  for (; y < last; y += 4, x += 4) v128.store_lane<f32>(y, sigmoid4(v128.load32_zero(x)), 0);
}

/** dX = dY·y·(1 − y). dX may alias dY. */
export function sigmoidBackward(dX: usize, y: usize, dY: usize, size: i32, begin: i32, end: i32): void {
  const last = dX + ((<usize>end * size) << 2);
  const first = (<usize>begin * size) << 2;
  dX += first;
  y += first;
  dY += first;
  for (; dX + 16 <= last; dX += 16, y += 16, dY += 16) {
    v128.store(dX, sigmoidGradient4(v128.load(y), v128.load(dY)));
  }
  for (; dX < last; dX += 4, y += 4, dY += 4) {
    v128.store_lane<f32>(dX, sigmoidGradient4(v128.load32_zero(y), v128.load32_zero(dY)), 0);
  }
}

/** y = tanh x, within 2 ulp. y may alias x. */
export function tanhForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = y + ((<usize>end * size) << 2);
  x += (<usize>begin * size) << 2;
  y += (<usize>begin * size) << 2;
  for (; y + 16 <= last; y += 16, x += 16) v128.store(y, tanh4(v128.load(x)));
  for (; y < last; y += 4, x += 4) v128.store_lane<f32>(y, tanh4(v128.load32_zero(x)), 0);
}

/** dX = dY·(1 − y²). dX may alias dY. */
export function tanhBackward(dX: usize, y: usize, dY: usize, size: i32, begin: i32, end: i32): void {
  const last = dX + ((<usize>end * size) << 2);
  const first = (<usize>begin * size) << 2;
  dX += first;
  y += first;
  dY += first;
  for (; dX + 16 <= last; dX += 16, y += 16, dY += 16) {
    v128.store(dX, tanhGradient4(v128.load(y), v128.load(dY)));
  }
  for (; dX < last; dX += 4, y += 4, dY += 4) {
    v128.store_lane<f32>(dX, tanhGradient4(v128.load32_zero(y), v128.load32_zero(dY)), 0);
  }
}

/** y = eˣ, within 2 ulp. y may alias x. */
export function expForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = y + ((<usize>end * size) << 2);
  x += (<usize>begin * size) << 2;
  y += (<usize>begin * size) << 2;
  for (; y + 16 <= last; y += 16, x += 16) v128.store(y, exp4(v128.load(x)));
  for (; y < last; y += 4, x += 4) v128.store_lane<f32>(y, exp4(v128.load32_zero(x)), 0);
}

/** y = ln x, within 2 ulp. y may alias x. */
export function logForward(y: usize, x: usize, size: i32, begin: i32, end: i32): void {
  const last = y + ((<usize>end * size) << 2);
  x += (<usize>begin * size) << 2;
  y += (<usize>begin * size) << 2;
  for (; y + 16 <= last; y += 16, x += 16) v128.store(y, log4(v128.load(x)));
  for (; y < last; y += 4, x += 4) v128.store_lane<f32>(y, log4(v128.load32_zero(x)), 0);
}

/** y_k = e^{x_k − max x}/Σ_j e^{x_j − max x} over rows of `classes` values. y may not alias x. */
export function softmaxForward(y: usize, x: usize, classes: i32, begin: i32, end: i32): void {
  const bytes = (<usize>classes) << 2;
  for (let n = begin; n < end; n++) softmaxRow(y + <usize>n * bytes, x + <usize>n * bytes, bytes);
}

/** One row of `bytes` bytes. Sums in the order of the classes. Returns ln Σ e^{x − max} + max, for losses. */
export function softmaxRow(y: usize, x: usize, bytes: usize): f32 {
  let largest = load<f32>(x);
  for (let at: usize = 4; at < bytes; at += 4) largest = max(largest, load<f32>(x + at));
  const shift = f32x4.splat(largest);
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) v128.store(y + at, exp4(f32x4.sub(v128.load(x + at), shift)));
  for (; at < bytes; at += 4) {
    v128.store_lane<f32>(y + at, exp4(f32x4.sub(v128.load32_zero(x + at), shift)), 0);
  }
  let sum: f32 = 0;
  for (at = 0; at < bytes; at += 4) sum += load<f32>(y + at);
  for (at = 0; at < bytes; at += 4) store<f32>(y + at, load<f32>(y + at) / sum);
  return f32x4.extract_lane(log4(f32x4.splat(sum)), 0) + largest;
}

/** dX_k = y_k·(dY_k − Σ_j dY_j·y_j) over rows of `classes` values. */
export function softmaxBackward(dX: usize, y: usize, dY: usize, classes: i32, begin: i32, end: i32): void {
  const bytes = (<usize>classes) << 2;
  for (let row = <usize>begin * bytes; row < <usize>end * bytes; row += bytes) {
    let dot: f32 = 0;
    for (let at = row; at < row + bytes; at += 4) dot += load<f32>(dY + at) * load<f32>(y + at);
    for (let at = row; at < row + bytes; at += 4) {
      store<f32>(dX + at, load<f32>(y + at) * (load<f32>(dY + at) - dot));
    }
  }
}
