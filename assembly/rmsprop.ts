/** RMSprop, over flat arrays: elements [begin, end). Weight decay as in optimizer.ts. */
import { decayed1, decayed4 } from "./decay";
import { larger, noteLargest } from "./finite";
import { STATE_DECAY, STATE_LEARNING_RATE } from "./state";

/**
 * velocity += (g² − velocity)(1 − ρ); step = lr·g/√(velocity + ε). Centered: average += (g − average)(1 − ρ), and
 * max(velocity − average², 0) stands for velocity in the step: rounding may make the difference negative. Then w −= step, or
 * with momentum ≠ 0 moving = momentum·moving + step and w −= moving. lr is in the step state. average and moving are not
 * touched, and may be any address, where they are not needed. In place; no aliasing.
 */
export function rmspropUpdate(
  weights: usize,
  velocity: usize,
  average: usize,
  moving: usize,
  gradients: usize,
  stepState: usize,
  rho: f64,
  momentum: f32,
  epsilon: f32,
  centered: i32,
  decays: i32,
  begin: i32,
  end: i32,
): void {
  const rate = load<f32>(stepState + STATE_LEARNING_RATE);
  const decay = load<f32>(stepState + STATE_DECAY);
  const fresh = <f32>(1.0 - rho);
  let largest = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const g = v128.load(gradients + at);
    let square = v128.load(velocity + at);
    square = f32x4.add(square, f32x4.mul(f32x4.sub(f32x4.mul(g, g), square), f32x4.splat(fresh)));
    v128.store(velocity + at, square);
    largest = inline.always(larger(largest, square));
    if (centered) {
      let mean = v128.load(average + at);
      mean = f32x4.add(mean, f32x4.mul(f32x4.sub(g, mean), f32x4.splat(fresh)));
      v128.store(average + at, mean);
      square = f32x4.max(f32x4.sub(square, f32x4.mul(mean, mean)), f32x4.splat(0));
    }
    const root = f32x4.sqrt(f32x4.add(square, f32x4.splat(epsilon)));
    let step = f32x4.div(f32x4.mul(f32x4.splat(rate), g), root);
    if (momentum !== 0) {
      step = f32x4.add(f32x4.mul(f32x4.splat(momentum), v128.load(moving + at)), step);
      v128.store(moving + at, step);
    }
    const updated = f32x4.sub(decayed4(weights + at, decays, decay), step);
    v128.store(weights + at, updated);
    largest = inline.always(larger(largest, updated));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    const g = load<f32>(gradients + at);
    let square = load<f32>(velocity + at);
    square += (g * g - square) * fresh;
    store<f32>(velocity + at, square);
    largest = inline.always(larger(largest, f32x4.splat(square)));
    if (centered) {
      let mean = load<f32>(average + at);
      mean += (g - mean) * fresh;
      store<f32>(average + at, mean);
      square = max<f32>(square - mean * mean, 0);
    }
    let step = (rate * g) / sqrt<f32>(square + epsilon);
    if (momentum !== 0) {
      step = momentum * load<f32>(moving + at) + step;
      store<f32>(moving + at, step);
    }
    const updated = decayed1(weights + at, decays, decay) - step;
    store<f32>(weights + at, updated);
    largest = inline.always(larger(largest, f32x4.splat(updated)));
  }
  noteLargest(stepState, largest);
}
