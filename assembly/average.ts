/** Moving averages of weights, over flat arrays: elements [begin, end). */
import { larger, noteLargest } from "./finite";
import { STATE_STEP } from "./state";

/** average += (w − average)(1 − momentum); in step 0 average = w. In place; no aliasing. */
export function averageWeights(
  average: usize,
  weights: usize,
  stepState: usize,
  momentum: f64,
  begin: i32,
  end: i32,
): void {
  const fresh: f32 = load<i32>(stepState + STATE_STEP) === 0 ? 1 : <f32>(1.0 - momentum);
  let largest = i32x4.splat(0);
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const held = v128.load(average + at);
    const change = f32x4.mul(f32x4.sub(v128.load(weights + at), held), f32x4.splat(fresh));
    const averaged = f32x4.add(held, change);
    v128.store(average + at, averaged);
    largest = inline.always(larger(largest, averaged));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    const held = load<f32>(average + at);
    const averaged = held + (load<f32>(weights + at) - held) * fresh;
    store<f32>(average + at, averaged);
    largest = inline.always(larger(largest, f32x4.splat(averaged)));
  }
  noteLargest(stepState, largest);
}
