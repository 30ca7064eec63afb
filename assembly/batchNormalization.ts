/**
 * Batch normalisation over all axes but the last. A value's arithmetic depends on its channel alone, so images are dealt
 * out freely; statistics are formed within each image first, then combined over the images in order.
 */
import { fold, periodOf, repeat, sumChannels } from "./channels";
import { columnSum } from "./sums";

/**
 * means[n, c] and squares[n, c] = Σ (x − mean)² over image n's positions. Two passes over an image that is still in the
 * cache: no cancellation. `scratch` takes two periods of floats.
 */
export function imageStatistics(
  means: usize,
  squares: usize,
  x: usize,
  scratch: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const image = (<usize>positions * channels) << 2;
  const period = (<usize>periodOf(channels)) << 2;
  const mean = scratch + period;
  const share: f32 = 1 / <f32>positions;
  for (let n = begin; n < end; n++) {
    const row = (<usize>n * channels) << 2;
    const values = x + <usize>n * image;
    sumChannels(means + row, values, scratch, positions, channels);
    for (let at: usize = row; at < row + ((<usize>channels) << 2); at += 4) {
      store<f32>(means + at, load<f32>(means + at) * share);
    }
    repeat(mean, means + row, channels);
    sumSquares(squares + row, values, values + image, mean, scratch, period, channels);
  }
}

function sumSquares(
  sums: usize,
  x: usize,
  end: usize,
  mean: usize,
  accumulator: usize,
  period: usize,
  channels: i32,
): void {
  memory.fill(accumulator, 0, period);
  for (; x + 2 * period <= end; x += period) {
    for (let at: usize = 0; at < period; at += 16, x += 16) {
      const m = v128.load(mean + at);
      const a = f32x4.sub(v128.load(x), m);
      const b = f32x4.sub(v128.load(x + period), m);
      const squares = f32x4.add(f32x4.mul(a, a), f32x4.mul(b, b));
      v128.store(accumulator + at, f32x4.add(v128.load(accumulator + at), squares));
    }
  }
  for (; x < end; ) {
    const span = min(period, end - x);
    for (let at: usize = 0; at < span; at += 4, x += 4) {
      const d = load<f32>(x) - load<f32>(mean + at);
      store<f32>(accumulator + at, load<f32>(accumulator + at) + d * d);
    }
  }
  fold(sums, accumulator, channels);
}

/**
 * mean[c], variance[c] over the batch, c in [begin, end), from each image's, all of `positions` values:
 * mean = Σ mean_n/N, variance = (Σ squares_n + positions·Σ (mean_n − mean)²)/(N·positions). In float64.
 * Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1.
 */
export function combineStatistics(
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
  for (let c = begin; c < end; c++) {
    const center = columnSum(means, images, channels, c) / <f64>images;
    let between: f64 = 0;
    for (let n = 0; n < images; n++) {
      const d = <f64>load<f32>(means + ((<usize>n * channels + c) << 2)) - center;
      between += d * d;
    }
    const within = columnSum(squares, images, channels, c);
    const total = within + <f64>positions * between;
    store<f32>(mean + ((<usize>c) << 2), <f32>center);
    store<f32>(variance + ((<usize>c) << 2), <f32>(total / (<f64>images * <f64>positions)));
  }
}

/** y = (x − mean)·gamma/√(variance + epsilon) + beta. `scratch` takes three periods of floats. */
export function normalizeForward(
  y: usize,
  x: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  scratch: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = (<usize>periodOf(channels)) << 2;
  const scale = scratch + period;
  const shift = scale + period;
  for (let at: usize = 0; at < (<usize>channels) << 2; at += 4) {
    store<f32>(scale + at, load<f32>(gamma + at) / sqrt<f32>(load<f32>(variance + at) + epsilon));
  }
  repeat(scratch, mean, channels);
  repeat(scale, scale, channels);
  repeat(shift, beta, channels);
  const image = (<usize>positions * channels) << 2;
  for (let n = begin; n < end; n++) {
    let from = x + <usize>n * image;
    let to = y + <usize>n * image;
    const last = to + image;
    while (to + period <= last) {
      for (let at: usize = 0; at < period; at += 16, from += 16, to += 16) {
        const centered = f32x4.sub(v128.load(from), v128.load(scratch + at));
        v128.store(to, f32x4.add(f32x4.mul(centered, v128.load(scale + at)), v128.load(shift + at)));
      }
    }
    for (let at: usize = 0; to < last; at += 4, from += 4, to += 4) {
      const centered = load<f32>(from) - load<f32>(scratch + at);
      store<f32>(to, centered * load<f32>(scale + at) + load<f32>(shift + at));
    }
  }
}

/**
 * Within each image: dBetas[n, c] = Σ dY and dGammas[n, c] = Σ dY·(x − mean). `scratch` takes three periods of floats.
 */
export function imageNormalizationGradients(
  dGammas: usize,
  dBetas: usize,
  x: usize,
  dY: usize,
  mean: usize,
  scratch: usize,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = (<usize>periodOf(channels)) << 2;
  const products = scratch + period;
  const sums = products + period;
  repeat(scratch, mean, channels);
  const image = (<usize>positions * channels) << 2;
  for (let n = begin; n < end; n++) {
    memory.fill(products, 0, 2 * period);
    let value = x + <usize>n * image;
    let slope = dY + <usize>n * image;
    const last = slope + image;
    for (; slope + 2 * period <= last; slope += period, value += period) {
      for (let at: usize = 0; at < period; at += 16, slope += 16, value += 16) {
        const m = v128.load(scratch + at);
        const d0 = v128.load(slope);
        const d1 = v128.load(slope + period);
        const p0 = f32x4.mul(d0, f32x4.sub(v128.load(value), m));
        const p1 = f32x4.mul(d1, f32x4.sub(v128.load(value + period), m));
        v128.store(products + at, f32x4.add(v128.load(products + at), f32x4.add(p0, p1)));
        v128.store(sums + at, f32x4.add(v128.load(sums + at), f32x4.add(d0, d1)));
      }
    }
    while (slope < last) {
      const span = min(period, last - slope);
      for (let at: usize = 0; at < span; at += 4, slope += 4, value += 4) {
        const d = load<f32>(slope);
        const p = d * (load<f32>(value) - load<f32>(scratch + at));
        store<f32>(products + at, load<f32>(products + at) + p);
        store<f32>(sums + at, load<f32>(sums + at) + d);
      }
    }
    fold(dGammas + ((<usize>n * channels) << 2), products, channels);
    fold(dBetas + ((<usize>n * channels) << 2), sums, channels);
  }
}

/** dBeta[c] = Σ_n dBetas, dGamma[c] = Σ_n dGammas/√(variance + epsilon), c in [begin, end). In float64. */
export function combineNormalizationGradients(
  dGamma: usize,
  dBeta: usize,
  dGammas: usize,
  dBetas: usize,
  variance: usize,
  epsilon: f32,
  images: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  for (let c = begin; c < end; c++) {
    const at = (<usize>c) << 2;
    const deviation = sqrt<f64>(<f64>load<f32>(variance + at) + <f64>epsilon);
    store<f32>(dGamma + at, <f32>(columnSum(dGammas, images, channels, c) / deviation));
    store<f32>(dBeta + at, <f32>columnSum(dBetas, images, channels, c));
  }
}

/**
 * dX = k·dY + a·(x − mean) + b, k = gamma·inverseStd, a = −k·inverseStd·dGamma/M, b = −k·dBeta/M, M = count: the gradient
 * when mean and variance are the batch's own. `scratch` takes four periods of floats.
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
  scratch: usize,
  epsilon: f32,
  count: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = (<usize>periodOf(channels)) << 2;
  const k = scratch + period;
  const a = k + period;
  const b = a + period;
  for (let at: usize = 0; at < (<usize>channels) << 2; at += 4) {
    const inverseStd: f32 = 1 / sqrt<f32>(load<f32>(variance + at) + epsilon);
    const factor = load<f32>(gamma + at) * inverseStd;
    store<f32>(k + at, factor);
    store<f32>(a + at, (-factor * inverseStd * load<f32>(dGamma + at)) / count);
    store<f32>(b + at, (-factor * load<f32>(dBeta + at)) / count);
  }
  repeat(scratch, mean, channels);
  repeat(k, k, channels);
  repeat(a, a, channels);
  repeat(b, b, channels);
  const image = (<usize>positions * channels) << 2;
  for (let n = begin; n < end; n++) {
    let value = x + <usize>n * image;
    let slope = dY + <usize>n * image;
    let to = dX + <usize>n * image;
    const last = to + image;
    while (to + period <= last) {
      for (let at: usize = 0; at < period; at += 16, value += 16, slope += 16, to += 16) {
        const centered = f32x4.sub(v128.load(value), v128.load(scratch + at));
        const own = f32x4.mul(v128.load(slope), v128.load(k + at));
        const shared = f32x4.add(f32x4.mul(centered, v128.load(a + at)), v128.load(b + at));
        v128.store(to, f32x4.add(own, shared));
      }
    }
    for (let at: usize = 0; to < last; at += 4, value += 4, slope += 4, to += 4) {
      const centered = load<f32>(value) - load<f32>(scratch + at);
      const shared = centered * load<f32>(a + at) + load<f32>(b + at);
      store<f32>(to, load<f32>(slope) * load<f32>(k + at) + shared);
    }
  }
}

/** dX = dY·gamma/√(variance + epsilon): the gradient when the statistics are constants. `scratch`: one period of floats. */
export function normalizeBackward(
  dX: usize,
  dY: usize,
  variance: usize,
  gamma: usize,
  scratch: usize,
  epsilon: f32,
  positions: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const period = (<usize>periodOf(channels)) << 2;
  for (let at: usize = 0; at < (<usize>channels) << 2; at += 4) {
    store<f32>(scratch + at, load<f32>(gamma + at) / sqrt<f32>(load<f32>(variance + at) + epsilon));
  }
  repeat(scratch, scratch, channels);
  const image = (<usize>positions * channels) << 2;
  for (let n = begin; n < end; n++) {
    let slope = dY + <usize>n * image;
    let to = dX + <usize>n * image;
    const last = to + image;
    while (to + period <= last) {
      for (let at: usize = 0; at < period; at += 16, slope += 16, to += 16) {
        v128.store(to, f32x4.mul(v128.load(slope), v128.load(scratch + at)));
      }
    }
    for (let at: usize = 0; to < last; at += 4, slope += 4, to += 4) {
      store<f32>(to, load<f32>(slope) * load<f32>(scratch + at));
    }
  }
}

/** In place: moving = momentum·moving + rest·batch, rest = 1 − momentum, c in [begin, end). */
export function updateMoving(
  moving: usize,
  batch: usize,
  momentum: f32,
  rest: f32,
  begin: i32,
  end: i32,
): void {
  for (let at = (<usize>begin) << 2; at < (<usize>end) << 2; at += 4) {
    store<f32>(moving + at, momentum * load<f32>(moving + at) + rest * load<f32>(batch + at));
  }
}
