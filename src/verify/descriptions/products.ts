/** What conv2d and dense have in common: products of two, summed, then an activation. */
import type { Amplification } from "../../backend/wasm/convolutionAlgorithm.js";
import type { ActivationName } from "../../layers/activations.js";
import { ndarray } from "../../reference/ndarray.js";
import { productScales, ROUNDOFF, sumError } from "../description.js";
import { referenceEngine } from "../engine.js";
import { type LayerCase, type LayerValues, runLayer } from "../layer.js";
import { largest } from "../values.js";

export interface SumLengths {
  readonly y: number;
  readonly dX: number;
  readonly dKernel: number;
  readonly dBias: number;
}

const DIRECT: Amplification = { forward: 1, gradient: 1 };

/**
 * Of y = f(X·W + b) and its gradients. f is 1-Lipschitz, and computed to 4 ulp of 1. Where f is not piecewise linear, f′ is a
 * function of y, and carries y's error into dY·f′: relative to the largest |dY|, 2·δ for sigmoid and tanh (|dy(1 − y²)/dy| ≤ 2),
 * and 2·δ + F·δ for softmax, whose sum over F outputs has F errors. Such an error of every term is at worst
 * √terms·√Σ(products²) of a sum (Cauchy–Schwarz).
 */
export function productTolerances(
  given: LayerCase,
  values: LayerValues,
  lengths: SumLengths,
  { forward, gradient }: Amplification = DIRECT,
): Map<string, number> {
  const { activation } = given.options as { activation: ActivationName };
  const largestSlope = largest(values.dY) * (activation === "softmax" ? 2 : 1);
  const smooth = activation !== "linear" && activation !== "relu";
  const slopes = smooth
    ? ndarray(values.dY.shape, new Float64Array(values.dY.data.length).fill(largestSlope))
    : values.dY;
  const scales = productScales(linear(given), { ...values, dY: slopes });
  const ofY = sumError(lengths.y) * forward * scales.get("y")! + (smooth ? 4 * ROUNDOFF : 0);
  const outputs = values.dY.shape[values.dY.shape.length - 1];
  const ofSlope = smooth ? (activation === "softmax" ? 2 + outputs : 2) * (ofY + 4 * ROUNDOFF) : 0;
  const tolerances = new Map([["y", ofY]]);
  for (const [name, terms] of [
    ["dX", lengths.dX],
    ["dKernel", lengths.dKernel],
    ["dBias", lengths.dBias],
  ] as const) {
    const scale = scales.get(name);
    if (scale === undefined) continue;
    const amplified = name === "dBias" ? 1 : gradient;
    tolerances.set(name, (sumError(terms) * amplified + ofSlope * Math.sqrt(terms)) * scale);
  }
  return tolerances;
}

/** Where relu is the activation: min |x·W + b| over what a unit step of every number could change it by. */
export function reluMargin(given: LayerCase, values: LayerValues): number {
  const { activation } = given.options as { activation: ActivationName };
  if (activation !== "relu") return Number.POSITIVE_INFINITY;
  const run = (changed: Partial<LayerValues>) =>
    runLayer(referenceEngine(), linear(given), { ...values, ...changed }).get("y")!;
  const ones = ({ shape, data }: LayerValues["dY"]) => ndarray(shape, new Float64Array(data.length).fill(1));
  const sizes = ({ shape, data }: LayerValues["dY"]) => ndarray(shape, data.map(Math.abs));
  const parameters = Object.entries(values.parameters);
  const byX = run({
    xs: values.xs.map(ones),
    parameters: Object.fromEntries(parameters.map(([name, array]) => [name, sizes(array)])),
  });
  const byParameters = run({
    xs: values.xs.map(sizes),
    parameters: Object.fromEntries(parameters.map(([name, array]) => [name, ones(array)])),
  });
  const nearest = run({}).data.reduce(
    (min, value) => Math.min(min, Math.abs(value)),
    Number.POSITIVE_INFINITY,
  );
  return nearest / (largest(byX) + largest(byParameters));
}

function linear(given: LayerCase): LayerCase {
  return { ...given, options: { ...given.options, activation: "linear" } };
}
