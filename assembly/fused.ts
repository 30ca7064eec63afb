/**
 * Kernels in the place of several: each computes the very numbers of those that it stands for, in their order, and goes
 * through memory once. See src/backend/wasm/fuse.ts.
 */
import { inverseStdOf, multiply, normalizeImages, spreadScales } from "./batchNormalization";
import { fold, periodOf, spread } from "./channels";

/** v < 0 ? 0 : v, as reluForward. */
function rectify(v: v128): v128 {
  return f32x4.pmax(v, f32x4.splat(0));
}

/** y = relu(a + b), images [begin, end) of `size` floats. Overwrites y, which may alias a or b. */
export function addReluForward(y: usize, a: usize, b: usize, size: i32, begin: i32, end: i32): void {
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    v128.store(y + at, inline.always(rectify(f32x4.add(v128.load(a + at), v128.load(b + at)))));
  }
  for (; at < last; at += 4) {
    const sum = f32x4.splat(load<f32>(a + at) + load<f32>(b + at));
    v128.store32_lane(y + at, inline.always(rectify(sum)), 0);
  }
}

/** dX = y > 0 ? a + b : 0, images [begin, end) of `size` floats. Overwrites dX, which may alias y, a or b. */
export function addReluBackward(
  dX: usize,
  y: usize,
  a: usize,
  b: usize,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const last = (<usize>end * <usize>size) << 2;
  let at = (<usize>begin * <usize>size) << 2;
  for (; at + 16 <= last; at += 16) {
    const sum = f32x4.add(v128.load(a + at), v128.load(b + at));
    v128.store(dX + at, v128.and(sum, f32x4.gt(v128.load(y + at), zero)));
  }
  for (; at < last; at += 4) {
    const sum = load<f32>(a + at) + load<f32>(b + at);
    store<f32>(dX + at, load<f32>(y + at) > 0 ? sum : 0);
  }
}

/** y = relu(normalize(x)): see normalizeForward. Overwrites y, which may alias x. work: 2 periods. */
export function normalizeReluForward(
  y: usize,
  x: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  work: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  spreadScales(work, mean, variance, gamma, beta, epsilon, channels);
  inline.always(normalizeImages(y, x, 0, work, positions, channels, begin, end, false, true));
}

/** y = normalize(x) + other: see normalizeForward. Overwrites y, which may alias x or other. work: 2 periods. */
export function normalizeAddForward(
  y: usize,
  x: usize,
  other: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  work: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  spreadScales(work, mean, variance, gamma, beta, epsilon, channels);
  inline.always(normalizeImages(y, x, other, work, positions, channels, begin, end, true, false));
}

/** y = relu(normalize(x) + other): see normalizeForward. Overwrites y, which may alias x or other. work: 2 periods. */
export function normalizeAddReluForward(
  y: usize,
  x: usize,
  other: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  work: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  spreadScales(work, mean, variance, gamma, beta, epsilon, channels);
  inline.always(normalizeImages(y, x, other, work, positions, channels, begin, end, true, true));
}

/**
 * normalizeGradientsInImages of dZ, the gradient before relu: dZ = x·scale + shift > 0 ? dY : 0, by forward's own
 * operations. dBetas, dGammas [N, C], overwritten. work: 6 periods.
 */
export function normalizeReluGradientsInImages(
  dBetas: usize,
  dGammas: usize,
  x: usize,
  dY: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  work: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = periodOf(channels);
  const width = (<usize>period) << 2;
  const rowBytes = (<usize>channels) << 2;
  const products = work + width;
  const scales = work + 2 * width; // and the shifts behind them
  const centre = work + 4 * width;
  const inverseStds = work + 5 * width;
  spreadScales(scales, mean, variance, gamma, beta, epsilon, channels);
  memory.copy(centre, mean, rowBytes);
  spread(centre, channels, period);
  for (let c = 0; c < channels; ++c) {
    store<f32>(inverseStds + ((<usize>c) << 2), inverseStdOf(variance, c, epsilon));
  }
  const size = positions * channels;
  for (let n = begin; n < end; ++n) {
    const image = (<usize>n * <usize>size) << 2;
    const dGamma = dGammas + <usize>n * rowBytes;
    sumReluGradients(work, products, x + image, dY + image, centre, scales, size, period);
    fold(dBetas + <usize>n * rowBytes, work, channels, period);
    fold(dGamma, products, channels, period);
    multiply(dGamma, inverseStds, channels);
  }
}

/** dY where x·scale + shift > 0, elsewhere 0. */
function gated(dY: v128, x: v128, scale: v128, shift: v128): v128 {
  return v128.and(dY, f32x4.gt(f32x4.add(f32x4.mul(x, scale), shift), f32x4.splat(0)));
}

/** sumGradients (batchNormalization.ts), in its order, of what relu lets through. scales: scales, then shifts. */
function sumReluGradients(
  sums: usize,
  products: usize,
  x: usize,
  dY: usize,
  centre: usize,
  scales: usize,
  size: i32,
  period: i32,
): void {
  const width = (<usize>period) << 2;
  memory.fill(sums, 0, width);
  memory.fill(products, 0, width);
  const last = (<usize>size) << 2;
  const shifts = scales + width;
  let row: usize = 0;
  for (; row + 2 * width <= last; row += 2 * width) {
    for (let j: usize = 0; j < width; j += 16) {
      const at = row + j;
      const c = v128.load(centre + j);
      const scale = v128.load(scales + j);
      const shift = v128.load(shifts + j);
      const x0 = v128.load(x + at);
      const x1 = v128.load(x + at + width);
      const g0 = inline.always(gated(v128.load(dY + at), x0, scale, shift));
      const g1 = inline.always(gated(v128.load(dY + at + width), x1, scale, shift));
      const p0 = f32x4.mul(g0, f32x4.sub(x0, c));
      const p1 = f32x4.mul(g1, f32x4.sub(x1, c));
      v128.store(sums + j, f32x4.add(v128.load(sums + j), f32x4.add(g0, g1)));
      v128.store(products + j, f32x4.add(v128.load(products + j), f32x4.add(p0, p1)));
    }
  }
  for (; row + width <= last; row += width) {
    for (let j: usize = 0; j < width; j += 16) {
      const x0 = v128.load(x + row + j);
      const g = inline.always(
        gated(v128.load(dY + row + j), x0, v128.load(scales + j), v128.load(shifts + j)),
      );
      const p = f32x4.mul(g, f32x4.sub(x0, v128.load(centre + j)));
      v128.store(sums + j, f32x4.add(v128.load(sums + j), g));
      v128.store(products + j, f32x4.add(v128.load(products + j), p));
    }
  }
  for (let j: usize = 0; row < last; row += 4, j += 4) {
    const x0 = load<f32>(x + row);
    const g: f32 = x0 * load<f32>(scales + j) + load<f32>(shifts + j) > 0 ? load<f32>(dY + row) : 0;
    const p = g * (x0 - load<f32>(centre + j));
    store<f32>(sums + j, load<f32>(sums + j) + g);
    store<f32>(products + j, load<f32>(products + j) + p);
  }
}

/**
 * batchNormalizationBackward of dZ = x·scale + shift > 0 ? dY : 0: dX = dZ·scale + (x·b + c), since a = scale. Images
 * [begin, end). Overwrites dX, which may alias dY or x. work: 4 periods.
 */
export function batchNormalizationReluBackward(
  dX: usize,
  x: usize,
  dY: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  dGamma: usize,
  dBeta: usize,
  work: usize,
  epsilon: f32,
  images: i32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = periodOf(channels);
  const width = (<usize>period) << 2;
  const shifts = work + width;
  const bs = work + 2 * width;
  const cs = work + 3 * width;
  const M = <f32>images * <f32>positions;
  spreadScales(work, mean, variance, gamma, beta, epsilon, channels);
  for (let i = 0; i < channels; ++i) {
    const at = (<usize>i) << 2;
    const a = load<f32>(work + at);
    const b = -a * inverseStdOf(variance, i, epsilon) * (load<f32>(dGamma + at) / M);
    store<f32>(bs + at, b);
    store<f32>(cs + at, -a * (load<f32>(dBeta + at) / M) - b * load<f32>(mean + at));
  }
  spread(bs, channels, period);
  spread(cs, channels, period);
  const imageBytes = (<usize>(positions * channels)) << 2;
  const last = <usize>end * imageBytes;
  let at = <usize>begin * imageBytes;
  let k: usize = 0;
  for (; at + 16 <= last; at += 16) {
    const x0 = v128.load(x + at);
    const a = v128.load(work + k);
    const g = inline.always(gated(v128.load(dY + at), x0, a, v128.load(shifts + k)));
    const linear = f32x4.add(f32x4.mul(x0, v128.load(bs + k)), v128.load(cs + k));
    v128.store(dX + at, f32x4.add(f32x4.mul(g, a), linear));
    k = select<usize>(0, k + 16, k + 16 === width);
  }
  for (; at < last; at += 4, k += 4) {
    const x0 = load<f32>(x + at);
    const a = load<f32>(work + k);
    const g: f32 = x0 * a + load<f32>(shifts + k) > 0 ? load<f32>(dY + at) : 0;
    store<f32>(dX + at, g * a + (x0 * load<f32>(bs + k) + load<f32>(cs + k)));
  }
}
