/** Weights that no layer can leave out unnoticed: biases that are not 0, statistics that are not 0 and 1. */

import { type Graph, weightSpecs } from "../../src/models/graph.js";
import { initialWeights } from "../../src/models/initializers.js";
import { Purpose, randomWords, toUnit } from "../../src/random.js";

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  bias: [-0.3, 0.3],
  gamma: [0.5, 1.5],
  beta: [-0.3, 0.3],
  movingMean: [-0.3, 0.3],
  movingVariance: [0.5, 1.5],
};

export function livelyWeights(graph: Graph, seed = 1): Map<string, Float32Array> {
  const weights = initialWeights(graph, seed);
  const next = randomWords(seed, Purpose.Initializer, 1 << 20);
  for (const { name, parameter } of weightSpecs(graph)) {
    const [low, high] = RANGES[parameter] ?? [0, 0];
    if (low === high) continue;
    const values = weights.get(name)!;
    for (let i = 0; i < values.length; i++) values[i] = low + (high - low) * toUnit(next());
  }
  return weights;
}

/** Pictures of noise, in [0, 1). */
export function noise(count: number, shape: readonly number[], seed = 2): Float32Array {
  const next = randomWords(seed, Purpose.Initializer, 1 << 21);
  const size = shape.reduce((product, length) => product * length, count);
  return Float32Array.from({ length: size }, () => toUnit(next()));
}
