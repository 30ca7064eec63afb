/**
 * Batch normalisation over x [N, P, C], P positions an image: y = gamma·(x − mean)/√(variance + epsilon) + beta.
 * What needs the whole batch is summed within each image first, then over the images; xHat is never stored.
 * Per-channel constants are folded once a call into `work`, scratch for as many periods as the head says
 * (channels.ts), so that the loops over x are a multiplication and an addition for each term.
 */
import { fold, periodOf, spread, sumPeriods } from "./channels";

/** 1/√(variance + epsilon) of channel c. */
export function inverseStdOf(variance: usize, c: i32, epsilon: f32): f32 {
  return <f32>1 / sqrt<f32>(load<f32>(variance + ((<usize>c) << 2)) + epsilon);
}

/**
 * means[n, c] = Σ_p x/P and squares[n, c] = Σ_p (x − means[n, c])² for images n in [begin, end); [N, C], overwritten.
 * Two passes over an image that the first leaves in cache. work: 2 periods.
 */
export function momentsInImages(
  means: usize,
  squares: usize,
  x: usize,
  work: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = periodOf(channels);
  const centre = work + ((<usize>period) << 2);
  const size = positions * channels;
  const rowBytes = (<usize>channels) << 2;
  for (let n = begin; n < end; ++n) {
    const image = x + ((<usize>n * <usize>size) << 2);
    const mean = means + <usize>n * rowBytes;
    sumPeriods(work, image, size, period);
    fold(mean, work, channels, period);
    divide(mean, <f32>positions, channels);
    memory.copy(centre, mean, rowBytes);
    spread(centre, channels, period);
    sumSquares(work, image, centre, size, period);
    fold(squares + <usize>n * rowBytes, work, channels, period);
  }
}

/** x[c] /= by, c in [0, channels). */
function divide(x: usize, by: f32, channels: i32): void {
  const last = x + ((<usize>channels) << 2);
  let at = x;
  for (; at + 16 <= last; at += 16) v128.store(at, f32x4.div(v128.load(at), f32x4.splat(by)));
  for (; at < last; at += 4) store<f32>(at, load<f32>(at) / by);
}

/** x[c] *= by[c], c in [0, channels). */
export function multiply(x: usize, by: usize, channels: i32): void {
  const last = (<usize>channels) << 2;
  let at: usize = 0;
  for (; at + 16 <= last; at += 16) v128.store(x + at, f32x4.mul(v128.load(x + at), v128.load(by + at)));
  for (; at < last; at += 4) store<f32>(x + at, load<f32>(x + at) * load<f32>(by + at));
}

/** sums[j] = Σ_i (x[i·period + j] − centre[j])², in the order of sumPeriods. */
function sumSquares(sums: usize, x: usize, centre: usize, size: i32, period: i32): void {
  const width = (<usize>period) << 2;
  memory.fill(sums, 0, width);
  let row = x;
  let left = size;
  for (; left >= 4 * period; left -= 4 * period) {
    for (let j: usize = 0; j < width; j += 16) {
      const at = row + j;
      const c = v128.load(centre + j);
      const d0 = f32x4.sub(v128.load(at), c);
      const d1 = f32x4.sub(v128.load(at + width), c);
      const d2 = f32x4.sub(v128.load(at + 2 * width), c);
      const d3 = f32x4.sub(v128.load(at + 3 * width), c);
      const low = f32x4.add(f32x4.mul(d0, d0), f32x4.mul(d1, d1));
      const high = f32x4.add(f32x4.mul(d2, d2), f32x4.mul(d3, d3));
      v128.store(sums + j, f32x4.add(v128.load(sums + j), f32x4.add(low, high)));
    }
    row += 4 * width;
  }
  for (; left >= period; left -= period) {
    for (let j: usize = 0; j < width; j += 16) {
      const d = f32x4.sub(v128.load(row + j), v128.load(centre + j));
      v128.store(sums + j, f32x4.add(v128.load(sums + j), f32x4.mul(d, d)));
    }
    row += width;
  }
  const rest = (<usize>left) << 2;
  for (let j: usize = 0; j < rest; j += 4) {
    const d = load<f32>(row + j) - load<f32>(centre + j);
    store<f32>(sums + j, load<f32>(sums + j) + d * d);
  }
}

/**
 * The batch's statistics from its images', for channels [begin, end); mean and variance [C], overwritten.
 *   mean = Σ_n means/N,  variance = (Σ_n squares + P·Σ_n (means − mean)²)/(N·P), biased.
 * The second term is what the images' own means leave out. Source: Chan, Golub & LeVeque 1979, "Updating formulae and a
 * pairwise algorithm for computing sample variances", for parts of equal count.
 */
export function momentsOverImages(
  mean: usize,
  variance: usize,
  means: usize,
  squares: usize,
  images: i32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const width = (<usize>channels) << 2;
  const last = (<usize>end) << 2;
  const N = <f32>images;
  const P = <f32>positions;
  let c = (<usize>begin) << 2;
  for (; c + 16 <= last; c += 16) {
    let sum = f32x4.splat(0);
    for (let n = images, at = means + c; n > 0; --n, at += width) sum = f32x4.add(sum, v128.load(at));
    const centre = f32x4.div(sum, f32x4.splat(N));
    let within = f32x4.splat(0);
    let between = f32x4.splat(0);
    for (let n = images, at = c; n > 0; --n, at += width) {
      const d = f32x4.sub(v128.load(means + at), centre);
      within = f32x4.add(within, v128.load(squares + at));
      between = f32x4.add(between, f32x4.mul(d, d));
    }
    const total = f32x4.add(within, f32x4.mul(f32x4.splat(P), between));
    v128.store(mean + c, centre);
    v128.store(variance + c, f32x4.div(total, f32x4.splat(N * P)));
  }
  for (; c < last; c += 4) {
    let sum: f32 = 0;
    for (let n = images, at = means + c; n > 0; --n, at += width) sum += load<f32>(at);
    const centre = sum / N;
    let within: f32 = 0;
    let between: f32 = 0;
    for (let n = images, at = c; n > 0; --n, at += width) {
      const d = load<f32>(means + at) - centre;
      within += load<f32>(squares + at);
      between += d * d;
    }
    store<f32>(mean + c, centre);
    store<f32>(variance + c, (within + P * between) / (N * P));
  }
}

/**
 * y = x·scale + shift with scale = gamma/√(variance + epsilon), shift = beta − mean·scale, for images [begin, end).
 * Overwrites y, which may alias x. work: 2 periods.
 */
export function normalizeForward(
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
  inline.always(normalizeImages(y, x, 0, work, positions, channels, begin, end, false, false));
}

/** scale = gamma/√(variance + epsilon) over one period at `scales`, and over the next shift = beta − mean·scale. */
export function spreadScales(
  scales: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  epsilon: f32,
  channels: i32,
): void {
  const period = periodOf(channels);
  const shifts = scales + ((<usize>period) << 2);
  for (let c = 0; c < channels; ++c) {
    const at = (<usize>c) << 2;
    const scale = load<f32>(gamma + at) * inverseStdOf(variance, c, epsilon);
    store<f32>(scales + at, scale);
    store<f32>(shifts + at, load<f32>(beta + at) - load<f32>(mean + at) * scale);
  }
  spread(scales, channels, period);
  spread(shifts, channels, period);
}

/** x·scale + shift, plus `other` if it is wanted, through relu if that is. To be inlined, with constants for both. */
export function normalized(
  x: usize,
  other: usize,
  scales: usize,
  shifts: usize,
  adds: bool,
  rectifies: bool,
): v128 {
  let v = f32x4.add(f32x4.mul(v128.load(x), v128.load(scales)), v128.load(shifts));
  if (adds) v = f32x4.add(v, v128.load(other));
  if (rectifies) v = f32x4.pmax(v, f32x4.splat(0));
  return v;
}

/** y = normalized(x) for images [begin, end). scales: what spreadScales wrote. To be inlined, with constant flags. */
export function normalizeImages(
  y: usize,
  x: usize,
  other: usize,
  scales: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
  adds: bool,
  rectifies: bool,
): void {
  const width = (<usize>periodOf(channels)) << 2;
  // An image is a whole number of rows, so the range is one flat array that begins with channel 0.
  const imageBytes = (<usize>(positions * channels)) << 2;
  const last = <usize>end * imageBytes;
  let at = <usize>begin * imageBytes;
  let k: usize = 0;
  for (; at + 64 <= last; at += 64) {
    const from = x + at;
    const o = other + at;
    const a = scales + k;
    const b = a + width;
    const y0 = inline.always(normalized(from, o, a, b, adds, rectifies));
    const y1 = inline.always(normalized(from + 16, o + 16, a + 16, b + 16, adds, rectifies));
    const y2 = inline.always(normalized(from + 32, o + 32, a + 32, b + 32, adds, rectifies));
    const y3 = inline.always(normalized(from + 48, o + 48, a + 48, b + 48, adds, rectifies));
    const to = y + at;
    v128.store(to, y0);
    v128.store(to, y1, 16);
    v128.store(to, y2, 32);
    v128.store(to, y3, 48);
    k = select<usize>(0, k + 64, k + 64 === width);
  }
  for (; at < last; at += 4, k += 4) {
    let v = load<f32>(x + at) * load<f32>(scales + k) + load<f32>(scales + width + k);
    if (adds) v += load<f32>(other + at);
    if (rectifies && v < 0) v = 0;
    store<f32>(y + at, v);
  }
}

/**
 * dBetas[n, c] = Σ_p dY and dGammas[n, c] = Σ_p dY·xHat for images n in [begin, end); [N, C], overwritten.
 * xHat = (x − mean)/√(variance + epsilon); the root is taken out of the sum. work: 4 periods.
 */
export function normalizeGradientsInImages(
  dBetas: usize,
  dGammas: usize,
  x: usize,
  dY: usize,
  mean: usize,
  variance: usize,
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
  const centre = work + 2 * width;
  const inverseStds = work + 3 * width;
  memory.copy(centre, mean, rowBytes);
  spread(centre, channels, period);
  for (let c = 0; c < channels; ++c) {
    store<f32>(inverseStds + ((<usize>c) << 2), inverseStdOf(variance, c, epsilon));
  }
  const size = positions * channels;
  for (let n = begin; n < end; ++n) {
    const image = (<usize>n * <usize>size) << 2;
    const dGamma = dGammas + <usize>n * rowBytes;
    sumGradients(work, products, x + image, dY + image, centre, size, period);
    fold(dBetas + <usize>n * rowBytes, work, channels, period);
    fold(dGamma, products, channels, period);
    multiply(dGamma, inverseStds, channels);
  }
}

/** sums[j] = Σ_i dY[i·period + j], products[j] = Σ_i dY[i·period + j]·(x[i·period + j] − centre[j]), overwritten. */
function sumGradients(
  sums: usize,
  products: usize,
  x: usize,
  dY: usize,
  centre: usize,
  size: i32,
  period: i32,
): void {
  const width = (<usize>period) << 2;
  memory.fill(sums, 0, width);
  memory.fill(products, 0, width);
  const last = (<usize>size) << 2;
  let row: usize = 0;
  for (; row + 2 * width <= last; row += 2 * width) {
    for (let j: usize = 0; j < width; j += 16) {
      const at = row + j;
      const c = v128.load(centre + j);
      const g0 = v128.load(dY + at);
      const g1 = v128.load(dY + at + width);
      const p0 = f32x4.mul(g0, f32x4.sub(v128.load(x + at), c));
      const p1 = f32x4.mul(g1, f32x4.sub(v128.load(x + at + width), c));
      v128.store(sums + j, f32x4.add(v128.load(sums + j), f32x4.add(g0, g1)));
      v128.store(products + j, f32x4.add(v128.load(products + j), f32x4.add(p0, p1)));
    }
  }
  for (; row + width <= last; row += width) {
    for (let j: usize = 0; j < width; j += 16) {
      const g = v128.load(dY + row + j);
      const p = f32x4.mul(g, f32x4.sub(v128.load(x + row + j), v128.load(centre + j)));
      v128.store(sums + j, f32x4.add(v128.load(sums + j), g));
      v128.store(products + j, f32x4.add(v128.load(products + j), p));
    }
  }
  for (let j: usize = 0; row < last; row += 4, j += 4) {
    const g = load<f32>(dY + row);
    const p = g * (load<f32>(x + row) - load<f32>(centre + j));
    store<f32>(sums + j, load<f32>(sums + j) + g);
    store<f32>(products + j, load<f32>(products + j) + p);
  }
}

/**
 * dX = gamma·inverseStd·(dY − dBeta/M − xHat·dGamma/M) for images [begin, end), M = N·P: as dY·a + (x·b + c) with
 *   a = gamma·inverseStd,  b = −a·inverseStd·dGamma/M,  c = −a·dBeta/M − b·mean.
 * Overwrites dX, which may alias dY or x. work: 3 periods.
 */
export function batchNormalizationBackward(
  dX: usize,
  x: usize,
  dY: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
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
  const bs = work + width;
  const cs = work + 2 * width;
  const M = <f32>images * <f32>positions;
  for (let i = 0; i < channels; ++i) {
    const at = (<usize>i) << 2;
    const inverseStd = inverseStdOf(variance, i, epsilon);
    const a = load<f32>(gamma + at) * inverseStd;
    const b = -a * inverseStd * (load<f32>(dGamma + at) / M);
    store<f32>(work + at, a);
    store<f32>(bs + at, b);
    store<f32>(cs + at, -a * (load<f32>(dBeta + at) / M) - b * load<f32>(mean + at));
  }
  spread(work, channels, period);
  spread(bs, channels, period);
  spread(cs, channels, period);
  const imageBytes = (<usize>(positions * channels)) << 2;
  const last = <usize>end * imageBytes;
  let at = <usize>begin * imageBytes;
  let k: usize = 0;
  for (; at + 32 <= last; at += 32) {
    const fromX = x + at;
    const fromDY = dY + at;
    const b = bs + k;
    const c = cs + k;
    const linear0 = f32x4.add(f32x4.mul(v128.load(fromX), v128.load(b)), v128.load(c));
    const linear1 = f32x4.add(f32x4.mul(v128.load(fromX, 16), v128.load(b, 16)), v128.load(c, 16));
    const a = work + k;
    const dX0 = f32x4.add(f32x4.mul(v128.load(fromDY), v128.load(a)), linear0);
    const dX1 = f32x4.add(f32x4.mul(v128.load(fromDY, 16), v128.load(a, 16)), linear1);
    v128.store(dX + at, dX0);
    v128.store(dX + at, dX1, 16);
    k = select<usize>(0, k + 32, k + 32 === width);
  }
  for (; at < last; at += 4, k += 4) {
    const linear = load<f32>(x + at) * load<f32>(bs + k) + load<f32>(cs + k);
    store<f32>(dX + at, load<f32>(dY + at) * load<f32>(work + k) + linear);
  }
}

/** dX = dY·gamma/√(variance + epsilon) for images [begin, end). Overwrites dX, which may alias dY. work: 1 period. */
export function normalizeBackward(
  dX: usize,
  dY: usize,
  variance: usize,
  gamma: usize,
  work: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = periodOf(channels);
  const width = (<usize>period) << 2;
  for (let c = 0; c < channels; ++c) {
    const at = (<usize>c) << 2;
    store<f32>(work + at, load<f32>(gamma + at) * inverseStdOf(variance, c, epsilon));
  }
  spread(work, channels, period);
  const imageBytes = (<usize>(positions * channels)) << 2;
  const last = <usize>end * imageBytes;
  let at = <usize>begin * imageBytes;
  let k: usize = 0;
  for (; at + 16 <= last; at += 16) {
    v128.store(dX + at, f32x4.mul(v128.load(dY + at), v128.load(work + k)));
    k = select<usize>(0, k + 16, k + 16 === width);
  }
  for (; at < last; at += 4, k += 4) store<f32>(dX + at, load<f32>(dY + at) * load<f32>(work + k));
}

/** moving[c] = momentum·moving[c] + rest·batch[c] for channels [begin, end), in place; rest = 1 − momentum. */
export function updateMoving(
  moving: usize,
  batch: usize,
  momentum: f32,
  rest: f32,
  begin: i32,
  end: i32,
): void {
  const last = (<usize>end) << 2;
  for (let c = (<usize>begin) << 2; c < last; c += 4) {
    store<f32>(moving + c, momentum * load<f32>(moving + c) + rest * load<f32>(batch + c));
  }
}
