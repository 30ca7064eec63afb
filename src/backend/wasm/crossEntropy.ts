/** Records the loss, one value an image, and its gradient. Split by images. */
import type { Backend } from "../backend.js";
import { all, byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";

/** Labels are int32 [N] or float32 [N, K]: their data type says which. */
export function crossEntropyOps(
  recorder: Recorder,
): Pick<Backend<WasmTensor>, "softmaxCrossEntropy" | "crossEntropy" | "weighByClass"> {
  return {
    softmaxCrossEntropy(logits, labels) {
      const [n, classes] = logits.shape;
      const losses = recorder.tensor([n]);
      const probabilities = recorder.tensor(logits.shape);
      const dLogits = recorder.tensor(logits.shape);
      recorder.record(
        "softmaxCrossEntropy",
        byImages(n),
        out(losses),
        out(probabilities),
        out(dLogits),
        own(logits),
        own(labels),
        labelsAreDense(labels),
        n,
        classes,
      );
      return { losses, probabilities, dLogits };
    },
    crossEntropy(probabilities, labels) {
      const [n, classes] = probabilities.shape;
      const losses = recorder.tensor([n]);
      const dProbabilities = recorder.tensor(probabilities.shape);
      recorder.record(
        "crossEntropy",
        byImages(n),
        out(losses),
        out(dProbabilities),
        own(probabilities),
        own(labels),
        labelsAreDense(labels),
        n,
        classes,
      );
      return { losses, dProbabilities };
    },
    weighByClass(losses, dOutputs, labels, weights) {
      const [n, classes] = dOutputs.shape;
      recorder.record(
        "weighByClass",
        byImages(n),
        out(losses),
        out(dOutputs),
        own(labels),
        all(weights),
        labelsAreDense(labels),
        classes,
      );
    },
  };
}

/** What kernels take: 1 for distributions, 0 for class indices. */
export function labelsAreDense(labels: WasmTensor): number {
  return labels.dataType === "float32" ? 1 : 0;
}
