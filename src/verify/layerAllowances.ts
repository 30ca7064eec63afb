/** How far each tensor of a layer case may be off. docs/check.md explains the figures. */
import { amplificationOf, chooseAlgorithm } from "../backend/wasm/convolutionAlgorithm.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import type { Conv2DOptions } from "../layers/conv2d.js";
import { sizeOf } from "../shape.js";
import { GRADIENTS, KINK_NORM, LOSS, PROBABILITIES } from "./allowances.js";
import type { FileCase, LayerFileCase } from "./caseFile.js";
import type { Allowance } from "./compare.js";
import { outputShape, ROUNDOFF, sumError } from "./description.js";
import { productTolerances } from "./descriptions/products.js";
import type { Results } from "./layer.js";
import { largest, normOf } from "./values.js";
import type { KinkCount } from "./watch.js";

/** @param kinks undefined when nobody looked: then any unit may be near */
export function layerAllowances(
  file: LayerFileCase,
  ours: Results,
  kinks: readonly KinkCount[] | undefined,
): (name: string) => Allowance {
  const { kind } = file.given.layer;
  const activation = (file.given.options as { activation?: string }).activation;
  const fused = (kind === "conv2d" || kind === "dense") && activation === "relu";
  const near = fused && (kinks?.some((count) => count.near > 0) ?? true);
  const least = leastTolerances(file, ours);
  return (name) => ({
    tolerance: Math.max(least.get(name) ?? 0, GRADIENTS * largest(ours.get(name)!)),
    norm: near && name.startsWith("d") ? KINK_NORM * normOf(ours.get(name)!) : undefined,
  });
}

/** Absolute: where terms cancel, a result may be far smaller than the roundings of what it is the sum of. */
function leastTolerances(file: LayerFileCase, ours: Results): ReadonlyMap<string, number> {
  const { given, values } = file;
  const { layer, options, inputs, batch } = given;
  const [input] = inputs;
  const slope = largest(values.dY);
  const size = largest(values.xs[0]);
  switch (layer.kind) {
    case "conv2d": {
      const { filters, kernelSize, strides, padding } = options as Conv2DOptions;
      const taps = kernelSize[0] * kernelSize[1];
      const places = batch * sizeOf(outputShape(given).slice(0, 2));
      const lengths = { y: taps * input[2] + 1, dX: taps * filters, dKernel: places, dBias: places };
      const window = { kernel: kernelSize, strides, padding };
      const x = [batch, ...input];
      const kernel = [...kernelSize, input[2], filters];
      const algorithm = chooseAlgorithm(x, kernel, window);
      return productTolerances(given, values, lengths, amplificationOf(algorithm, x, kernel));
    }
    case "dense": {
      const { units } = options as { units: number };
      return productTolerances(given, values, { y: input[0] + 1, dX: units, dKernel: batch, dBias: batch });
    }
    case "batch_normalization":
      return normalizationTolerances(file, ours, size, slope);
    case "average_pooling2d":
    case "global_average_pooling2d":
      return new Map([["y", GRADIENTS * size]]);
    case "activation": // softmax: y·(dY − Σ dY·y)
      return new Map([["dX", GRADIENTS * largest(ours.get("y")!) * slope]]);
    default:
      return new Map();
  }
}

/**
 * M values a channel, s the largest 1/√(variance + epsilon). y and dX carry s times the rounding of x, which is large where the
 * mean is; dX's three terms may cancel, each up to gamma·s·|dY|; dGamma and dBeta are sums over M.
 */
function normalizationTolerances(
  { given, values }: LayerFileCase,
  ours: Results,
  size: number,
  slope: number,
): ReadonlyMap<string, number> {
  const { momentum, epsilon, statistics } = given.options as BatchNormalizationOptions;
  const { gamma, movingMean, movingVariance } = values.parameters;
  const batch = given.training && statistics === "batch";
  const count = values.xs[0].data.length / gamma.data.length;
  const after = ours.get("after/moving_variance")!;
  const share = 1 - momentum;
  const variance = (c: number) =>
    batch && share > 0 ? (after.data[c] - momentum * movingVariance.data[c]) / share : movingVariance.data[c];
  const variances = Array.from(gamma.data, (_, c) => variance(c));
  const s = 1 / Math.sqrt(Math.max(Math.min(...variances), 0) + epsilon);
  const ofXHat = 8 * ROUNDOFF * s * size;
  const ofSum = sumError(count) * Math.sqrt(count) * slope;
  return new Map([
    ["y", largest(gamma) * ofXHat],
    ["dX", largest(gamma) * s * slope * (GRADIENTS + ofXHat)],
    ["dGamma", ofSum + count * slope * ofXHat],
    ["dBeta", ofSum],
    ["after/moving_mean", 2 * ROUNDOFF * largest(movingMean) + share * 8 * ROUNDOFF * size],
    ["after/moving_variance", 2 * ROUNDOFF * largest(movingVariance)],
  ]);
}

/** The loss, Adam's update and the L2 penalty. */
export function partAllowances(file: FileCase, ours: Results): (name: string) => Allowance {
  return (name) => {
    const value = ours.get(name)!;
    if (name === "probabilities") return { tolerance: PROBABILITIES };
    if (name.startsWith("loss")) return { tolerance: LOSS * Math.max(1, largest(value)) };
    if (file.kind === "loss")
      return { tolerance: PROBABILITIES / value.shape[0] + GRADIENTS * largest(value) };
    if (file.kind === "adam" && name === "after/weights") {
      const { weights } = file.given;
      const update = value.data.reduce((most, w, i) => Math.max(most, Math.abs(w - weights.data[i])), 0);
      return { tolerance: 2 * ROUNDOFF * largest(weights) + GRADIENTS * update };
    }
    return { tolerance: GRADIENTS * largest(value) };
  };
}
