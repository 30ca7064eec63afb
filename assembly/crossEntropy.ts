/** Categorical cross-entropy from logits and from probabilities, and weights of classes. Images [begin, end) of N. */
import { exp4, log4 } from "./math";
import { firstMaximum } from "./metrics";

/** Keras' epsilon. */
const CLIP: f32 = 1e-7;

function log1(x: f32): f32 {
  return f32x4.extract_lane(log4(f32x4.splat(x)), 0);
}

/** Label of image n for class k: from distributions when dense, else 1 at the class index. */
function labelAt(labels: usize, dense: i32, n: i32, k: i32, K: i32): f32 {
  if (dense) return load<f32>(labels + ((<usize>n * <usize>K + <usize>k) << 2));
  return load<i32>(labels + ((<usize>n) << 2)) === k ? 1 : 0;
}

/**
 * p = exp(z − max)/Σ exp(z − max); losses = Σ_k y_k·(log Σ exp(z − max) − (z_k − max)); dLogits = (p − y)/N.
 * Terms with y_k = 0 are left out. Sums run over k in order. A NaN among an image's logits makes its results NaN.
 * losses [N], probabilities, dLogits [N, K], overwritten; logits [N, K]; labels int32 [N], or float32 [N, K] if dense.
 * probabilities may alias no input; it also serves as workspace.
 */
export function softmaxCrossEntropy(
  losses: usize,
  probabilities: usize,
  dLogits: usize,
  logits: usize,
  labels: usize,
  dense: i32,
  N: i32,
  K: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>K) << 2;
  for (let n = begin; n < end; ++n) {
    const row = <usize>n * rowBytes;
    const z = logits + row;
    const p = probabilities + row;
    const dZ = dLogits + row;
    let largest = load<f32>(z);
    for (let k: usize = 4; k < rowBytes; k += 4) largest = max(largest, load<f32>(z + k));
    let k: usize = 0; // in bytes
    for (; k + 16 <= rowBytes; k += 16) {
      v128.store(p + k, exp4(f32x4.sub(v128.load(z + k), f32x4.splat(largest))));
    }
    for (; k < rowBytes; k += 4) {
      store<f32>(p + k, f32x4.extract_lane(exp4(f32x4.splat(load<f32>(z + k) - largest)), 0));
    }
    let sum: f32 = 0;
    for (k = 0; k < rowBytes; k += 4) sum += load<f32>(p + k);
    const logSum = log1(sum);
    let loss: f32 = 0;
    for (let j = 0; j < K; ++j) {
      const at = (<usize>j) << 2;
      const label = labelAt(labels, dense, n, j, K);
      const probability = load<f32>(p + at) / sum;
      if (label !== 0) loss += label * (logSum - (load<f32>(z + at) - largest));
      store<f32>(p + at, probability);
      store<f32>(dZ + at, (probability - label) / <f32>N);
    }
    store<f32>(losses + ((<usize>n) << 2), loss);
  }
}

/**
 * q = p/Σp, c = clip(q, 1e-7, 1 − 1e-7); losses = −Σ_k y_k·log c_k;
 * dProbabilities = (g − Σ_k g_k·q_k)/Σp/N with g_k = −y_k/c_k where q_k was not clipped, else 0.
 * Terms with y_k = 0 are left out. Sums run over k in order. NaN among an image's probabilities makes its results NaN.
 * losses [N], dProbabilities [N, K], overwritten; probabilities [N, K]; labels int32 [N], or float32 [N, K] if dense.
 */
export function crossEntropy(
  losses: usize,
  dProbabilities: usize,
  probabilities: usize,
  labels: usize,
  dense: i32,
  N: i32,
  K: i32,
  begin: i32,
  end: i32,
): void {
  for (let n = begin; n < end; ++n) {
    const row = (<usize>n * <usize>K) << 2;
    const p = probabilities + row;
    const dP = dProbabilities + row;
    let total: f32 = 0;
    for (let k = 0; k < K; ++k) total += load<f32>(p + ((<usize>k) << 2));
    let loss: f32 = 0;
    let projection: f32 = 0; // Σ_k g_k·q_k
    for (let k = 0; k < K; ++k) {
      const at = (<usize>k) << 2;
      const label = labelAt(labels, dense, n, k, K);
      const q = load<f32>(p + at) / total;
      const clipped = min(max(q, CLIP), <f32>(1.0 - 1e-7));
      let g: f32 = 0;
      if (label !== 0) {
        loss -= label * log1(clipped);
        if (clipped === q) g = -label / clipped;
      }
      projection += g * q;
      store<f32>(dP + at, g);
    }
    for (let k = 0; k < K; ++k) {
      const at = dP + ((<usize>k) << 2);
      store<f32>(at, (load<f32>(at) - projection) / total / <f32>N);
    }
    store<f32>(losses + ((<usize>n) << 2), loss);
  }
}

/**
 * losses[n] *= w and dOutputs[n, ·] *= w with w = weights[class of image n]; a distribution's class is its first largest.
 * losses [N], dOutputs [N, K], in place; labels int32 [N], or float32 [N, K] if dense; weights float32 [K]. No aliasing.
 */
export function weighByClass(
  losses: usize,
  dOutputs: usize,
  labels: usize,
  weights: usize,
  dense: i32,
  K: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>K) << 2;
  for (let n = begin; n < end; ++n) {
    const at = (<usize>n) << 2;
    const label = dense ? firstMaximum(labels + <usize>n * rowBytes, K) : load<i32>(labels + at);
    const weight = load<f32>(weights + ((<usize>label) << 2));
    store<f32>(losses + at, load<f32>(losses + at) * weight);
    const d = dOutputs + <usize>n * rowBytes;
    for (let k: usize = 0; k < rowBytes; k += 4) store<f32>(d + k, load<f32>(d + k) * weight);
  }
}
