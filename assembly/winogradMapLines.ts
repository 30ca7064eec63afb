/**
 * The one-dimensional transforms of `winogradMap.ts`, for an axis that one tile covers whole: `size` outputs from `size`
 * inputs, zeros on either side, three taps. Sizes and products: 2 → 3, 4 → 6, 5 → 7. Derivation: docs/winograd.md.
 *
 * Each function reads values k at `from + k·fromStride` and writes values k at `to + k·toStride`, for `bytes` bytes of
 * each, 16 at a time.
 */
import { gradient5, input5, kernel5, kernelGradient5, output5 } from "./winogradMapLines5";
import {
  winogradGradientLine,
  winogradKernelGradientLine,
  winogradKernelLine,
  winogradOutputLine,
} from "./winogradTransforms";

const ROOT_HALF = Mathf.SQRT1_2;
const ROOT_TWO = Mathf.SQRT2;

/** Products that one axis of this size needs. */
export function mapPoints(size: i32): i32 {
  return size === 2 ? 3 : size + 2;
}

/** t = Bᵀ·x, `size` values to mapPoints(size). */
export function mapInputLine(
  size: i32,
  to: usize,
  toStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  if (size === 2) input2(to, toStride, from, fromStride, bytes);
  else if (size === 4) input4(to, toStride, from, fromStride, bytes);
  else input5(to, toStride, from, fromStride, bytes);
}

/** y = Aᵀ·m, mapPoints(size) values to `size`. */
export function mapOutputLine(
  size: i32,
  to: usize,
  toStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  if (size === 2) {
    output2(to, toStride, from, fromStride, bytes);
  } else if (size === 4) {
    const to2 = to + 2 * toStride;
    winogradOutputLine(to, to + toStride, to2, to2 + toStride, from, fromStride, bytes);
  } else {
    output5(to, toStride, from, fromStride, bytes);
  }
}

/** t = A·dY, `size` values to mapPoints(size); in panels of 8 channels `panelStride` bytes apart, or 32 for one run. */
export function mapGradientLine(
  size: i32,
  to: usize,
  toStride: usize,
  panelStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  if (size === 2) {
    gradient2(to, toStride, panelStride, from, fromStride, bytes);
  } else if (size === 4) {
    const from2 = from + 2 * fromStride;
    winogradGradientLine(
      to,
      toStride,
      panelStride,
      from,
      from + fromStride,
      from2,
      from2 + fromStride,
      bytes,
    );
  } else {
    gradient5(to, toStride, panelStride, from, fromStride, bytes);
  }
}

/** u = G·g, three values to mapPoints(size). */
export function mapKernelLine(
  size: i32,
  to: usize,
  toStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  if (size === 2) kernel2(to, toStride, from, fromStride, bytes);
  else if (size === 4) winogradKernelLine(to, toStride, from, fromStride, bytes);
  else kernel5(to, toStride, from, fromStride, bytes);
}

/** dg = Gᵀ·dU, mapPoints(size) values to three. */
export function mapKernelGradientLine(
  size: i32,
  to: usize,
  toStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  if (size === 2) kernelGradient2(to, toStride, from, fromStride, bytes);
  else if (size === 4) winogradKernelGradientLine(to, toStride, from, fromStride, bytes);
  else kernelGradient5(to, toStride, from, fromStride, bytes);
}

/** t0 = x0 + x1     t1 = x1     t2 = x0 */
function input2(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    const x0 = v128.load(from + at);
    const x1 = v128.load(from + fromStride + at);
    v128.store(to + at, f32x4.add(x0, x1));
    v128.store(to + toStride + at, x1);
    v128.store(to + 2 * toStride + at, x0);
  }
}

/** y0 = m0 + m1     y1 = m0 + m2 */
function output2(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    const m0 = v128.load(from + at);
    v128.store(to + at, f32x4.add(m0, v128.load(from + fromStride + at)));
    v128.store(to + toStride + at, f32x4.add(m0, v128.load(from + 2 * fromStride + at)));
  }
}

/** t0 = r0 + r1     t1 = r0     t2 = r1 */
function gradient2(
  to: usize,
  toStride: usize,
  panelStride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  let step: usize = 16;
  for (let at: usize = 0; at < bytes; at += 16) {
    const r0 = v128.load(from + at);
    const r1 = v128.load(from + fromStride + at);
    v128.store(to, f32x4.add(r0, r1));
    v128.store(to + toStride, r0);
    v128.store(to + 2 * toStride, r1);
    to += step;
    step = panelStride - step;
  }
}

/** u0 = g1     u1 = g2 − g1     u2 = g0 − g1 */
function kernel2(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    const g0 = v128.load(from + at);
    const g1 = v128.load(from + fromStride + at);
    const g2 = v128.load(from + 2 * fromStride + at);
    v128.store(to + at, g1);
    v128.store(to + toStride + at, f32x4.sub(g2, g1));
    v128.store(to + 2 * toStride + at, f32x4.sub(g0, g1));
  }
}

/** g0 = t2     g1 = t0 − t1 − t2     g2 = t1 */
function kernelGradient2(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    const t0 = v128.load(from + at);
    const t1 = v128.load(from + fromStride + at);
    const t2 = v128.load(from + 2 * fromStride + at);
    v128.store(to + at, t2);
    v128.store(to + toStride + at, f32x4.sub(f32x4.sub(t0, t1), t2));
    v128.store(to + 2 * toStride + at, t1);
  }
}

/** `winogradInputLine` with zeros at both ends, x_k being its r_{k+1}. */
function input4(to: usize, toStride: usize, from: usize, fromStride: usize, bytes: usize): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const c = f32x4.splat(2.5);
  for (let at: usize = 0; at < bytes; at += 16) {
    let x = from + at;
    let t = to + at;
    const x0 = v128.load(x);
    x += fromStride;
    const x1 = v128.load(x);
    x += fromStride;
    const x2 = v128.load(x);
    x += fromStride;
    const x3 = v128.load(x);
    v128.store(t, f32x4.sub(x3, f32x4.mul(c, x1)));
    const evenA = f32x4.sub(x3, f32x4.add(x1, x1));
    const oddA = f32x4.mul(a, f32x4.sub(x2, f32x4.add(x0, x0)));
    t += toStride;
    v128.store(t, f32x4.add(evenA, oddA));
    t += toStride;
    v128.store(t, f32x4.sub(evenA, oddA));
    const evenB = f32x4.sub(f32x4.add(x3, x3), x1);
    const oddB = f32x4.mul(b, f32x4.sub(f32x4.add(x2, x2), x0));
    t += toStride;
    v128.store(t, f32x4.add(evenB, oddB));
    t += toStride;
    v128.store(t, f32x4.sub(evenB, oddB));
    t += toStride;
    v128.store(t, f32x4.sub(x0, f32x4.mul(c, x2)));
  }
}
