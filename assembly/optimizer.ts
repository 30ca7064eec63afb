/**
 * Weight updates and L2 regularisation, over flat arrays: elements [begin, end). With `decays` ≠ 0 an update begins with
 * w −= decay·w, decay = learning rate·weight decay, which is in the step state.
 */
import { decayed1, decayed4 } from "./decay";
import { larger, noteLargest } from "./finite";
import { STATE_DECAY, STATE_LEARNING_RATE } from "./state";

/** Elements of one partial sum of squares; src/backend/wasm/l2.ts has the same. */
const L2_BLOCK: i32 = 4096;

/**
 * m += (g − m)(1 − β₁); v += (g² − v)(1 − β₂); w −= lr_t·m/(√v + ε). lr_t, bias-corrected, is in the step state.
 * weights, m, v are updated in place; gradients read; no aliasing. The betas are float64, so that 1 − β is
 * rounded once: in float32, 1 − 0.999 is off by 1e-5. The largest magnitude among new weights and v goes to the step
 * state: a gradient that is not finite shows in one of them, and so does one whose square is not.
 */
export function adamUpdate(
  weights: usize,
  m: usize,
  v: usize,
  gradients: usize,
  stepState: usize,
  beta1: f64,
  beta2: f64,
  epsilon: f32,
  decays: i32,
  begin: i32,
  end: i32,
): void {
  const rate = load<f32>(stepState + STATE_LEARNING_RATE);
  const decay = load<f32>(stepState + STATE_DECAY);
  const fresh1 = <f32>(1.0 - beta1);
  const fresh2 = <f32>(1.0 - beta2);
  let largest = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const g = v128.load(gradients + at);
    let mean = v128.load(m + at);
    let square = v128.load(v + at);
    mean = f32x4.add(mean, f32x4.mul(f32x4.sub(g, mean), f32x4.splat(fresh1)));
    square = f32x4.add(square, f32x4.mul(f32x4.sub(f32x4.mul(g, g), square), f32x4.splat(fresh2)));
    v128.store(m + at, mean);
    v128.store(v + at, square);
    const step = f32x4.div(
      f32x4.mul(f32x4.splat(rate), mean),
      f32x4.add(f32x4.sqrt(square), f32x4.splat(epsilon)),
    );
    const updated = f32x4.sub(decayed4(weights + at, decays, decay), step);
    v128.store(weights + at, updated);
    largest = inline.always(larger(largest, updated));
    largest = inline.always(larger(largest, square));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    const g = load<f32>(gradients + at);
    let mean = load<f32>(m + at);
    let square = load<f32>(v + at);
    mean += (g - mean) * fresh1;
    square += (g * g - square) * fresh2;
    store<f32>(m + at, mean);
    store<f32>(v + at, square);
    const step = (rate * mean) / (sqrt<f32>(square) + epsilon);
    const updated = decayed1(weights + at, decays, decay) - step;
    store<f32>(weights + at, updated);
    largest = inline.always(larger(largest, f32x4.splat(updated)));
    largest = inline.always(larger(largest, f32x4.splat(square)));
  }
  noteLargest(stepState, largest);
}

/**
 * momentum 0: w −= lr·g; velocity is not touched and may be any address. Otherwise velocity = momentum·velocity − lr·g and
 * w += velocity, or with nesterov w += momentum·velocity − lr·g. lr is in the step state. In place; no aliasing.
 * The largest magnitude among new weights goes to the step state.
 */
export function sgdUpdate(
  weights: usize,
  velocity: usize,
  gradients: usize,
  stepState: usize,
  momentum: f32,
  nesterov: i32,
  decays: i32,
  begin: i32,
  end: i32,
): void {
  const rate = load<f32>(stepState + STATE_LEARNING_RATE);
  const decay = load<f32>(stepState + STATE_DECAY);
  if (momentum === 0) {
    sgdPlain(weights, gradients, stepState, rate, decays, decay, begin, end);
    return;
  }
  let largest = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const step = f32x4.mul(f32x4.splat(rate), v128.load(gradients + at));
    const carried = f32x4.mul(f32x4.splat(momentum), v128.load(velocity + at));
    let move = f32x4.sub(carried, step);
    v128.store(velocity + at, move);
    if (nesterov) move = f32x4.sub(f32x4.mul(f32x4.splat(momentum), move), step);
    const updated = f32x4.add(decayed4(weights + at, decays, decay), move);
    v128.store(weights + at, updated);
    largest = inline.always(larger(largest, updated));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    const step = rate * load<f32>(gradients + at);
    let move = momentum * load<f32>(velocity + at) - step;
    store<f32>(velocity + at, move);
    if (nesterov) move = momentum * move - step;
    const updated = decayed1(weights + at, decays, decay) + move;
    store<f32>(weights + at, updated);
    largest = inline.always(larger(largest, f32x4.splat(updated)));
  }
  noteLargest(stepState, largest);
}

function sgdPlain(
  weights: usize,
  gradients: usize,
  stepState: usize,
  rate: f32,
  decays: i32,
  decay: f32,
  begin: i32,
  end: i32,
): void {
  let largest = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const step = f32x4.mul(f32x4.splat(rate), v128.load(gradients + at));
    const updated = f32x4.sub(decayed4(weights + at, decays, decay), step);
    v128.store(weights + at, updated);
    largest = inline.always(larger(largest, updated));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    const updated = decayed1(weights + at, decays, decay) - rate * load<f32>(gradients + at);
    store<f32>(weights + at, updated);
    largest = inline.always(larger(largest, f32x4.splat(updated)));
  }
  noteLargest(stepState, largest);
}

/** dKernel += rate2·kernel, rate2 = 2·rate: the gradient of rate·Σw². In place; no aliasing. */
export function addL2Gradient(dKernel: usize, kernel: usize, rate2: f32, begin: i32, end: i32): void {
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const term = f32x4.mul(f32x4.splat(rate2), v128.load(kernel + at));
    v128.store(dKernel + at, f32x4.add(v128.load(dKernel + at), term));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    store<f32>(dKernel + at, load<f32>(dKernel + at) + rate2 * load<f32>(kernel + at));
  }
}

/**
 * partials[b] = Σ w² over block b, elements [b·4096, min((b + 1)·4096, count)), in float64; blocks [begin, end).
 * Four running sums, of the elements 0, 1, 2 and 3 modulo 4, are added at the block's end: an order that no split changes.
 * partials float64 [blocks], overwritten; kernel float32 [count].
 */
export function sumOfSquares(partials: usize, kernel: usize, count: i32, begin: i32, end: i32): void {
  for (let b = begin; b < end; ++b) {
    let i = b * L2_BLOCK;
    const stop = min(i + L2_BLOCK, count);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; i + 4 <= stop; i += 4) {
      const w = v128.load(kernel + ((<usize>i) << 2));
      const first = f64x2.promote_low_f32x4(w);
      const second = f64x2.promote_low_f32x4(v128.shuffle<i32>(w, w, 2, 3, 2, 3));
      low = f64x2.add(low, f64x2.mul(first, first));
      high = f64x2.add(high, f64x2.mul(second, second));
    }
    const pair = f64x2.add(low, high);
    let sum = f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
    for (; i < stop; ++i) {
      const w = <f64>load<f32>(kernel + ((<usize>i) << 2));
      sum += w * w;
    }
    store<f64>(partials + ((<usize>b) << 3), sum);
  }
}

/** penalty[0] = rate·Σ partials, in order, in float64, rounded once. Split `once`: the range [0, 1). */
export function l2Penalty(
  penalty: usize,
  partials: usize,
  rate: f64,
  blocks: i32,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  let sum: f64 = 0;
  for (let b = 0; b < blocks; ++b) sum += load<f64>(partials + ((<usize>b) << 3));
  store<f32>(penalty, <f32>(rate * sum));
}
