/** Mistakes about relu, dropout, flattening, the loss, regularisation and Adam. */
import { type NDArray, ndarray } from "../../reference/ndarray.js";
import { type AdamStep, adamLearningRate, type adamUpdate } from "../../reference/optimizer.js";
import type { Shape } from "../../shape.js";
import type { Mistake } from "./mistake.js";

function times({ shape, data }: NDArray, factor: number): NDArray {
  return ndarray(
    shape,
    data.map((value) => value * factor),
  );
}

/** m and v as they should be, and another step from them. */
function adamWith(step: (m: number, v: number, at: AdamStep) => number): typeof adamUpdate {
  return (weights, m, v, gradients, at) => {
    gradients.data.forEach((g, k) => {
      m.data[k] += (g - m.data[k]) * (1 - at.beta1);
      v.data[k] += (g * g - v.data[k]) * (1 - at.beta2);
      weights.data[k] -= step(m.data[k], v.data[k], at);
    });
  };
}

const rateOf = ({ learningRate, step, beta1, beta2 }: AdamStep) =>
  adamLearningRate(learningRate, step, beta1, beta2);

/** √(1 − β₂ᵗ) */
const rootOf = (at: AdamStep) => rateOf({ ...at, beta1: 0 }) / at.learningRate;

/** For each element of [N, C, H, W], in order, its place in [N, H, W, C]. */
function channelsFirst([N, H, W, C]: Shape): number[] {
  return Array.from({ length: N * H * W * C }, (_, i) => {
    const [place, c, n] = [i % (H * W), Math.floor(i / (H * W)) % C, Math.floor(i / (H * W * C))];
    return (n * H * W + place) * C + c;
  });
}

export const TRAINING_MISTAKES: readonly Mistake[] = [
  {
    name: "relu-gradient-without-mask",
    explanation:
      "relu's gradient lets everything through. It is dY where the output is positive, and 0 elsewhere; of an output, ≥ 0 is always true.",
    concerns: ["activation", "conv2d", "dense"],
    plant: (backend) => ({ ...backend, reluGradient: (_y, dY) => dY }),
  },
  {
    name: "dropout-not-scaled",
    explanation: "What dropout keeps was not divided by 1 − rate, so that its mean sinks.",
    concerns: ["dropout"],
    plant: (backend) => ({
      ...backend,
      dropout(x, rate, stream) {
        const { y, mask } = backend.dropout(x, rate, stream);
        return { y: times(y, 1 - rate), mask };
      },
      dropoutGradient: (mask, dY, rate) => times(backend.dropoutGradient(mask, dY, rate), 1 - rate),
    }),
  },
  {
    name: "loss-gradient-without-batch-mean",
    explanation:
      "The gradient of softmax with cross-entropy is p − y, of each image; the loss is a mean over the batch, so it must be divided by its size.",
    concerns: ["loss"],
    plant: (backend) => ({
      ...backend,
      softmaxCrossEntropy(logits, labels) {
        const found = backend.softmaxCrossEntropy(logits, labels);
        return { ...found, dLogits: times(found.dLogits, logits.shape[0]) };
      },
    }),
  },
  {
    name: "loss-summed",
    explanation: "The loss is summed over the batch, and its gradient with it. Keras' losses are means.",
    concerns: ["loss"],
    plant: (backend) => ({
      ...backend,
      softmaxCrossEntropy(logits, labels) {
        const { losses, probabilities, dLogits } = backend.softmaxCrossEntropy(logits, labels);
        const [images] = logits.shape;
        return { losses: times(losses, images), probabilities, dLogits: times(dLogits, images) };
      },
    }),
  },
  {
    name: "softmax-twice",
    explanation:
      "The loss took the probabilities for logits, and applied softmax again, as PyTorch's CrossEntropyLoss does. Give it the logits.",
    concerns: ["loss"],
    plant: (backend) => ({
      ...backend,
      softmaxCrossEntropy(logits, labels) {
        const probabilities = backend.softmax(logits);
        const { losses, dLogits } = backend.softmaxCrossEntropy(probabilities, labels);
        return { losses, probabilities, dLogits: backend.softmaxGradient(probabilities, dLogits) };
      },
    }),
  },
  {
    name: "flatten-channels-first",
    explanation:
      "The picture was flattened [C, H, W], as PyTorch does. Here the channels are last: transpose to NHWC before flattening.",
    concerns: ["flatten"],
    plant: (backend) => ({
      ...backend,
      reshape(x, shape) {
        if (x.shape.length === 4 && shape.length === 2)
          return ndarray(
            shape,
            channelsFirst(x.shape).map((at) => x.data[at]),
          );
        if (x.shape.length !== 2 || shape.length !== 4) return backend.reshape(x, shape);
        const back = ndarray(shape);
        channelsFirst(shape).forEach((at, i) => {
          back.data[at] = x.data[i];
        });
        return back;
      },
    }),
  },
  {
    name: "l2-gradient-without-2",
    explanation: "The L2 penalty is rate·Σw², but its gradient was taken as rate·w. It is 2·rate·w.",
    concerns: ["l2"],
    plant: (backend) => ({
      ...backend,
      addL2Gradient: (dKernel, kernel, rate) => backend.addL2Gradient(dKernel, kernel, rate / 2),
    }),
  },
  {
    name: "l2-halved",
    explanation:
      "L2 was taken as ½·rate·Σw², with gradient rate·w, as weight decay is. Keras' l2(rate) adds rate·Σw², with gradient 2·rate·w.",
    concerns: ["l2"],
    plant: (backend) => ({
      ...backend,
      l2: (kernel, rate) => backend.l2(kernel, rate / 2),
      addL2Gradient: (dKernel, kernel, rate) => backend.addL2Gradient(dKernel, kernel, rate / 2),
    }),
  },
  {
    name: "l2-missing",
    explanation:
      "The L2 penalty is missing, in the loss and in the gradient: rate·Σw², with gradient 2·rate·w.",
    concerns: ["l2"],
    plant: (backend) => ({
      ...backend,
      l2: (kernel) => backend.l2(kernel, 0),
      addL2Gradient() {},
    }),
  },
  {
    name: "l2-gradient-missing",
    explanation: "The L2 penalty is in the loss, but not in the gradient: 2·rate·w.",
    concerns: ["l2"],
    plant: (backend) => ({ ...backend, addL2Gradient() {} }),
  },
  {
    name: "adam-epsilon-inside-root",
    explanation: "Adam's epsilon was added under the root. It is added to it: m/(√v + epsilon).",
    concerns: ["adam"],
    adam: adamWith((m, v, at) => (rateOf(at) * m) / Math.sqrt(v + at.epsilon)),
  },
  {
    name: "adam-epsilon-after-correction",
    explanation:
      "Epsilon was added to the bias-corrected root, as PyTorch and tfjs do. Keras adds it to √v and corrects the learning rate: lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ).",
    concerns: ["adam"],
    adam: adamWith((m, v, at) => (rateOf(at) * m) / (Math.sqrt(v) + at.epsilon * rootOf(at))),
  },
  {
    name: "adam-epsilon-inside-corrected-root",
    explanation:
      "Adam's epsilon was added under the bias-corrected root, √(v/(1 − β₂ᵗ) + epsilon). It is added to √v.",
    concerns: ["adam"],
    adam: adamWith((m, v, at) => (rateOf(at) * m) / Math.sqrt(v + at.epsilon * rootOf(at) ** 2)),
  },
  {
    name: "adam-bias-not-corrected",
    explanation:
      "Adam's m and v start at zero and were not corrected for it: the learning rate must be multiplied by √(1 − β₂ᵗ)/(1 − β₁ᵗ).",
    concerns: ["adam"],
    adam: adamWith((m, v, { learningRate, epsilon }) => (learningRate * m) / (Math.sqrt(v) + epsilon)),
  },
];
