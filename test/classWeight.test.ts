/** Weights of classes: the kernel, what "balanced" means, and what training does with them. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { crossEntropyOps } from "../src/backend/wasm/crossEntropy.js";
import { classWeightOf, classWeightText, parseClassWeight } from "../src/cli/classWeightOption.js";
import { layers, sequential, sgd, weightsSha256 } from "../src/index.js";
import { crossEntropy, softmaxCrossEntropy, weighByClass } from "../src/reference/crossEntropy.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { loadTrainingState, saveTrainingState } from "../src/train/checkpoint.js";
import { resolveClassWeight } from "../src/train/classWeight.js";
import { numericGradient, randomArray, randomValues } from "./support/arrays.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";
import { temporaryFolder } from "./support/temporary.js";

const clone = ({ shape, data }: NDArray) => ndarray(shape, data);

/** Class indices [N], or distributions whose largest class is that index. */
function someLabels(N: number, K: number, dense: boolean, seed: number): NDArray {
  const indices = Int32Array.from({ length: N }, (_, n) => (n * 7 + seed) % K);
  if (!dense) return ndarray([N], indices);
  const labels = ndarray([N, K]);
  indices.forEach((k, n) => {
    for (let i = 0; i < K; i++) labels.data[n * K + i] = (i === k ? 0.6 : 0) + 0.4 / K;
  });
  return labels;
}

describe("the kernel", () => {
  test("by hand: losses and rows of the gradient; a distribution counts as its first largest class", () => {
    const weights = ndarray([3], [1, 2, 0.5]);
    for (const labels of [ndarray([2], [2, 1]), ndarray([2, 3], [0.2, 0.3, 0.5, 0, 0.5, 0.5])]) {
      const losses = ndarray([2], [8, 3]);
      const d = ndarray([2, 3], [1, 2, 3, 4, 5, 6]);
      weighByClass(losses, d, labels, weights);
      expect([...losses.data]).toEqual([4, 6]);
      expect([...d.data]).toEqual([0.5, 1, 1.5, 8, 10, 12]);
    }
  });

  test("wasm agrees with the reference to the bit, for every split", () => {
    const cases = fc.record({
      N: fc.integer({ min: 1, max: 7 }),
      K: fc.constantFrom(1, 2, 3, 5, 10, 17, 100),
      dense: fc.boolean(),
      seed: fc.nat(1000),
      workers: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(cases, ({ N, K, dense, seed, workers }) => {
        const losses = randomArray([N], seed);
        const d = randomArray([N, K], seed + 1);
        const weights = randomArray([K], seed + 2);
        const labels = someLabels(N, K, dense, seed);
        const [gotLosses, gotD] = runRecorded(workers, ({ recorder, array }) => {
          const results = [array(losses), array(d)];
          const given = array(labels, dense ? "float32" : "int32");
          crossEntropyOps(recorder).weighByClass(results[0], results[1], given, array(weights));
          return results;
        });
        weighByClass(losses, d, labels, weights);
        expect(gotLosses).toEqual(Float32Array.from(losses.data));
        expect(gotD).toEqual(Float32Array.from(d.data));
      }),
      { numRuns: 100 },
    );
  });

  test.each([false, true])(
    "the gradient is that of the weighted mean: central differences, dense %s",
    (dense) => {
      const [N, K] = [5, 4];
      const labels = someLabels(N, K, dense, 3);
      const weights = ndarray([K], [0.25, 3, 1, 0]);
      const mean = ({ data }: NDArray) => data.reduce((a, b) => a + b) / N;
      const logits = randomArray([N, K], 1);
      const weighted = (loss: { losses: NDArray }, d: NDArray) => {
        const losses = clone(loss.losses);
        const gradient = clone(d);
        weighByClass(losses, gradient, labels, weights);
        return { loss: mean(losses), gradient };
      };
      const ofLogits = () => {
        const loss = softmaxCrossEntropy(logits, labels);
        return weighted(loss, loss.dLogits);
      };
      const { gradient } = ofLogits();
      expectClose(
        gradient.data,
        numericGradient(() => ofLogits().loss, logits),
        { atol: 1e-9 },
      );

      const p = ndarray(
        [N, K],
        randomArray([N, K], 2).data.map((value) => value + 1.5),
      );
      const ofProbabilities = () => {
        const loss = crossEntropy(p, labels);
        return weighted(loss, loss.dProbabilities);
      };
      const plain = ofProbabilities().gradient;
      expectClose(
        plain.data,
        numericGradient(() => ofProbabilities().loss, p),
        { atol: 1e-9 },
      );
    },
  );
});

describe("what may be given", () => {
  const labels = Uint8Array.of(0, 0, 0, 2, 0, 2, 0, 0);
  it("balanced: every class that occurs has the same sum of weights, the mean weight is 1", () => {
    const weights = resolveClassWeight("fit", "balanced", labels, 4)!;
    expectClose(weights, [8 / 12, 1, 2, 1], { atol: 1e-6 });
    const dense = Float32Array.from(
      [...labels].flatMap((k) => [0, 1, 2, 3].map((i) => (i === k ? 0.7 : 0.1))),
    );
    expect(resolveClassWeight("fit", "balanced", dense, 4)).toEqual(weights);
  });

  it("by index; 1 where nothing is said", () => {
    expect([...resolveClassWeight("fit", { 1: 3, 3: 0 }, labels, 4)!]).toEqual([1, 3, 1, 0]);
    expect(resolveClassWeight("fit", undefined, labels, 4)).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [{ 4: 1 }, 'fit: classWeight has the class "4"; classes are 0 … 3.'],
    [{ cat: 1 }, 'fit: classWeight has the class "cat"; classes are 0 … 3.'],
    [{ 1: -1 }, "fit: classWeight of class 1 must be a finite number ≥ 0; got -1."],
    [{ 1: 1e39 }, "fit: classWeight of class 1 must be a finite number ≥ 0; got 1e+39."],
    [
      "balance",
      'fit: classWeight must be "balanced" or an object of class indices and weights; got "balance".',
    ],
  ])("%j is refused", (given, message) => {
    expect(() => resolveClassWeight("fit", given as never, labels, 4)).toThrow(message);
  });
});

describe("training", () => {
  const y = Array.from({ length: 21 }, (_, i) => (i % 7 === 0 ? 1 : i % 3 === 0 ? 2 : 0));
  const x = Float32Array.from(randomValues(21 * 5, 1), (value, i) => value + y[Math.floor(i / 5)]);
  const net = (activation: "softmax" | "sigmoid" = "softmax") =>
    sequential([layers.dense({ units: 3, activation, inputShape: [5] })]).compile({
      optimizer: sgd({ learningRate: 0.1 }),
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
    });
  const classWeight = { 1: 4, 2: 0.5 };
  const weightOf = (label: number) => [1, 4, 0.5][label];

  it.each(["softmax", "sigmoid"] as const)(
    "the loss is the mean of weighted losses, its gradient likewise; accuracy is not weighted: %s",
    async (activation) => {
      const model = net(activation);
      let loss = 0;
      const sums = new Map<string, Float64Array>();
      for (let i = 0; i < y.length; i++) {
        const one = await model.gradients(x.subarray(i * 5, i * 5 + 5), [y[i]]);
        loss += (one.loss * weightOf(y[i])) / y.length;
        for (const [name, values] of one.gradients) {
          const sum = sums.get(name) ?? new Float64Array(values.length);
          values.forEach((value, j) => void (sum[j] += (value * weightOf(y[i])) / y.length));
          sums.set(name, sum);
        }
      }
      const weighted = await model.gradients(x, y, { classWeight });
      expect(weighted.loss).toBeCloseTo(loss, 6);
      for (const [name, values] of weighted.gradients) expectClose(values, sums.get(name)!, { atol: 1e-6 });
      expect((await model.gradients(x, y)).loss).not.toBeCloseTo(loss, 2);

      const before = model.getWeights();
      const { accuracy, loss: plain } = await model.evaluate({ x, y });
      const logs = await model.trainOnBatch(x, y, { classWeight });
      expect(logs.accuracy).toBe(accuracy);
      expect(logs.loss).toBeCloseTo(loss, 6);
      for (const [name, values] of model.getWeights()) {
        const expected = before.get(name)!.map((w, i) => w - 0.1 * weighted.gradients.get(name)![i]);
        expectClose(values, expected, { atol: 4 * FLOAT32_EPSILON });
      }
      model.setWeights(before);
      const { history } = await model.fit({ x, y }, { batchSize: 21, classWeight, validationData: { x, y } });
      expect(history.logs.loss[0]).toBeCloseTo(loss, 6);
      expect(history.logs.val_loss[0]).not.toBeCloseTo(plain, 6); // one step further, but of the same kind
      expect(history.logs.val_loss[0]).toBe((await model.evaluate({ x, y })).loss);
    },
  );

  it("takes distributions, mixed and smoothed labels by their largest class", async () => {
    const dense = net().compile({ optimizer: "sgd", loss: "categoricalCrossentropy" });
    const oneHot = y.flatMap((label) => [0, 1, 2].map((k) => (k === label ? 1 : 0)));
    const sparse = net();
    sparse.setWeights(dense.getWeights());
    const [a, b] = [
      await dense.gradients(x, oneHot, { classWeight }),
      await sparse.gradients(x, y, { classWeight }),
    ];
    expect(a.loss).toBeCloseTo(b.loss, 6);
    for (const [name, values] of a.gradients) expectClose(values, b.gradients.get(name)!, { atol: 1e-7 });
  });

  it("gives the same bits for any number of workers, and after an interruption at any step", async () => {
    const run = async (options: object) => {
      const model = net();
      const given = { batchSize: 4, epochs: 2, mixup: 0.4, seed: 1, classWeight: "balanced", ...options };
      const result = await model.fit({ x, y }, given as never);
      return { ...result, sha256: weightsSha256(model.getWeights()) };
    };
    const whole = await run({ workers: 1 });
    expect((await run({ workers: 3 })).sha256).toBe(whole.sha256);
    expect((await run({ classWeight: undefined })).sha256).not.toBe(whole.sha256);
    const path = `${temporaryFolder()}/checkpoint.safetensors`;
    for (const maxSteps of [5, 6]) {
      const { state } = await run({ workers: 1, maxSteps });
      await saveTrainingState(path, net().graph, state);
      const resume = (await loadTrainingState(path)).state;
      expect(resume.classWeights).toEqual([...resolveClassWeight("fit", "balanced", Int32Array.from(y), 3)!]);
      expect((await run({ workers: 2, resume })).sha256).toBe(whole.sha256);
    }
    const { state: resume } = await run({ maxSteps: 1 });
    await expect(run({ resume, classWeight: undefined })).rejects.toThrow(
      /^fit: classWeights must be \[.*\], as in the run that is resumed; got none\.$/,
    );
  });
});

describe("--class-weight", () => {
  const classes = ["cat", "dog", "a=b", "0"];
  it("takes balanced, pairs and JSON, by name or index, and remembers one form", () => {
    const read = (text: string) => classWeightOf(parseClassWeight(text), classes);
    expect(read("balanced")).toBe("balanced");
    expect(read("dog=2, cat=0.5")).toEqual({ 0: 0.5, 1: 2 });
    expect(read('{"a=b": 3, "1": 2}')).toEqual({ 1: 2, 2: 3 });
    expect(read("a=b=3")).toEqual({ 2: 3 });
    expect(read("0=5")).toEqual({ 3: 5 }); // a class is called so
    expect(classWeightText(read("dog=2,cat=0.5"), classes)).toBe("cat=0.5,dog=2");
    expect(classWeightText(read("cat=1"), classes)).toBeUndefined();
    expect(classWeightText(read("balanced"), classes)).toBe("balanced");
  });

  it.each([
    ["cat", '--class-weight must be balanced, pairs such as cat=2,dog=1, or JSON; got "cat".'],
    ["cat=", 'or JSON; got "cat=".'],
    ["cat=x", '--class-weight: the weight of "cat" must be a finite number ≥ 0; got "x".'],
    ["cat=-1", "must be a finite number ≥ 0; got -1."],
    ["{cat:1}", "--class-weight is no JSON: "],
    ["cat=1,cat=2", '--class-weight names "cat" twice.'],
    ["dog=1,1=2", '--class-weight names the class "dog" twice.'],
    ["dgo=1", '--class-weight: unknown class "dgo". Did you mean "dog"?'],
    ["9=1", '--class-weight: unknown class "9".'],
  ])("%s", (text, message) => {
    expect(() => classWeightOf(parseClassWeight(text), classes)).toThrow(message);
  });
});
