/** One weight: the sum over the batch that is its gradient, and Adam's update of it. */
import { mustBe, OptionError, unknownName } from "../errors.js";
import { adamLearningRate, integerPower } from "../reference/optimizer.js";
import { sizeOf, windowGeometry } from "../shape.js";
import { flatIndex, indexAt } from "./cells.js";
import type { Stage } from "./stages.js";
import { type ExplainedStep, normalizationOf } from "./step.js";

export interface WeightTerm {
  readonly image: number;
  /** The input that the weight multiplies; undefined for a bias or beta, which multiplies 1. */
  readonly from?: { readonly stage: number; readonly index: number };
  /** For gamma, xHat. */
  readonly x: number;
  readonly to: { readonly stage: number; readonly index: number };
  readonly dY: number;
  readonly product: number;
}

export interface WeightCell {
  readonly name: string;
  readonly index: number;
  /** `[a, b, c, f]` of a convolution's kernel, `[i, o]` of a dense one, `[f]` of others. */
  readonly place: readonly number[];
  readonly value: number;
  /** All of them, image by image. */
  readonly terms: readonly WeightTerm[];
  /** Σ product of each image. */
  readonly images: readonly number[];
  /** 2·rate·w, where the weight is regularised. */
  readonly l2?: { readonly rate: number; readonly term: number };
  readonly computed: number;
  /** The kernel's. */
  readonly gradient: number;
  readonly difference: number;
  readonly update: AdamUpdate;
}

/** Adam's update of one weight in float32, in the kernel's order of operations: every number is the kernel's to the last bit. */
export interface AdamUpdate {
  readonly t: number;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly g: number;
  readonly before: { readonly m: number; readonly v: number; readonly w: number };
  readonly m: number;
  readonly v: number;
  /** 1 − β₁ᵗ and 1 − β₂ᵗ: by how much m and v are too small. */
  readonly correction1: number;
  readonly correction2: number;
  /** m/(1 − β₁ᵗ), v/(1 − β₂ᵗ): as the paper writes it; the kernel has both in lr_t. */
  readonly mHat: number;
  readonly vHat: number;
  /** lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ) */
  readonly rate: number;
  /** lr_t·m/(√v + ε) */
  readonly step: number;
  readonly w: number;
  /** What the kernel made of them. */
  readonly kernel: { readonly m: number; readonly v: number; readonly w: number };
}

/** @throws OptionError unless there is such a weight, and it is trained */
export function weightCell(step: ExplainedStep, name: string, index: number): WeightCell {
  const gradient = step.weightGradients.get(name);
  if (!gradient) {
    throw new OptionError(
      `weightCell: ${unknownName("trained weight", name, [...step.weightGradients.keys()])}`,
    );
  }
  if (!(Number.isInteger(index) && index >= 0 && index < gradient.data.length)) {
    throw new OptionError(
      mustBe("weightCell", "index", `lie in 0 … ${gradient.data.length - 1}`, index, name),
    );
  }
  const stage = step.stages.find(({ weights }) => Object.values(weights).includes(name))!;
  const own = Object.keys(stage.weights).find((key) => stage.weights[key] === name)!;
  const terms = termsOf(step, stage, own, index);
  const images = Array.from({ length: step.batch }, () => 0);
  for (const { image, product } of terms) images[image] += product;
  const value = step.before.weights.get(name)!.data[index];
  const { l2: rate } = step.nodes[stage.index].specs[own];
  const l2 = rate ? { rate, term: 2 * rate * value } : undefined;
  const computed = images.reduce((sum, each) => sum + each, l2?.term ?? 0);
  const g = gradient.data[index];
  const place = placeIn(gradient.shape, index);
  const update = adamUpdateOf(step, name, index);
  return {
    name,
    index,
    place,
    value,
    terms,
    images,
    l2,
    computed,
    gradient: g,
    difference: g - computed,
    update,
  };
}

function placeIn(shape: readonly number[], index: number): number[] {
  const place: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return place;
}

function termsOf(step: ExplainedStep, stage: Stage, own: string, index: number): WeightTerm[] {
  const [input] = stage.inputs;
  const source = step.stages[input];
  const dYs = step.gradients[stage.index]!.data;
  const xs = step.values[input].data;
  const images = Array.from({ length: step.batch }, (_, image) => image);
  const term = (image: number, at: number, from: number | undefined, x?: number): WeightTerm => {
    const dY = dYs[flatIndex(stage, image, at)];
    const held = x ?? (from === undefined ? 1 : xs[flatIndex(source, image, from)]);
    return {
      image,
      from: from === undefined ? undefined : { stage: input, index: from },
      x: held,
      to: { stage: stage.index, index: at },
      dY,
      product: held * dY,
    };
  };
  /** Every output of channel f, of each image. */
  const outputsOf = (f: number) => {
    const channels = stage.shape[stage.shape.length - 1];
    return Array.from({ length: sizeOf(stage.shape) / channels }, (_, position) => position * channels + f);
  };
  switch (own) {
    case "gamma": {
      const channels = stage.shape[stage.shape.length - 1];
      const { mean, variance } = step.statistics[stage.index];
      const { epsilon } = normalizationOf(step.nodes[stage.index]);
      const c = index % channels;
      const inverseStd = 1 / Math.sqrt(variance.data[c] + epsilon);
      return images.flatMap((image) =>
        outputsOf(c).map((at) => {
          const xHat = (xs[flatIndex(source, image, at)] - mean.data[c]) * inverseStd;
          return term(image, at, at, xHat);
        }),
      );
    }
    case "kernel": {
      if (stage.kind === "dense") {
        const units = stage.shape[0];
        return images.map((image) => term(image, index % units, Math.floor(index / units)));
      }
      return images.flatMap((image) =>
        productsOf(stage, source, index).map(([at, from]) => term(image, at, from)),
      );
    }
    default: // bias, beta
      return images.flatMap((image) => outputsOf(index).map((at) => term(image, at, undefined)));
  }
}

/** Of a convolution's weight: each output that it helps to make, and the input that it multiplies for it. */
function productsOf(stage: Stage, source: Stage, index: number): [number, number][] {
  const { kernel, strides } = stage.window!;
  const [height, width, channels] = source.shape;
  const [outHeight, outWidth, filters] = stage.shape;
  const [a, b, c, f] = placeIn([...kernel, channels, filters], index);
  const { padTop: top, padLeft: left } = windowGeometry(stage.name, height, width, stage.window!);
  const products: [number, number][] = [];
  for (let i = 0; i < outHeight; i++) {
    const row = i * strides[0] + a - top;
    if (row < 0 || row >= height) continue;
    for (let j = 0; j < outWidth; j++) {
      const column = j * strides[1] + b - left;
      if (column < 0 || column >= width) continue;
      products.push([indexAt(stage.shape, i, j, f), indexAt(source.shape, row, column, c)]);
    }
  }
  return products;
}

function adamUpdateOf(step: ExplainedStep, name: string, index: number): AdamUpdate {
  const { fround, sqrt } = Math;
  const { learningRate, beta1, beta2, epsilon, step: t } = step.adam;
  const at = (state: typeof step.before) => ({
    m: state.m.get(name)!.data[index],
    v: state.v.get(name)!.data[index],
    w: state.weights.get(name)!.data[index],
  });
  const before = at(step.before);
  const g = step.weightGradients.get(name)!.data[index];
  // assembly/optimizer.ts: 1 − β is rounded once, and so is lr_t.
  const m = fround(before.m + fround(fround(g - before.m) * fround(1 - beta1)));
  const v = fround(before.v + fround(fround(fround(g * g) - before.v) * fround(1 - beta2)));
  const rate = fround(adamLearningRate(learningRate, t, beta1, beta2));
  const moved = fround(fround(rate * m) / fround(fround(sqrt(v)) + fround(epsilon)));
  const correction1 = 1 - integerPower(beta1, t);
  const correction2 = 1 - integerPower(beta2, t);
  return {
    t,
    learningRate,
    beta1,
    beta2,
    epsilon,
    g,
    before,
    m,
    v,
    correction1,
    correction2,
    mHat: m / correction1,
    vHat: v / correction2,
    rate,
    step: moved,
    w: fround(before.w - moved),
    kernel: at(step.after),
  };
}
