/** Every term, path and sum that is shown, against the kernels' tensors and, in float64, against the reference. */
import { beforeAll, describe, expect, it } from "vitest";
import { backwardCell } from "../src/explain/backward.js";
import { trainingBatch } from "../src/explain/batch.js";
import { forwardCell } from "../src/explain/forward.js";
import { type ExplainedStep, explainStep, startState } from "../src/explain/step.js";
import { weightCell } from "../src/explain/weights.js";
import { datasets, models, weightsSha256 } from "../src/index.js";
import { initialWeights } from "../src/models/initializers.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { sizeOf } from "../src/shape.js";
import { wasmEngine } from "../src/verify/engine.js";
import { Machine } from "../src/verify/machine.js";
import { runNetwork } from "../src/verify/network.js";
import { randomArray } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { bothSteps, EXPLAINED, explainedCase } from "./support/explained.js";

let machine: Machine;
const steps = new Map<string, ReturnType<typeof bothSteps>>();
beforeAll(async () => {
  machine = await Machine.open();
  for (const name of Object.keys(EXPLAINED)) steps.set(name, bothSteps(machine, explainedCase(name)));
});

const names = Object.keys(EXPLAINED);
/** Every cell of a small stage, some of a large one; all images. */
function* cellsOf({ stages, batch }: ExplainedStep) {
  for (const { index: stage, shape } of stages) {
    const count = sizeOf(shape);
    const every = Math.max(1, Math.floor(count / 24));
    for (let image = 0; image < batch; image++) {
      for (let index = image; index < count; index += every) yield { stage, image, index };
    }
  }
}

/** Thousands of times as fast as expect, which matters here. Written so that NaN fails. */
function within(difference: number, tolerance: number, where: string): void {
  if (!(Math.abs(difference) <= tolerance))
    throw new Error(`${where}: off by ${difference}, more than ${tolerance}`);
}

const largest = ({ data }: NDArray) => data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);

describe.each(names)("%s", (name) => {
  it("has the kernels' own numbers, which are the reference's but for float32", () => {
    const { wasm, reference } = steps.get(name)!;
    reference.stages.forEach(({ index, name: stage }) => {
      expectClose(wasm.values[index].data, reference.values[index].data, { rtol: 3e-6 }, stage);
      const gradient = reference.gradients[index];
      expect(gradient === undefined).toBe(wasm.gradients[index] === undefined);
      if (gradient) expectClose(wasm.gradients[index]!.data, gradient.data, { rtol: 3e-5 }, `d ${stage}`);
      reference.sent[index].forEach((sent, i) => {
        if (sent) expectClose(wasm.sent[index][i]!.data, sent.data, { rtol: 3e-5 }, `sent by ${stage}`);
      });
    });
    expect(wasm.weightGradients.size).toBe(reference.weightGradients.size);
    const scale = Math.max(...[...reference.weightGradients.values()].map(largest));
    for (const [weight, { data }] of reference.weightGradients) {
      expectClose(wasm.weightGradients.get(weight)!.data, data, { atol: 3e-5 * scale }, weight);
    }
  });

  it("has the bits of a network that is not taken apart", () => {
    const { wasm } = steps.get(name)!;
    const { state, ...given } = explainedCase(name);
    const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
    const whole = { ...given, weights: state.weights, steps: 1, adam, seed: 5 };
    const expected = runNetwork((at) => wasmEngine(machine, at), whole);
    expect(wasm.values[wasm.logits].data).toEqual(expected.get("logits")!.data);
    expect(wasm.probabilities.data).toEqual(expected.get("probabilities")!.data);
    expect(wasm.loss).toBe(expected.get("loss")!.data[0]);
    expect(wasm.gradients[0]!.data).toEqual(expected.get("gradients/x")!.data);
    for (const [weight, { data }] of wasm.weightGradients) {
      expect(data, weight).toEqual(expected.get(`gradients/${weight}`)!.data);
    }
    for (const [weight, { data }] of wasm.after.weights) {
      expect(data, weight).toEqual(expected.get(`after/1/${weight}`)!.data);
    }
  });

  it("forward: terms sum to y, in float64 on the reference and to float32 on the kernels", () => {
    const { wasm, reference } = steps.get(name)!;
    const forms = new Set<string>();
    for (const cell of cellsOf(reference)) {
      const where = `${reference.stages[cell.stage].name} ${JSON.stringify(cell)}`;
      const exact = forwardCell(reference, cell);
      forms.add(exact.form);
      const size = exact.terms.reduce((sum, { product }) => sum + Math.abs(product), Math.abs(exact.y));
      within(exact.difference, 1e-13 * Math.max(size, 1), where);
      const shown = forwardCell(wasm, cell);
      if (shown.terms.length !== exact.terms.length) throw new Error(`${where}: other terms`);
      within(shown.y - exact.y, 3e-6 * largest(reference.values[cell.stage]), where);
      within(shown.difference, 16 * FLOAT32_EPSILON * Math.max(size, 1), where);
    }
    expect(forms.size).toBeGreaterThan(2);
  });

  it("backward: every path's terms sum to what it sends, and the paths to the gradient", () => {
    const { wasm, reference } = steps.get(name)!;
    let branches = 0;
    for (const cell of cellsOf(reference)) {
      const where = `${reference.stages[cell.stage].name} ${JSON.stringify(cell)}`;
      const exact = backwardCell(reference, cell)!;
      const scale = largest(reference.gradients[cell.stage]!);
      branches = Math.max(branches, exact.paths.length);
      for (const path of exact.paths) {
        const size = path.terms.reduce((sum, { product }) => sum + Math.abs(product), scale);
        within(path.difference, 1e-13 * size, `${where} by ${path.name}`);
      }
      within(exact.difference, 1e-12 * scale, where);
      const shown = backwardCell(wasm, cell)!;
      for (const path of shown.paths) {
        const size = path.terms.reduce((sum, { product }) => sum + Math.abs(product), scale);
        within(path.difference, 32 * FLOAT32_EPSILON * size, `${where} by ${path.name}`);
      }
      within(shown.difference, 64 * FLOAT32_EPSILON * scale, where);
    }
    if (name === "residual") expect(branches).toBe(3);
    if (name === "inception") expect(branches).toBe(4);
  });

  it("weights: terms over the batch sum to dW, and Adam's numbers are the kernel's to the last bit", () => {
    const { wasm, reference } = steps.get(name)!;
    // From the second step on, m and v are not zero.
    const second = explainStep(machine, { ...explainedCase(name), state: wasm.after });
    for (const [weight, { data }] of reference.weightGradients) {
      const every = Math.max(1, Math.floor(data.length / 30));
      for (let index = 0; index < data.length; index += every) {
        const exact = weightCell(reference, weight, index);
        const size = exact.terms.reduce((sum, { product }) => sum + Math.abs(product), 0);
        within(exact.difference, 1e-13 * size + 1e-16, `${weight}[${index}]`);
        const shown = weightCell(wasm, weight, index);
        within(
          shown.difference,
          32 * FLOAT32_EPSILON * (size + Math.abs(shown.l2?.term ?? 0)),
          `${weight}[${index}]`,
        );
        for (const step of [wasm, second]) {
          const { t, m, v, w, kernel } = weightCell(step, weight, index).update;
          expect({ m, v, w }, `${weight}[${index}], step ${t}`).toEqual(kernel);
        }
      }
    }
  });
});

describe("a step", () => {
  it("leads to the weights that training leads to, bit for bit, step after step", async () => {
    const model = models.baseline({ inputShape: [9, 10, 3], width: 0.5 });
    model.compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy" });
    const { graph } = model;
    const x = randomArray([4, 9, 10, 3], 7);
    const labels = ndarray([4], [1, 0, 9, 3]);
    const start = model.getWeights();
    let state = startState(graph, start);
    for (let k = 0; k < 3; k++) {
      state = explainStep(machine, { graph, x, labels, state }).after;
      await model.trainOnBatch(Float32Array.from(x.data), Int32Array.from(labels.data));
    }
    expect(state.steps).toBe(3);
    for (const [name, values] of model.getWeights()) {
      expect(Float32Array.from(state.weights.get(name)!.data), name).toEqual(values);
    }
  });

  it("takes the batches that fit takes: after an epoch and more the hash is that of a run", async () => {
    const { train } = datasets.shapes({ train: 21, test: 1 });
    const model = models.lenet5({ width: 0.25 });
    model.compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy" });
    const { graph } = model;
    let state = startState(graph, initialWeights(graph, 6));
    for (let step = 0; step < 4; step++) {
      const { x, labels } = trainingBatch(train, { seed: 6, step, batchSize: 8 });
      expect(labels.data.length).toBe(step === 2 ? 5 : 8);
      state = explainStep(machine, { graph, x, labels, state, seed: 6 }).after;
    }
    await model.fit(train, { batchSize: 8, seed: 6, epochs: 9, maxSteps: 4, verbose: 0 } as object);
    const shown = new Map(Array.from(state.weights, ([name, { data }]) => [name, Float32Array.from(data)]));
    expect(weightsSha256(shown)).toBe(weightsSha256(model.getWeights()));
  });

  it("refuses what does not fit, with the numbers", () => {
    const given = explainedCase("residual");
    const x = ndarray([3, 7, 9, 3]);
    expect(() => explainStep(machine, { ...given, x })).toThrow(
      "residual: x must have the shape [batch, 9, 7, 3]; got [3, 7, 9, 3].",
    );
    const labels = ndarray([3], [0, 4, 1]);
    expect(() => explainStep(machine, { ...given, labels })).toThrow(
      "residual: labels must lie in 0 … 3; got 4.",
    );
    const { wasm } = steps.get("residual")!;
    expect(() => forwardCell(wasm, { stage: 0, image: 3, index: 0 })).toThrow(
      "cell: image must lie in 0 … 2; got 3.",
    );
    expect(() => weightCell(wasm, "conv2d/kernle", 0)).toThrow('Did you mean "conv2d/kernel"');
    expect(() => startState(given.graph, new Map())).toThrow(
      "residual: weights must have conv2d/kernel; got none.",
    );
  });
});
