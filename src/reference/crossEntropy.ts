/**
 * Categorical cross-entropy: how surprised a predicted distribution p is by the true one y, −Σ_k y_k·log p_k.
 * Labels are class indices [N], which stand for y = 1 at that class and 0 elsewhere, or distributions [N, K].
 * They are checked where data enters: an index lies in [0, K), a distribution sums to 1.
 */
import { type NDArray, ndarray } from "./ndarray.js";

/** Keras' epsilon: probabilities are clipped to [CLIP, 1 − CLIP] before their logarithm is taken. */
const CLIP = 1e-7;

/**
 * Of softmax(logits), from the logits themselves. With p = softmax(z), log p_k = z_k − log Σ exp z; subtracting max z
 * from every z changes nothing but keeps exp within (0, 1], so that no logit, however large, overflows. Then
 *   loss = Σ_k y_k·(log Σ exp(z − max) − (z_k − max)),    dLoss/dz = p·Σ y − y = p − y.
 * @param logits  [N, K]    @param labels  [N] or [N, K]
 * @returns  losses [N]; probabilities [N, K]; dLogits [N, K], the gradient of the mean of the losses
 */
export function softmaxCrossEntropy(
  logits: NDArray,
  labels: NDArray,
): { losses: NDArray; probabilities: NDArray; dLogits: NDArray } {
  const [N, K] = logits.shape;
  const losses = ndarray([N]);
  const probabilities = ndarray([N, K]);
  const dLogits = ndarray([N, K]);
  for (let n = 0; n < N; n++) {
    const z = logits.data.subarray(n * K, (n + 1) * K);
    const y = distribution(labels, n, K);
    const max = z.reduce((a, b) => Math.max(a, b));
    const sum = z.reduce((total, value) => total + Math.exp(value - max), 0);
    for (let k = 0; k < K; k++) {
      const p = Math.exp(z[k] - max) / sum;
      if (y[k] !== 0) losses.data[n] += y[k] * (Math.log(sum) - (z[k] - max));
      probabilities.data[n * K + k] = p;
      dLogits.data[n * K + k] = (p - y[k]) / N;
    }
  }
  return { losses, probabilities, dLogits };
}

/**
 * Of probabilities that no softmax fed. As Keras: q = p/S with S = Σ p, then clipped, c = clip(q, 1e-7, 1 − 1e-7);
 *   loss = −Σ_k y_k·log c_k.
 * Backward: g_k = dLoss/dq_k = −y_k/c_k where q_k was not clipped, else 0. As dq_k/dp_j = (δ_kj − q_k)/S,
 *   dLoss/dp_j = (g_j − Σ_k g_k·q_k)/S.
 * @param probabilities  [N, K]    @param labels  [N] or [N, K]
 * @returns  losses [N]; dProbabilities [N, K], the gradient of the mean of the losses
 */
export function crossEntropy(
  probabilities: NDArray,
  labels: NDArray,
): { losses: NDArray; dProbabilities: NDArray } {
  const [N, K] = probabilities.shape;
  const losses = ndarray([N]);
  const dProbabilities = ndarray([N, K]);
  for (let n = 0; n < N; n++) {
    const p = probabilities.data.subarray(n * K, (n + 1) * K);
    const y = distribution(labels, n, K);
    const S = p.reduce((total, value) => total + value, 0);
    const g = new Float64Array(K);
    let projection = 0; // Σ_k g_k·q_k
    for (let k = 0; k < K; k++) {
      const q = p[k] / S;
      const clipped = Math.min(Math.max(q, CLIP), 1 - CLIP);
      losses.data[n] -= y[k] * Math.log(clipped);
      g[k] = clipped === q ? -y[k] / clipped : 0;
      projection += g[k] * q;
    }
    for (let k = 0; k < K; k++) dProbabilities.data[n * K + k] = (g[k] - projection) / S / N;
  }
  return { losses, dProbabilities };
}

/**
 * As Keras' class_weight, in place: an image's loss, and with it the gradient of its outputs, times the weight of its class;
 * a distribution's class is its first largest. The mean stays one over N, not over the sum of the weights.
 * @param losses  [N]    @param dOutputs  [N, K]    @param labels  [N] or [N, K]    @param weights  [K]
 */
export function weighByClass(losses: NDArray, dOutputs: NDArray, labels: NDArray, weights: NDArray): void {
  const [N, K] = dOutputs.shape;
  for (let n = 0; n < N; n++) {
    const y = distribution(labels, n, K);
    const weight = weights.data[y.indexOf(Math.max(...y))];
    losses.data[n] *= weight;
    for (let k = 0; k < K; k++) dOutputs.data[n * K + k] *= weight;
  }
}

/** Image n's true distribution over K classes. */
function distribution(labels: NDArray, n: number, K: number): Float64Array {
  if (labels.shape.length === 2) return labels.data.subarray(n * K, (n + 1) * K);
  const oneHot = new Float64Array(K);
  oneHot[labels.data[n]] = 1;
  return oneHot;
}
