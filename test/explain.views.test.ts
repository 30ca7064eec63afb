/** im2col, routes, masks, normalisation's three maps, receptive fields and the gradient check, each held against something else. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  axisNumbers,
  checkCase,
  checkNetwork,
  effectiveField,
  errorCurve,
  fieldGrowth,
  im2col,
  keptBy,
  networkStages,
  normalizationMaps,
  placeOf,
  plantable,
  poolingRoutes,
  receptiveBoxes,
  relativeError,
  stackCost,
} from "../src/explain/index.js";
import type { ExplainedStep } from "../src/explain/step.js";
import * as layers from "../src/layers/index.js";
import { buildSequential } from "../src/models/build.js";
import { type Graph, weightSpecs } from "../src/models/graph.js";
import { NETWORKS } from "../src/models/networks.js";
import { summaryData } from "../src/models/summary.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { sizeOf, windowAxis } from "../src/shape.js";
import { Machine } from "../src/verify/machine.js";
import { randomArray } from "./support/arrays.js";
import { expectClose } from "./support/close.js";
import { bothSteps, EXPLAINED, explainedCase } from "./support/explained.js";

let machine: Machine;
const steps = new Map<string, ReturnType<typeof bothSteps>>();
beforeAll(async () => {
  machine = await Machine.open();
  for (const name of ["lenet5", "baseline", "inception"]) {
    steps.set(name, bothSteps(machine, explainedCase(name)));
  }
});

const stageOf = ({ stages }: ExplainedStep, kind: string, nth = 0) =>
  stages.filter((stage) => stage.kind === kind)[nth];
const imageOf = ({ data }: NDArray, image: number, batch: number) =>
  data.subarray((image * data.length) / batch, ((image + 1) * data.length) / batch);

describe("im2col", () => {
  it.each(["lenet5", "baseline", "inception"])(
    "%s: times the kernel, plus the bias, is the layer's output",
    (name) => {
      const { reference } = steps.get(name)!;
      for (const stage of reference.stages.filter(({ kind }) => kind === "conv2d")) {
        const image = 1;
        const matrix = im2col(reference, stage.index, image);
        const kernel = reference.before.weights.get(stage.weights.kernel)!.data;
        const bias = reference.before.weights.get(stage.weights.bias)?.data;
        const filters = stage.shape[2];
        expect(matrix.rows * filters).toBe(sizeOf(stage.shape));
        const product = Float64Array.from({ length: sizeOf(stage.shape) }, (_, at) => {
          const [r, f] = [Math.floor(at / filters), at % filters];
          let sum = bias?.[f] ?? 0;
          for (let k = 0; k < matrix.columns; k++)
            sum += matrix.values[r * matrix.columns + k] * kernel[k * filters + f];
          return sum;
        });
        expectClose(product, imageOf(reference.values[stage.index], image, 3), { rtol: 1e-13 }, stage.name);
        const x = imageOf(reference.values[stage.inputs[0]], image, 3);
        matrix.source.forEach((at, i) => {
          if (matrix.values[i] !== (at < 0 ? 0 : x[at])) throw new Error(`${stage.name}[${i}]`);
        });
      }
    },
  );

  it("refuses a stage that is none", () => {
    const { wasm } = steps.get("lenet5")!;
    expect(() => im2col(wasm, 0, 0)).toThrow('im2col: stage must be a convolution; got "input".');
  });
});

describe("the output-size rule in numbers", () => {
  it("gives what the one rule gives, and what windows leave unseen", () => {
    expect(axisNumbers(32, 5, 1, "same")).toEqual({
      ...{ size: 32, kernel: 5, stride: 1, padding: "same" },
      ...{ out: 32, total: 4, before: 2, after: 2, unseen: 0 },
    });
    expect(axisNumbers(14, 3, 2, "valid")).toMatchObject({ out: 6, total: 0, unseen: 1 });
    expect(axisNumbers(7, 2, 2, "same")).toMatchObject({ out: 4, total: 1, before: 0, after: 1, unseen: 0 });
    expect(axisNumbers(3, 5, 1, "valid").out).toBe(-1);
    for (let size = 1; size < 12; size++) {
      for (const padding of ["same", "valid"] as const) {
        const { out, before, after, unseen } = axisNumbers(size, 3, 2, padding);
        expect({ out, before, after }).toEqual(windowAxis(size, 3, 2, padding));
        // Every row is seen or counted as unseen.
        const seen = new Set<number>();
        for (let i = 0; i < out; i++) for (let a = 0; a < 3; a++) seen.add(i * 2 + a - before);
        const rows = Array.from({ length: size }, (_, row) => row).filter((row) => !seen.has(row));
        expect(unseen, `${size} ${padding}`).toBe(rows.length);
      }
    }
    expect(() => axisNumbers(0, 3, 1, "same")).toThrow("padding: size must be a positive integer; got 0.");
  });
});

describe("routes and masks", () => {
  it.each(["lenet5", "baseline", "inception"])(
    "%s: max pooling's values come from where its gradients go",
    (name) => {
      const { wasm } = steps.get(name)!;
      const stage = stageOf(wasm, "max_pooling2d");
      for (let image = 0; image < 3; image++) {
        const { from, taken } = poolingRoutes(wasm, stage.index, image);
        const x = imageOf(wasm.values[stage.inputs[0]], image, 3);
        const y = imageOf(wasm.values[stage.index], image, 3);
        const dY = imageOf(wasm.gradients[stage.index]!, image, 3);
        const dX = new Float64Array(x.length);
        from.forEach((at, i) => {
          if (x[at] !== y[i]) throw new Error(`${i} comes from ${at}`);
          dX[at] = Math.fround(dX[at] + dY[i]);
        });
        expect(dX).toEqual(Float64Array.from(imageOf(wasm.sent[stage.index][0]!, image, 3)));
        expect(taken.reduce((sum, count) => sum + count, 0)).toBe(from.length);
      }
    },
  );

  it("relu's and dropout's masks are the kernels'", () => {
    const { wasm } = steps.get("baseline")!;
    const chosen = [stageOf(wasm, "activation"), stageOf(wasm, "dropout"), stageOf(wasm, "dropout", 1)];
    for (const stage of chosen) {
      for (let image = 0; image < 3; image++) {
        const mask = keptBy(wasm, stage, image);
        const x = imageOf(wasm.values[stage.inputs[0]], image, 3);
        const y = imageOf(wasm.values[stage.index], image, 3);
        const dY = imageOf(wasm.gradients[stage.index]!, image, 3);
        const dX = imageOf(wasm.sent[stage.index][0]!, image, 3);
        const factor = stage.kind === "dropout" ? Math.fround(1 / 0.8) : 1;
        let dropped = 0;
        mask.forEach((kept, i) => {
          if (!kept) dropped++;
          const expected = kept ? [Math.fround(x[i] * factor), Math.fround(dY[i] * factor)] : [0, 0];
          if (Math.abs(y[i] - expected[0]) > 1e-6 || Math.abs(dX[i] - expected[1]) > 1e-6) {
            throw new Error(`${stage.name} image ${image}, ${i}: ${y[i]}, ${dX[i]} for ${x[i]}, ${dY[i]}`);
          }
        });
        expect(dropped).toBeGreaterThan(0);
        expect(dropped).toBeLessThan(mask.length);
      }
    }
  });
});

describe("batch normalisation's three maps", () => {
  it("add up to the gradient; the mean's is flat, and all three sum to what theory says", () => {
    const { wasm, reference } = steps.get("baseline")!;
    const { index, shape } = stageOf(wasm, "batch_normalization");
    for (let c = 0; c < shape[2]; c++) {
      const maps = [0, 1, 2].map((image) => normalizationMaps(reference, index, image, c));
      const shown = normalizationMaps(wasm, index, 1, c);
      expectClose(maps[1].computed, maps[1].gradient, { rtol: 1e-13 });
      expectClose(shown.computed, shown.gradient, { rtol: 3e-6 });
      expect(new Set(maps[1].mean).size).toBe(1);
      // Σ over the batch: xHat sums to 0, so the variance's term does, and the mean's takes all of the direct one away.
      const total = (part: "direct" | "mean" | "variance") =>
        maps.reduce((sum, map) => sum + map[part].reduce((s, value) => s + value, 0), 0);
      const size = maps.reduce((sum, { direct }) => sum + direct.reduce((s, v) => s + Math.abs(v), 0), 0);
      expect(Math.abs(total("direct") + total("mean"))).toBeLessThan(1e-13 * size);
      expect(Math.abs(total("variance"))).toBeLessThan(1e-12 * size);
      expect(maps[0].numbers.dBeta).toBeCloseTo(
        reference.weightGradients.get("batch_normalization/beta")!.data[c],
        12,
      );
    }
  });

  it("with moving statistics has the direct one alone", () => {
    const { wasm } = steps.get("inception")!;
    const stage = wasm.stages.filter(({ kind }) => kind === "batch_normalization").at(-1)!;
    const { direct, mean, variance, gradient } = normalizationMaps(wasm, stage.index, 0, 2);
    expect([...mean, ...variance].every((value) => value === 0)).toBe(true);
    expectClose(direct, gradient, { rtol: 1e-6 });
  });
});

/** Positive weights and no kink: a pixel counts exactly where the windows reach. */
function positiveWeights(graph: Graph): Map<string, NDArray> {
  return new Map(
    weightSpecs(graph).map(({ name, shape }, i) => {
      const { data } = randomArray(shape, i);
      return [
        name,
        ndarray(
          shape,
          data.map((value) => Math.abs(value) + 0.25),
        ),
      ];
    }),
  );
}

describe("receptive fields", () => {
  const plain = () =>
    buildSequential("plain", [
      layers.conv2d({ filters: 2, kernelSize: 3, padding: "same", inputShape: [17, 15, 2] }),
      layers.averagePooling2d({ poolSize: 2, padding: "same" }),
      layers.conv2d({ filters: 3, kernelSize: [3, 5], strides: [2, 1], padding: "same" }),
      layers.conv2d({ filters: 2, kernelSize: 2 }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);

  it("a box holds the pixels that count, and no others", () => {
    const graph = plain();
    const weights = positiveWeights(graph);
    const stages = networkStages(graph);
    const x = randomArray([2, 17, 15, 2], 9);
    for (const { index: stage, shape } of stages) {
      const count = sizeOf(shape);
      for (const index of new Set([0, Math.floor(count / 2), count - 1])) {
        const { seen } = receptiveBoxes(stages, stage, index)[0]!;
        const field = effectiveField(machine, { graph, weights, x, stage, index });
        field.magnitudes.forEach((value, at) => {
          const [row, column] = [Math.floor(at / 15), at % 15];
          const inside = row >= seen.top && row < seen.bottom && column >= seen.left && column < seen.right;
          if (inside !== value > 0)
            throw new Error(`stage ${stage} unit ${index}: (${row}, ${column}) is ${value}`);
        });
        expect(field.pixels).toBe((seen.bottom - seen.top) * (seen.right - seen.left));
      }
    }
  });

  it("boxes are as large, unclipped, as the table and the summary say, on all six networks", () => {
    for (const build of Object.values(NETWORKS)) {
      const graph = build({ width: 0.125 });
      const stages = networkStages(graph);
      const summary = new Map(summaryData(graph).layers.map((layer) => [layer.name, layer.receptiveField]));
      for (const { stage, name, size, shape } of fieldGrowth(graph)) {
        if (!name.includes("/"))
          expect(size && [...size], name).toEqual(summary.get(name) && [...summary.get(name)!]);
        if (shape.length !== 3 || !size) continue;
        const { reached } = receptiveBoxes(stages, stage, Math.floor(sizeOf(shape) / 2))[0]!;
        const box = [reached.bottom - reached.top, reached.right - reached.left];
        // Where branches with strides join, even kernels and odd paddings shift boxes against one another: never smaller.
        expect(box[0], name).toBeGreaterThanOrEqual(size[0]);
        if (graph.name === "lenet5" || graph.name === "vgg16") expect(box, name).toEqual([...size]);
      }
    }
  });

  it("a flattened unit sees what its cell sees, through elementwise stages; a dense one everything", () => {
    const graph = EXPLAINED.baseline();
    const stages = networkStages(graph);
    const flatten = stages.find(({ kind }) => kind === "flatten")!;
    const pooled = stages[flatten.inputs[0]];
    const unit = 17;
    expect(receptiveBoxes(stages, flatten.index, unit)[0]).toEqual(
      receptiveBoxes(stages, pooled.index, unit)[0],
    );
    const dense = stages.find(({ kind }) => kind === "dense")!;
    expect(receptiveBoxes(stages, dense.index, 0)[0]!.seen).toEqual({
      top: 0,
      left: 0,
      bottom: 9,
      right: 10,
    });
  });

  it("the effective field is the gradient that central differences of inference give", async () => {
    const { graph, state, x } = explainedCase("baseline");
    const stage = networkStages(graph).at(-1)!;
    const first = ndarray([1, ...x.shape.slice(1)], imageOf(x, 0, 3));
    const field = effectiveField(machine, {
      graph,
      weights: state.weights,
      x: first,
      stage: stage.index,
      index: 2,
    });
    const { Model } = await import("../src/train/model.js");
    const logits = {
      ...graph,
      nodes: graph.nodes.map((node, i) =>
        i === graph.output ? { ...node, options: { ...node.options, activation: "linear" } } : node,
      ),
    };
    const model = new Model(
      logits,
      new Map([...state.weights].map(([name, { data }]) => [name, Float32Array.from(data)])),
    );
    const at = field.magnitudes.indexOf(field.largest);
    const moved = async (channel: number, shift: number) => {
      const data = Float32Array.from(first.data);
      data[at * 3 + channel] += shift;
      return (await model.predict(data))[2];
    };
    let sum = 0;
    for (let c = 0; c < 3; c++) sum += Math.abs(((await moved(c, 1e-2)) - (await moved(c, -1e-2))) / 2e-2);
    expect(sum).toBeCloseTo(field.largest, 3);
    expect(field.largest).toBeGreaterThan(0.01);
  });

  it("two 3×3 see what one 5×5 sees, for 18/25 of the multiplications", () => {
    const two = stackCost([3, 3], 64, 32);
    const one = stackCost([5], 64, 32);
    expect(two).toEqual({
      kernels: [3, 3],
      receptiveField: 5,
      parameters: 2 * (9 * 64 * 64 + 64),
      macs: 2 * 9 * 64 * 64 * 32 * 32,
    });
    expect(one).toMatchObject({
      receptiveField: 5,
      parameters: 25 * 64 * 64 + 64,
      macs: 25 * 64 * 64 * 32 * 32,
    });
  });
});

/** What a gradient check of the checked network sees; all others that can be planted are as wrong forward as backward, or need ties. */
const SEEN = [
  "kernel-gradient-layout-oihw",
  "kernel-not-flipped-in-input-gradient",
  "dense-kernel-gradient-transposed",
  "filter-gradient-divided-by-batch",
  "filter-gradient-multiplied-by-batch",
  "weight-gradients-divided-by-batch",
  "weight-gradients-multiplied-by-batch",
  "bias-gradient-missing",
  "bias-gradient-divided-by-batch",
  "variance-unbiased-textbook-gradient",
  "batch-normalization-gradient-without-mean-terms",
  "batch-normalization-gradient-without-mean",
  "batch-normalization-gradient-without-variance",
  "epsilon-outside-root-textbook-gradient",
  "max-pooling-gradient-overwritten",
  "average-pooling-gradient-not-divided",
  "relu-gradient-without-mask",
  "loss-gradient-without-batch-mean",
  "l2-gradient-without-2",
  "l2-gradient-missing",
];

describe("the gradient check", () => {
  const given = checkCase();
  const epsilons = Array.from({ length: 13 }, (_, i) => 10 ** -i);

  it("passes without a mistake, and fails for those that backward alone makes", () => {
    expect(checkNetwork(given).filter(({ ok }) => !ok)).toEqual([]);
    const seen = plantable(given).filter(({ name }) => checkNetwork(given, name).some(({ ok }) => !ok));
    expect(seen.map(({ name }) => name)).toEqual(SEEN);
    expect(() => checkNetwork(given, "kernel-fliped")).toThrow('Did you mean "kernel-flipped"');
  });

  it("errs in a V: truncation ∝ ε² from above, rounding ∝ 1/ε from below; float32 has its bottom further up", () => {
    const where = { tensor: "conv2d_1/kernel", index: 5, epsilons };
    const exact = errorCurve(given, where);
    const single = errorCurve(given, { ...where, machine });
    const sided = errorCurve(given, { ...where, central: false });
    const best = (curve: typeof exact) => curve.points.reduce((a, b) => (b.error < a.error ? b : a));
    expect(best(exact).error).toBeLessThan(1e-9);
    expect(best(exact).epsilon).toBeLessThan(1e-3);
    expect(best(exact).epsilon).toBeGreaterThan(1e-8);
    expect(best(single).error).toBeGreaterThan(10 * best(exact).error);
    expect(best(single).epsilon).toBeGreaterThan(best(exact).epsilon);
    expect(exact.points[1].error / exact.points[2].error).toBeGreaterThan(30);
    expect(sided.points[2].error / sided.points[3].error).toBeLessThan(30);
    expect(exact.points[12].error).toBeGreaterThan(100 * best(exact).error);
    expect(single.analytic).toBeCloseTo(exact.analytic, 5);
    expect(relativeError(single.analytic, exact.analytic)).toBeLessThan(1e-5);
  });

  it("with a mistake the curve has no V: the error stays", () => {
    const curve = errorCurve(given, {
      ...{ tensor: "dense_1/kernel", index: 3, epsilons },
      mistake: "filter-gradient-multiplied-by-batch",
    });
    for (const { error } of curve.points.slice(2, 9)) expect(error).toBeCloseTo(0.75, 3);
  });

  it("refuses what is not there", () => {
    const curve =
      (tensor: string, index: number, epsilon = 1e-3) =>
      () =>
        errorCurve(given, { tensor, index, epsilons: [epsilon] });
    expect(curve("conv2d/kernle", 0)).toThrow('Did you mean "conv2d/kernel"');
    expect(curve("conv2d/bias", 3)).toThrow("gradient check: index must lie in 0 … 2; got 3 (conv2d/bias).");
    expect(curve("x", 0, 0)).toThrow("errorCurve: epsilons must be positive numbers; got 0.");
  });
});

it("places and indices are each other's inverse", () => {
  expect(placeOf([5, 7, 3], (2 * 7 + 4) * 3 + 1)).toEqual({ row: 2, column: 4, channel: 1 });
  expect(placeOf([9], 4)).toEqual({ row: 0, column: 0, channel: 4 });
});
