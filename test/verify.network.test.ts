/** The same network on both engines: every tensor by name, three Adam steps. */
import { beforeAll, describe, expect, it } from "vitest";
import { weightSpecs } from "../src/models/graph.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORKS } from "../src/models/networks.js";
import { ndarray } from "../src/reference/ndarray.js";
import { referenceEngine, wasmEngine } from "../src/verify/engine.js";
import { Machine } from "../src/verify/machine.js";
import { type NetworkCase, runNetwork } from "../src/verify/network.js";
import { randomArray } from "./support/arrays.js";

let machine: Machine;
beforeAll(async () => {
  machine = await Machine.open();
});

function smallCase(): NetworkCase {
  const graph = NETWORKS.baseline({ inputShape: [9, 10, 3] });
  const initial = initialWeights(graph, 1);
  return {
    graph,
    x: randomArray([5, 9, 10, 3], 2),
    labels: ndarray([5], [0, 9, 3, 3, 7]),
    weights: new Map(weightSpecs(graph).map(({ name, shape }) => [name, ndarray(shape, initial.get(name))])),
    steps: 3,
    adam: { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    seed: 4,
  };
}

describe("runNetwork", () => {
  it("names every tensor, and gives the same on both engines and for any number of workers", () => {
    const given = smallCase();
    const reference = runNetwork(referenceEngine, given);
    const wasm = runNetwork((at) => wasmEngine(machine, at), given);
    const names = weightSpecs(given.graph).map(({ name }) => name);
    expect([...wasm.keys()]).toEqual([...reference.keys()]);
    expect(reference.size).toBe(4 + 8 + 3 * names.length);
    for (const [name, { data, shape }] of reference) {
      const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(wasm.get(name)!.shape).toEqual(shape);
      // conv2d/bias stands before a normalisation: its gradient is 0 but for roundings, which Adam makes whole steps of.
      if (name.endsWith("conv2d/bias")) continue;
      // They move the mean that the normalisation sees, by up to 2·learningRate a step, of which it takes 1 − momentum.
      const shift = name.endsWith("moving_mean") ? 0.01 * 2 * 1e-3 * given.steps : 0;
      wasm.get(name)!.data.forEach((value, i) => {
        expect(Math.abs(value - data[i]), `${name}[${i}]`).toBeLessThanOrEqual(1e-4 * largest + shift);
      });
    }
    for (const options of [{ workers: 3 }, { workers: 2, placement: "planned" }] as const) {
      const other = runNetwork((at) => wasmEngine(machine, { ...at, ...options }), given);
      for (const [name, { data }] of wasm) expect(other.get(name)!.data, name).toEqual(data);
    }
  });
});
