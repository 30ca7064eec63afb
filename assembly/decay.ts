/** Weight decay: w − decay·w, or w itself where `decays` is 0. */

export function decayed4(weights: usize, decays: i32, decay: f32): v128 {
  const w = v128.load(weights);
  return decays ? f32x4.sub(w, f32x4.mul(f32x4.splat(decay), w)) : w;
}

export function decayed1(weight: usize, decays: i32, decay: f32): f32 {
  const w = load<f32>(weight);
  return decays ? w - decay * w : w;
}
