/** Moving averages of weights, over flat arrays: elements [begin, end). */
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
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const at = (<usize>i) << 2;
    const held = v128.load(average + at);
    const change = f32x4.mul(f32x4.sub(v128.load(weights + at), held), f32x4.splat(fresh));
    v128.store(average + at, f32x4.add(held, change));
  }
  for (; i < end; ++i) {
    const at = (<usize>i) << 2;
    const held = load<f32>(average + at);
    store<f32>(average + at, held + (load<f32>(weights + at) - held) * fresh);
  }
}
