/** What is no layer, and can be wrong all the same: the loss, Adam's update, and the L2 penalty. On any engine, by name. */
import type { Tensor } from "../backend/backend.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import type { AdamStep } from "../reference/optimizer.js";
import type { Engine } from "./engine.js";
import type { Results } from "./layer.js";

/** Cross-entropy of softmax(logits), mean over the batch. */
export interface LossCase {
  /** [N, K] */
  readonly logits: NDArray;
  /** Class indices [N]. */
  readonly labels: NDArray;
}

/** `probabilities`, `losses` [N], `loss`, and `dX`, the gradient of `loss` with respect to the logits. */
export function runLoss<T extends Tensor>(engine: Engine<T>, { logits, labels }: LossCase): Results {
  const { losses, probabilities, dLogits } = engine.backend.softmaxCrossEntropy(
    engine.put(logits),
    engine.put(labels, "int32"),
  );
  engine.run([losses, probabilities, dLogits]);
  const each = engine.read(losses);
  const mean = each.data.reduce((sum, loss) => sum + loss, 0) / each.data.length;
  return new Map([
    ["probabilities", engine.read(probabilities)],
    ["losses", each],
    ["loss", ndarray([], [mean])],
    ["dX", engine.read(dLogits)],
  ]);
}

/** One update. All four arrays have one shape. */
export interface AdamCase {
  readonly weights: NDArray;
  readonly m: NDArray;
  readonly v: NDArray;
  readonly gradients: NDArray;
  readonly at: AdamStep;
}

/** `after/m`, `after/v`, `after/weights`. */
export function runAdam<T extends Tensor>(engine: Engine<T>, given: AdamCase): Results {
  const [weights, m, v, gradients] = [given.weights, given.m, given.v, given.gradients].map((array) =>
    engine.put(array),
  );
  engine.adam(weights, m, v, gradients, given.at);
  engine.run([]);
  return new Map([
    ["after/m", engine.read(m)],
    ["after/v", engine.read(v)],
    ["after/weights", engine.read(weights)],
  ]);
}

/** The penalty rate·Σw². */
export interface L2Case {
  readonly kernel: NDArray;
  readonly rate: number;
}

/** `loss`, and `dKernel`. */
export function runL2<T extends Tensor>(engine: Engine<T>, given: L2Case): Results {
  const kernel = engine.put(given.kernel);
  const dKernel = engine.put(ndarray(given.kernel.shape));
  const loss = engine.backend.l2(kernel, given.rate);
  engine.backend.addL2Gradient(dKernel, kernel, given.rate);
  engine.run([loss]);
  return new Map([
    ["loss", ndarray([], engine.read(loss).data)],
    ["dKernel", engine.read(dKernel)],
  ]);
}
