/** What a training step does beside its layers: the batch, the loss, the metrics, the update. Each with its own check. */
import { wasmBackend } from "../backend/wasm/backend.js";
import { gatherImages, gatherLabels } from "../backend/wasm/gather.js";
import { recordMetrics } from "../backend/wasm/metrics.js";
import { recordAdam } from "../backend/wasm/optimizer.js";
import { Recorder, type WasmTensor } from "../backend/wasm/recorder.js";
import { CbapdError } from "../errors.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { ndarray } from "../reference/ndarray.js";
import { sizeOf } from "../shape.js";
import { compare } from "../verify/chain.js";
import { type Engine, referenceEngine, wasmEngine } from "../verify/engine.js";
import type { Machine } from "../verify/machine.js";
import { randomArray } from "../verify/values.js";

export interface StepCase {
  readonly name: "batch" | "loss" | "update";
  /** @returns the tensors that need numbers; others may stay zero */
  record(recorder: Recorder, graph: Graph, batch: number): WasmTensor[];
  /** @throws CbapdError when it computes something wrong */
  check(machine: Machine): void;
}

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
const CLASSES = 10;

const batchCase: StepCase = {
  name: "batch",
  record(recorder, graph, batch) {
    const shape = graph.nodes[0].outputShape;
    const source = recorder.tensor([4 * batch, ...shape], "uint8");
    const order = recorder.tensor([4 * batch], "int32");
    gatherImages(recorder, source, order, 1 / 255, batch, shape);
    gatherLabels(recorder, recorder.tensor([4 * batch], "uint8"), order, batch);
    return [];
  },
  check(machine) {
    const recorder = new Recorder();
    const [source, order] = [recorder.tensor([5, 7], "uint8"), recorder.tensor([5], "int32")];
    const x = gatherImages(recorder, source, order, 0.5, 3, [7]);
    const bytes = Uint8Array.from({ length: 35 }, (_, i) => 3 * i);
    const inputs = new Map<WasmTensor, Uint8Array | Int32Array>([
      [source, bytes],
      [order, Int32Array.of(4, 0, 3, 1, 2)],
    ]);
    machine.run(recorder, inputs, [x]);
    const expected = [4, 0, 3].flatMap((row) =>
      Array.from(bytes.subarray(7 * row, 7 * row + 7), (v) => v / 2),
    );
    const got = machine.read(x);
    const at = expected.findIndex((value, i) => got[i] !== value);
    if (at >= 0) throw new CbapdError(`gatherBytes: element ${at} must be ${expected[at]}; got ${got[at]}.`);
  },
};

const lossCase: StepCase = {
  name: "loss",
  record(recorder, _graph, batch) {
    const logits = recorder.tensor([batch, CLASSES]);
    const labels = recorder.tensor([batch], "int32");
    const { losses } = wasmBackend(recorder).softmaxCrossEntropy(logits, labels);
    recordMetrics(recorder, { totals: recorder.tensor([8]), losses, outputs: logits, labels, k: 5 });
    return [logits];
  },
  check(machine) {
    const run = <T extends { readonly shape: readonly number[] }>(engine: Engine<T>) => {
      const labels = engine.put(ndarray([6], Float64Array.of(0, 3, 9, 1, 1, 5)), "int32");
      const { losses, dLogits } = engine.backend.softmaxCrossEntropy(
        engine.put(randomArray([6, CLASSES], 1)),
        labels,
      );
      engine.run([losses, dLogits]);
      return new Map([
        ["losses", engine.read(losses)],
        ["dLogits", engine.read(dLogits)],
      ]);
    };
    const tolerances = new Map([
      ["losses", 2e-6],
      ["dLogits", 2e-7],
    ]);
    compare(run(wasmEngine(machine)), run(referenceEngine()), tolerances, () => {});
  },
};

const updateCase: StepCase = {
  name: "update",
  record(recorder, graph) {
    const count = weightSpecs(graph)
      .filter(({ trainable }) => trainable)
      .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const tensors = [0, 1, 2, 3].map(() => recorder.tensor([16 * Math.ceil(count / 16)]));
    recordAdam(recorder, tensors[0], tensors[1], tensors[2], tensors[3], ADAM);
    return tensors;
  },
  check(machine) {
    const run = <T extends { readonly shape: readonly number[] }>(engine: Engine<T>) => {
      const [weights, m, gradients] = [1, 2, 3].map((seed) => engine.put(randomArray([37], seed)));
      const squares = randomArray([37], 4);
      const v = engine.put(
        ndarray(
          [37],
          squares.data.map((value) => value * value),
        ),
      );
      engine.adam(weights, m, v, gradients, { ...ADAM, learningRate: 0.001, step: 3 });
      engine.run([weights, m, v]);
      return new Map([
        ["weights", engine.read(weights)],
        ["m", engine.read(m)],
        ["v", engine.read(v)],
      ]);
    };
    // A step moves a weight by some thousandths; each of a handful of roundings is 2⁻²⁴ of a number below 1.
    const tolerances = new Map(["weights", "m", "v"].map((name) => [name, 4e-7]));
    compare(run(wasmEngine(machine)), run(referenceEngine()), tolerances, () => {});
  },
};

export const STEP_CASES: readonly StepCase[] = [batchCase, lossCase, updateCase];
