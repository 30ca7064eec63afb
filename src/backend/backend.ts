/**
 * The one interface between layers and arithmetic. Two backends implement it: `reference` computes at once, in float64
 * plain loops; `wasm` records a program of float32 SIMD kernels over planned memory, which workers then run step after
 * step. A layer is written once against this interface and runs on both; a missing kernel is a compile error.
 *
 * Activations are NHWC [N, H, W, C] or [N, C]; convolution kernels [kh, kw, C, F]; dense kernels [in, out].
 * Every operation returns new tensors and leaves its inputs as they are, but for `updateMoving`.
 */
import type { Shape, Window2D } from "../shape.js";

/** A handle. What lies behind it is the backend's own affair. */
export interface Tensor {
  readonly shape: Shape;
}

export interface ConvolutionGradients<T> {
  /** Like x; undefined when it was not wanted. */
  readonly dX: T | undefined;
  /** [kh, kw, C, F], or [in, out] for dense. */
  readonly dKernel: T;
  /** [F]; undefined when there is no bias. */
  readonly dBias: T | undefined;
}

/** Which of a convolution's or dense layer's gradients are worth computing. */
export interface GradientWishes {
  /** False for a network's first layer: nobody reads its dX. */
  readonly dX: boolean;
  readonly dBias: boolean;
}

/** What backward needs from a normalisation: the statistics that were used, over all axes but the last. Each [C]. */
export interface Statistics<T> {
  readonly mean: T;
  readonly variance: T;
}

export interface BatchNormalizationGradients<T> {
  readonly dX: T;
  readonly dGamma: T;
  readonly dBeta: T;
}

export interface Backend<T extends Tensor> {
  /** Y = conv2d(X, W) + b. X [N, H, W, C], W [kh, kw, C, F], b [F], Y [N, Ho, Wo, F]. */
  conv2d(x: T, kernel: T, bias: T | undefined, window: Window2D): T;
  conv2dGradients(x: T, kernel: T, dY: T, window: Window2D, wishes: GradientWishes): ConvolutionGradients<T>;

  /** Y = X·W + b. X [N, in], W [in, out], b [out], Y [N, out]. */
  dense(x: T, kernel: T, bias: T | undefined): T;
  denseGradients(x: T, kernel: T, dY: T, wishes: GradientWishes): ConvolutionGradients<T>;

  /** Mean and biased variance over all axes but the last. */
  batchStatistics(x: T): Statistics<T>;
  /** y = gamma·(x − mean)/√(variance + epsilon) + beta, per channel of the last axis. */
  normalize(x: T, statistics: Statistics<T>, gamma: T, beta: T, epsilon: number): T;
  /** Gradients when the statistics were those of x itself: they depend on x, so dX has three terms. */
  batchNormalizationGradients(
    x: T,
    dY: T,
    statistics: Statistics<T>,
    gamma: T,
    epsilon: number,
  ): BatchNormalizationGradients<T>;
  /** Gradients when the statistics were constants (moving averages): dX = dY·gamma/√(variance + epsilon). */
  normalizeGradients(
    x: T,
    dY: T,
    statistics: Statistics<T>,
    gamma: T,
    epsilon: number,
  ): BatchNormalizationGradients<T>;
  /**
   * The linear layer that does what kernel and bias do with this normalisation behind them, filters along the last axis:
   * kernel·s and beta + (bias − mean)·s with s = gamma/√(variance + epsilon). Without a bias it is 0.
   */
  foldNormalization(
    kernel: T,
    bias: T | undefined,
    statistics: Statistics<T>,
    gamma: T,
    beta: T,
    epsilon: number,
  ): { kernel: T; bias: T };
  /** In place: moving = momentum·moving + (1 − momentum)·batch. */
  updateMoving(moving: T, batch: T, momentum: number): void;

  relu(x: T): T;
  /** dX = y > 0 ? dY : 0. */
  reluGradient(y: T, dY: T): T;
  sigmoid(x: T): T;
  /** dX = dY·y·(1 − y). */
  sigmoidGradient(y: T, dY: T): T;
  tanh(x: T): T;
  /** dX = dY·(1 − y²). */
  tanhGradient(y: T, dY: T): T;
  /** y = x < 0 ? alpha·x : x, alpha ≥ 0. */
  leakyReLU(x: T, alpha: number): T;
  /** dX = y > 0 ? dY : alpha·dY. */
  leakyReLUGradient(y: T, dY: T, alpha: number): T;
  /** Over the last axis. */
  softmax(x: T): T;
  /** dX = y·(dY − Σ dY·y), the sum over the last axis. */
  softmaxGradient(y: T, dY: T): T;

  /** Ties go to the first maximum in row-major order. `argMax` belongs to the backend: hand it back to the gradient. */
  maxPooling2d(x: T, window: Window2D): { y: T; argMax: T };
  maxPooling2dGradient(argMax: T, dY: T, xShape: Shape, window: Window2D): T;
  /** Divides by the number of real elements: padding does not count. */
  averagePooling2d(x: T, window: Window2D): T;
  averagePooling2dGradient(dY: T, xShape: Shape, window: Window2D): T;
  /** [N, H, W, C] → [N, C]. */
  globalAveragePooling2d(x: T): T;
  globalAveragePooling2dGradient(dY: T, xShape: Shape): T;

  /**
   * Keeps an element with probability 1 − rate and scales it by 1/(1 − rate). Element e of image n (its index within the
   * image) is kept when lane e mod 4 of philox(⌊e/4⌋, n, step, stream; seed, Purpose.Dropout) ≥ ⌊rate·2³²⌋.
   * Seed and step are the backend's; `stream` is the layer's. `mask` belongs to the backend.
   */
  dropout(x: T, rate: number, stream: number): { y: T; mask: T };
  dropoutGradient(mask: T, dY: T, rate: number): T;

  /** Element by element. */
  add(a: T, b: T): T;
  /** y = a·b, element by element. */
  multiply(a: T, b: T): T;
  /** y = factor·x + addend, element by element: 1 − x is affine(x, −1, 1). */
  affine(x: T, factor: number, addend: number): T;
  /** y[…, c] = x[…, c]·gain[c], gain [C]; also what dX of a gain is. */
  multiplyChannels(x: T, gain: T): T;
  /** Over all axes but the last, [N, …, C] → [C]: what the gradient of a gain or a bias is. */
  channelSums(x: T): T;
  /** Along the last axis. */
  concatenate(xs: readonly T[]): T;
  /** Takes dY apart again along the last axis: one dX for each size. */
  concatenateGradient(dY: T, sizes: readonly number[]): T[];
  /** The same values in another shape. The first axis stays. */
  reshape(x: T, shape: Shape): T;

  /**
   * Cross-entropy of softmax(logits) against labels, one loss an image, computed stably from the logits:
   * loss = log Σ exp(z − max z) − (z_label − max z). logits [N, K]; labels [N] class indices, or [N, K] probabilities
   * (loss = Σ_k label_k·(log Σ exp − z_k)). dLogits = (p − y)/N is the gradient of the batch mean.
   */
  softmaxCrossEntropy(logits: T, labels: T): { losses: T; probabilities: T; dLogits: T };
  /**
   * The same from probabilities that no softmax fed, clipped to [1e-7, 1 − 1e-7] after division by their sum (Keras).
   * probabilities [N, K]; labels as above; dProbabilities is the gradient of the batch mean.
   */
  crossEntropy(probabilities: T, labels: T): { losses: T; dProbabilities: T };
  /**
   * In place: losses[n] and the row dOutputs[n] times the weight of image n's class, which of a distribution is its first
   * largest. losses [N], dOutputs [N, K], labels as above, weights [K].
   */
  weighByClass(losses: T, dOutputs: T, labels: T, weights: T): void;

  /** In place, the gradient of rate·Σw²: dKernel += 2·rate·w. */
  addL2Gradient(dKernel: T, kernel: T, rate: number): void;
  /** rate·Σw², a scalar. */
  l2(kernel: T, rate: number): T;
}
