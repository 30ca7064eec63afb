/** Each known mistake is what it says: it changes the tensors that it must change, no other, and in the right way. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import { KINDS } from "../src/layers/index.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { adamUpdate } from "../src/reference/optimizer.js";
import { specsOf } from "../src/verify/description.js";
import { agrees, gradientCheck } from "../src/verify/differences.js";
import { referenceEngine } from "../src/verify/engine.js";
import {
  gradientName,
  type LayerCase,
  type LayerValues,
  type Results,
  runLayer,
} from "../src/verify/layer.js";
import { MISTAKES, type Mistake } from "../src/verify/mistakes.js";
import { randomArray } from "./support/arrays.js";

const BATCH = 3;

function layerCase(kind: string, options: object, input: readonly number[]): LayerCase {
  const layer = KINDS[kind];
  return { layer, options: layer.options(options), inputs: [input], batch: BATCH, training: true };
}

const strided = layerCase(
  "conv2d",
  { filters: 2, kernelSize: [3, 2], strides: 2, padding: "same" },
  [6, 6, 2],
);
const dense = layerCase("dense", { units: 3 }, [5]);
const normalization = layerCase("batch_normalization", {}, [2, 3, 2]);
const evenKernel = layerCase("conv2d", { filters: 2, kernelSize: 2, strides: 2, padding: "same" }, [5, 7, 2]);
const square = layerCase("conv2d", { filters: 2, kernelSize: 3, padding: "same" }, [5, 4, 2]);
const relu = layerCase("activation", { activation: "relu" }, [12]);
const flatten = layerCase("flatten", {}, [3, 2, 4]);
const global = layerCase("global_average_pooling2d", {}, [3, 2, 2]);
const evenAverage = layerCase("average_pooling2d", { poolSize: 2, strides: 2, padding: "same" }, [5, 7, 2]);
const maximum = layerCase("max_pooling2d", { poolSize: 3, strides: 2, padding: "same" }, [6, 4, 2]);
const average = layerCase("average_pooling2d", { poolSize: 3, strides: 2, padding: "same" }, [6, 4, 2]);
const dropout = layerCase("dropout", { rate: 0.4 }, [20]);

interface Expected {
  readonly given: LayerCase;
  readonly changes: readonly string[];
  /** A right backward of a wrong forward: its own central differences agree. */
  readonly consistent: boolean;
  readonly ties?: boolean;
}

/** By name of the mistake; those about the loss, L2 and Adam have tests of their own below. */
const LAYER_MISTAKES: Readonly<Record<string, readonly Expected[]>> = {
  "kernel-flipped": [{ given: strided, changes: ["y", "dX", "dKernel"], consistent: true }],
  "kernel-layout-oihw": [{ given: strided, changes: ["y", "dX", "dKernel"], consistent: true }],
  "dense-kernel-transposed": [{ given: dense, changes: ["y", "dX", "dKernel"], consistent: true }],
  "padding-symmetric": [
    { given: strided, changes: ["y", "dX", "dKernel"], consistent: true },
    { given: evenKernel, changes: ["y", "dX", "dKernel"], consistent: true },
    { given: maximum, changes: ["y", "dX"], consistent: true },
  ],
  "filter-gradient-divided-by-batch": [strided, dense].map((given) => ({
    given,
    changes: ["dKernel"],
    consistent: false,
  })),
  "filter-gradient-multiplied-by-batch": [strided, dense].map((given) => ({
    given,
    changes: ["dKernel"],
    consistent: false,
  })),
  "weight-gradients-divided-by-batch": [strided, dense].map((given) => ({
    given,
    changes: ["dKernel", "dBias"],
    consistent: false,
  })),
  "bias-gradient-missing": [strided, dense].map((given) => ({
    given,
    changes: ["dBias"],
    consistent: false,
  })),
  "bias-gradient-divided-by-batch": [strided, dense].map((given) => ({
    given,
    changes: ["dBias"],
    consistent: false,
  })),
  "variance-unbiased": [
    { given: normalization, changes: ["y", "dX", "dGamma", "after/moving_variance"], consistent: true },
  ],
  "moving-variance-unbiased": [
    { given: normalization, changes: ["after/moving_variance"], consistent: true },
  ],
  "batch-normalization-gradient-without-mean-terms": [
    { given: normalization, changes: ["dX"], consistent: false },
  ],
  "epsilon-outside-root": [{ given: normalization, changes: ["y", "dX", "dGamma"], consistent: true }],
  "epsilon-of-pytorch": [{ given: normalization, changes: ["y", "dX", "dGamma"], consistent: true }],
  "epsilon-missing": [{ given: normalization, changes: ["y", "dX", "dGamma"], consistent: true }],
  "momentum-reversed": [
    { given: normalization, changes: ["after/moving_mean", "after/moving_variance"], consistent: true },
  ],
  "max-pooling-gradient-to-all-ties": [{ given: maximum, changes: ["dX"], consistent: false, ties: true }],
  "max-pooling-gradient-to-last-tie": [{ given: maximum, changes: ["dX"], consistent: false, ties: true }],
  "average-pooling-counts-padding": [{ given: average, changes: ["y", "dX"], consistent: true }],
  "average-pooling-padding-symmetric": [{ given: average, changes: ["y", "dX"], consistent: true }],
  "kernel-gradient-layout-oihw": [{ given: strided, changes: ["dKernel"], consistent: false }],
  "kernel-not-flipped-in-input-gradient": [
    { given: square, changes: ["dX"], consistent: false },
    { given: strided, changes: ["dX"], consistent: false },
  ],
  "dense-kernel-gradient-transposed": [{ given: dense, changes: ["dKernel"], consistent: false }],
  "weight-gradients-multiplied-by-batch": [strided, dense].map((given) => ({
    given,
    changes: ["dKernel", "dBias"],
    consistent: false,
  })),
  "relu-gradient-without-mask": [{ given: relu, changes: ["dX"], consistent: false }],
  "variance-unbiased-textbook-gradient": [
    { given: normalization, changes: ["y", "dX", "dGamma", "after/moving_variance"], consistent: false },
  ],
  "epsilon-outside-root-textbook-gradient": [
    { given: normalization, changes: ["y", "dX", "dGamma"], consistent: false },
  ],
  "batch-normalization-gradient-without-mean": [{ given: normalization, changes: ["dX"], consistent: false }],
  "batch-normalization-gradient-without-variance": [
    { given: normalization, changes: ["dX"], consistent: false },
  ],
  "max-pooling-gradient-shared-among-ties": [
    { given: maximum, changes: ["dX"], consistent: false, ties: true },
  ],
  "max-pooling-gradient-overwritten": [{ given: maximum, changes: ["dX"], consistent: false }],
  "max-pooling-pads-zeros": [{ given: maximum, changes: ["y", "dX"], consistent: true }],
  "average-pooling-of-pytorch": [
    { given: average, changes: ["y", "dX"], consistent: true },
    { given: evenAverage, changes: ["y", "dX"], consistent: true },
  ],
  "average-pooling-gradient-not-divided": [average, global].map((given) => ({
    given,
    changes: ["dX"],
    consistent: false,
  })),
  "flatten-channels-first": [{ given: flatten, changes: ["y", "dX"], consistent: true }],
  "dropout-not-scaled": [{ given: dropout, changes: ["y", "dX"], consistent: true }],
};

const named = (name: string): Mistake => {
  const found = MISTAKES.find((mistake) => mistake.name === name);
  if (!found) throw new Error(`no mistake ${name}`);
  return found;
};
const right = () => referenceBackend({ seed: 0, step: 0 });
const wrong = (name: string) => named(name).plant!(right());
const map = ({ shape, data }: NDArray, f: (value: number) => number) => ndarray(shape, data.map(f));

function valuesOf(given: LayerCase, ties: boolean): LayerValues {
  const x = randomArray([BATCH, ...given.inputs[0]], 1);
  const y = given.layer.outputShape(given.inputs, given.options, "test");
  const parameters = Object.entries(specsOf(given)).map(([name, { shape, trainable }], i) => {
    const drawn = randomArray(shape, 10 + i);
    return [name, trainable ? drawn : map(drawn, Math.abs)];
  });
  return {
    xs: [ties ? map(x, (value) => Math.round(value)) : x],
    parameters: Object.fromEntries(parameters),
    dY: randomArray([BATCH, ...y], 3),
  };
}

function changed(actual: Results, expected: Results): string[] {
  const names = [...expected.keys()];
  return names.filter((name) => {
    const { data } = expected.get(name)!;
    return data.some((value, i) => Math.abs(actual.get(name)!.data[i] - value) > 1e-6);
  });
}

describe.each(Object.entries(LAYER_MISTAKES))("%s", (name, expectations) => {
  it.each(expectations)("in $given.layer.kind: $changes", ({ given, changes, consistent, ties = false }) => {
    expect(named(name).concerns).toContain(given.layer.kind);
    const values = valuesOf(given, ties);
    const run = (backend = right()) => runLayer(referenceEngine({}, backend), given, values);
    const results = run(wrong(name));
    expect(changed(results, run())).toEqual(changes);
    if (ties) return; // a tie is a kink
    const forward = () => run(wrong(name)).get("y")!;
    const probed = [["dX", values.xs[0]] as const, ...Object.entries(values.parameters)].map(
      ([parameter, at]) => {
        const tensor = parameter === "dX" ? "dX" : gradientName(parameter);
        const gradient = results.get(tensor);
        return !gradient || agrees(gradientCheck(forward, at, values.dY, gradient));
      },
    );
    expect(probed.every(Boolean)).toBe(consistent);
  });
});

describe("by hand", () => {
  const pool = (x: NDArray, name: string) => {
    const given = layerCase("max_pooling2d", { poolSize: [1, 2], strides: 1 }, [1, 2, 1]);
    const dY = ndarray([1, 1, 1, 1], [5]);
    return Array.from(
      runLayer(referenceEngine({}, wrong(name)), { ...given, batch: 1 }, { xs: [x], parameters: {}, dY }).get(
        "dX",
      )!.data,
    );
  };

  it("ties", () => {
    const tied = ndarray([1, 1, 2, 1], [7, 7]);
    expect(pool(tied, "max-pooling-gradient-to-all-ties")).toEqual([5, 5]);
    expect(pool(tied, "max-pooling-gradient-to-last-tie")).toEqual([0, 5]);
  });

  it("PyTorch's padding: with stride 2, a 3×1 window on 4 rows sees rows −1 0 1 and 1 2 3, not 0 1 2 and 2 3 4", () => {
    const x = ndarray([1, 4, 1, 1], [3, 30, 300, 3000]);
    const window = { kernel: [3, 1], strides: [2, 1], padding: "same" } as const;
    const ones = ndarray([3, 1, 1, 1], [1, 1, 1]);
    expect(Array.from(right().conv2d(x, ones, undefined, window).data)).toEqual([333, 3300]);
    expect(Array.from(wrong("padding-symmetric").conv2d(x, ones, undefined, window).data)).toEqual([
      33, 3330,
    ]);
    expect(Array.from(wrong("padding-symmetric").maxPooling2d(x, window).y.data)).toEqual([30, 3000]);
    expect(Array.from(wrong("average-pooling-padding-symmetric").averagePooling2d(x, window).data)).toEqual([
      16.5, 1110,
    ]);
    expect(Array.from(wrong("average-pooling-counts-padding").averagePooling2d(x, window).data)).toEqual([
      111, 1100,
    ]);
  });

  it("PyTorch's average: symmetric and over the padding: (0 + 3 + 30)/3, (30 + 300 + 3000)/3", () => {
    const x = ndarray([1, 4, 1, 1], [3, 30, 300, 3000]);
    const window = { kernel: [3, 1], strides: [2, 1], padding: "same" } as const;
    expect(Array.from(wrong("average-pooling-of-pytorch").averagePooling2d(x, window).data)).toEqual([
      11, 1110,
    ]);
  });

  it("zeros as padding win over negative numbers", () => {
    const x = ndarray([1, 3, 1, 1], [-5, -6, -7]);
    const window = { kernel: [2, 1], strides: [2, 1], padding: "same" } as const;
    expect(Array.from(wrong("max-pooling-pads-zeros").maxPooling2d(x, window).y.data)).toEqual([-5, 0]);
  });

  it("softmax of a softmax: the loss of logits ¼, ¾", () => {
    const logits = ndarray([1, 2], [0, Math.log(3)]); // p = ¼, ¾
    const { losses, probabilities } = wrong("softmax-twice").softmaxCrossEntropy(logits, ndarray([1], [1]));
    expect(Array.from(probabilities.data)).toEqual([expect.closeTo(0.25, 12), expect.closeTo(0.75, 12)]);
    expect(losses.data[0]).toBeCloseTo(Math.log(1 + Math.exp(-0.5)), 12);
  });

  it("OIHW: a buffer [F, C, kh, kw] = [2, 2, 1, 2] read as [1, 2, 2, 2]", () => {
    const x = ndarray([1, 1, 2, 2], [1, 0, 0, 0]); // only channel 0 of the left pixel: y[f] is the kernel's [0, 0, 0, f]
    const kernel = ndarray([1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]); // in truth f0: c0 [1 2] c1 [3 4]; f1: c0 [5 6] c1 [7 8]
    const window = { kernel: [1, 2], strides: [1, 1], padding: "valid" } as const;
    expect(Array.from(wrong("kernel-layout-oihw").conv2d(x, kernel, undefined, window).data)).toEqual([1, 5]);
    expect(Array.from(wrong("kernel-flipped").conv2d(x, kernel, undefined, window).data)).toEqual([5, 6]);
    const flat = ndarray([2, 3], [1, 2, 3, 4, 5, 6]); // in truth three rows of two
    expect(
      Array.from(wrong("dense-kernel-transposed").dense(ndarray([1, 2], [1, 0]), flat, undefined).data),
    ).toEqual([1, 3, 5]);
  });

  it("the loss: two images, two classes", () => {
    const logits = ndarray([2, 2], [0, 0, 0, 0]);
    const labels = ndarray([2], [0, 1]);
    const loss = (backend = right()) => backend.softmaxCrossEntropy(logits, labels);
    expect(Array.from(loss().dLogits.data)).toEqual([-0.25, 0.25, 0.25, -0.25]);
    const unmeaned = loss(wrong("loss-gradient-without-batch-mean"));
    expect(Array.from(unmeaned.dLogits.data)).toEqual([-0.5, 0.5, 0.5, -0.5]);
    expect(unmeaned.losses.data).toEqual(loss().losses.data);
    const summed = loss(wrong("loss-summed"));
    expect(summed.dLogits.data).toEqual(unmeaned.dLogits.data);
    expect(summed.losses.data[0]).toBeCloseTo(2 * Math.log(2), 12); // the mean of these is the sum
  });

  it("L2 of weights 1 and 2 at rate 0.1", () => {
    const kernel = ndarray([2], [1, 2]);
    const run = (backend = right()) => {
      const gradient = ndarray([2]);
      backend.addL2Gradient(gradient, kernel, 0.1);
      return [backend.l2(kernel, 0.1).data[0], ...gradient.data];
    };
    expect(run()).toEqual([0.5, 0.2, 0.4]);
    expect(run(wrong("l2-halved"))).toEqual([0.25, 0.1, 0.2]);
    expect(run(wrong("l2-missing"))).toEqual([0, 0, 0]);
    expect(run(wrong("l2-gradient-missing"))).toEqual([0.5, 0, 0]);
    expect(run(wrong("l2-gradient-without-2"))).toEqual([0.5, 0.1, 0.2]);
  });

  it("Adam's first step with gradient 0.1, rate 1, epsilon 0.01", () => {
    const at = { learningRate: 1, step: 1, beta1: 0.9, beta2: 0.999, epsilon: 0.01 };
    const step = (update: typeof adamUpdate) => {
      const [w, m, v] = [ndarray([1]), ndarray([1]), ndarray([1])];
      update(w, m, v, ndarray([1], [0.1]), at);
      return -w.data[0];
    };
    const rate = Math.sqrt(0.001) / 0.1; // √(1 − β₂)/(1 − β₁)
    const [m, root] = [0.01, Math.sqrt(1e-5)];
    expect(step(adamUpdate)).toBeCloseTo((rate * m) / (root + 0.01), 12);
    expect(step(named("adam-epsilon-inside-root").adam!)).toBeCloseTo(
      (rate * m) / Math.sqrt(1e-5 + 0.01),
      12,
    );
    expect(step(named("adam-epsilon-after-correction").adam!)).toBeCloseTo(0.1 / (0.1 + 0.01), 12); // m̂/(√v̂ + ε)
    expect(step(named("adam-epsilon-inside-corrected-root").adam!)).toBeCloseTo(
      0.1 / Math.sqrt(0.01 + 0.01),
      12,
    );
    expect(step(named("adam-bias-not-corrected").adam!)).toBeCloseTo(m / (root + 0.01), 12);
  });
});

it("every mistake has a name of its own, an explanation, and is planted somewhere in this file", () => {
  expect(new Set(MISTAKES.map(({ name }) => name)).size).toBe(MISTAKES.length);
  const others = ["loss", "l2", "adam"];
  for (const { name, explanation, concerns, plant, adam } of MISTAKES) {
    expect(explanation, name).toMatch(/\.$/);
    expect(Boolean(plant) !== Boolean(adam), name).toBe(true);
    expect(concerns.some((kind) => others.includes(kind)) || name in LAYER_MISTAKES, name).toBe(true);
  }
});

it("docs/check.md lists them all, in the same words", () => {
  const page = readFileSync(new URL("../docs/check.md", import.meta.url), "utf8").replace(/ +/g, " ");
  for (const { name, concerns, explanation } of MISTAKES) {
    expect(page).toContain(`| \`${name}\` | ${concerns.join(", ")} | ${explanation} |`);
  }
});
