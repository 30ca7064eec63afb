/**
 * One training step of each of the six networks at its real size against tfjs-backend-wasm, written by others: loss, logits,
 * every gradient, moving statistics, and the weights after the update. Both compute in float32, so they differ by roundings, which
 * depth amplifies. (Narrow networks against float64, with tighter bounds: test/networks.chain.test.ts.)
 */
import { beforeAll, describe, expect, it } from "vitest";
import { weightSpecs } from "../../src/models/graph.js";
import { initialWeights } from "../../src/models/initializers.js";
import { NETWORKS } from "../../src/models/networks.js";
import { ndarray } from "../../src/reference/ndarray.js";
import { wasmEngine } from "../../src/verify/engine.js";
import { Machine } from "../../src/verify/machine.js";
import { type NetworkCase, runNetwork } from "../../src/verify/network.js";
import { type Oracle, openOracle } from "../../src/verify/oracle/index.js";
import { largest } from "../../src/verify/values.js";
import { randomArray } from "../support/arrays.js";
import { expectClose } from "../support/close.js";

const LABELS = [3, 0, 9, 5];
/** A large epsilon makes the update smooth: see src/verify/networks.ts. */
const ADAM = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-2 };

let machine: Machine;
let oracle: Oracle;
beforeAll(async () => {
  machine = await Machine.open();
  oracle = (await openOracle())!;
});

describe("one training step against tfjs-backend-wasm", () => {
  // The three large networks at a quarter of their width: the same layers, and a test of seconds instead of minutes.
  // The seeds are those whose float64 forward pass keeps furthest from kinks, 6e-6 and more: nearer than some 1e-6, two right float32
  // computations may fall on different sides, and then differ by whole units (src/verify/kinks.ts).
  it.each([
    ["baseline", 1, 0],
    ["lenet5", 1, 19],
    ["alexnet8", 0.25, 4],
    ["vgg16", 0.25, 2],
    ["inception10", 1, 6],
    ["resnet18", 0.25, 25],
  ] as const)("%s, width %d", (name, width, seed) => {
    const graph = NETWORKS[name]({ width });
    const initial = initialWeights(graph, seed);
    const { shape, data } = randomArray([LABELS.length, 32, 32, 3], seed);
    const given: NetworkCase = {
      graph,
      x: ndarray(
        shape,
        data.map((value) => Math.fround((value + 1) / 2)),
      ),
      labels: ndarray([LABELS.length], LABELS),
      weights: new Map(
        weightSpecs(graph).map((spec) => [spec.name, ndarray(spec.shape, initial.get(spec.name))]),
      ),
      steps: 1,
      adam: ADAM,
      seed,
    };
    const theirs = oracle.network(given);
    const ours = runNetwork((at) => wasmEngine(machine, at), given);
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    const gradients = Array.from(theirs).filter(([tensor]) => tensor.startsWith("gradients/"));
    const steepest = Math.max(...gradients.map(([, gradient]) => largest(gradient)));
    for (const [tensor, expected] of theirs) {
      // Where a bias precedes normalisation its true gradient is 0, and both have roundings of the sums instead.
      const atol = tensor.startsWith("gradients/") ? 1e-5 * steepest : 1e-7;
      const rtol = tensor === "loss" ? 2e-6 : 1e-4;
      expectClose(ours.get(tensor)!.data, expected.data, { rtol, atol }, `${name} ${tensor}`);
    }
  });
});
