/**
 * How one number came about, forward: the very terms that were summed to it, in float64, beside the number that the kernel has. They differ
 * by the kernel's float32 roundings; where it takes Winograd's way, by somewhat more.
 */

import { exp } from "../elementary.js";
import { CbapdError } from "../errors.js";
import type { LeakyReLUOptions } from "../layers/leakyReLU.js";
import { sizeOf } from "../shape.js";
import { type Cell, checkCell, flatIndex, indexAt, placeOf, tapsOf } from "./cells.js";
import { keptBy } from "./masks.js";
import type { Stage } from "./stages.js";
import { dropoutOf, type ExplainedStep, normalizationOf } from "./step.js";

/** A place in a weight, row-major, and what stands there. */
export interface WeightPlace {
  readonly name: string;
  readonly index: number;
  readonly value: number;
}

export interface ForwardTerm {
  /** Of the same image. */
  readonly from: { readonly stage: number; readonly index: number };
  readonly x: number;
  /** What x is multiplied by: a weight, 1/count, 1 or 0; undefined where y is no sum of products. */
  readonly factor?: number;
  readonly weight?: WeightPlace;
  /** What it adds to the sum; for softmax e^(x − max), which is then divided. */
  readonly product: number;
}

/**
 * How y follows from the terms:
 *   sum        y = constant + Σ product           (convolution, dense, add, concatenate, flatten)
 *   mean       y = Σ x/count
 *   max        y = the first largest x: its factor is 1, the others' 0
 *   mask       y = x·factor                       (relu, dropout)
 *   function   y = f(x)                           (sigmoid, tanh)
 *   normalize  y = gamma·(x − mean)/√(variance + epsilon) + beta
 *   softmax    y = e^(x − max)/Σ e^(x − max)
 *   given      the input: it came about nowhere
 */
export type Form = "sum" | "mean" | "max" | "mask" | "function" | "normalize" | "softmax" | "given";

export interface ForwardCell {
  readonly cell: Cell;
  readonly form: Form;
  readonly terms: readonly ForwardTerm[];
  /** Taps of the window that lie on padding, where x is 0 or, for pooling, not there. */
  readonly padded: number;
  readonly bias?: WeightPlace;
  /** What else stands in the formula, by its name there. */
  readonly numbers: Readonly<Record<string, number>>;
  /** By the formula, from the terms, in float64. */
  readonly computed: number;
  /** The kernel's. */
  readonly y: number;
  readonly difference: number;
}

type Found = Pick<ForwardCell, "form" | "terms" | "computed"> & Partial<ForwardCell>;

/** @throws OptionError unless there is such a cell */
export function forwardCell(step: ExplainedStep, cell: Cell): ForwardCell {
  checkCell(step, cell);
  const stage = step.stages[cell.stage];
  const y = step.values[cell.stage].data[flatIndex(stage, cell.image, cell.index)];
  const found = termsOf(step, stage, cell);
  return { cell, padded: 0, numbers: {}, ...found, y, difference: y - found.computed };
}

function termsOf(step: ExplainedStep, stage: Stage, { image, index }: Cell): Found {
  const valueAt = (input: number, at: number) =>
    step.values[input].data[flatIndex(step.stages[input], image, at)];
  const term = (input: number, at: number, factor: number, weight?: WeightPlace): ForwardTerm => {
    const x = valueAt(input, at);
    return { from: { stage: input, index: at }, x, factor, weight, product: x * factor };
  };
  const [input] = stage.inputs;
  const xShape = input === undefined ? [] : step.stages[input].shape;
  switch (stage.kind) {
    case "input":
      return { form: "given", terms: [], computed: step.values[0].data[flatIndex(stage, image, index)] };
    case "conv2d": {
      const { row, column, channel: f } = placeOf(stage.shape, index);
      const [channels, filters] = [xShape[2], stage.shape[2]];
      const kernel = weightOf(step, stage.weights.kernel);
      const taps = tapsOf(xShape, stage.window!, row, column);
      const terms = taps.flatMap((tap) =>
        Array.from({ length: channels }, (_, c) => {
          const at = ((tap.a * stage.window!.kernel[1] + tap.b) * channels + c) * filters + f;
          const place = kernel(at);
          return term(input, indexAt(xShape, tap.row, tap.column, c), place.value, place);
        }),
      );
      const bias = stage.weights.bias ? weightOf(step, stage.weights.bias)(f) : undefined;
      const [kh, kw] = stage.window!.kernel;
      return { ...summed(terms, bias), padded: (kh * kw - taps.length) * channels };
    }
    case "dense": {
      const units = stage.shape[0];
      const kernel = weightOf(step, stage.weights.kernel);
      const terms = Array.from({ length: xShape[0] }, (_, i) => {
        const place = kernel(i * units + index);
        return term(input, i, place.value, place);
      });
      return summed(terms, stage.weights.bias ? weightOf(step, stage.weights.bias)(index) : undefined);
    }
    case "max_pooling2d":
    case "average_pooling2d": {
      const { row, column, channel } = placeOf(stage.shape, index);
      const [kh, kw] = stage.window!.kernel;
      const places = tapsOf(xShape, stage.window!, row, column).map((tap) =>
        indexAt(xShape, tap.row, tap.column, channel),
      );
      const padded = kh * kw - places.length;
      if (stage.kind === "average_pooling2d") return { ...meanOf(places, input, term), padded };
      const winner = firstLargest(places.map((at) => valueAt(input, at)));
      const terms = places.map((at, i) => term(input, at, i === winner ? 1 : 0));
      return { form: "max", terms, computed: terms[winner].x, padded };
    }
    case "global_average_pooling2d": {
      const places = Array.from({ length: xShape[0] * xShape[1] }, (_, p) => p * xShape[2] + index);
      return meanOf(places, input, term);
    }
    case "batch_normalization":
      return normalized(step, stage, term(input, index, 1), index);
    case "activation":
      return activated(stage, input, index, xShape[xShape.length - 1], valueAt);
    case "leaky_re_lu": {
      const { alpha } = step.nodes[stage.index].options as LeakyReLUOptions;
      const only = term(input, index, valueAt(input, index) < 0 ? alpha : 1);
      return { form: "mask", terms: [only], computed: only.product };
    }
    case "dropout": {
      const { rate } = dropoutOf(step.nodes[stage.index]);
      const kept = keptBy(step, stage, image)[index];
      const only = term(input, index, kept ? 1 / (1 - rate) : 0);
      return { form: "mask", terms: [only], computed: only.product, numbers: { rate, kept } };
    }
    case "add":
      return summed(stage.inputs.map((each) => term(each, index, 1)));
    case "concatenate": {
      const source = sourceOf(step, stage, index);
      return summed([term(source.stage, source.index, 1)]);
    }
    case "flatten":
      return summed([term(input, index, 1)]);
    default:
      throw new CbapdError(`${stage.name}: there is no explanation for a layer of kind ${stage.kind}.`);
  }
}

export function weightOf(step: ExplainedStep, name: string): (index: number) => WeightPlace {
  const { data } = step.before.weights.get(name)!;
  return (index) => ({ name, index, value: data[index] });
}

function summed(terms: readonly ForwardTerm[], bias?: WeightPlace): Found {
  const computed = terms.reduce((sum, { product }) => sum + product, bias?.value ?? 0);
  return { form: "sum", terms, bias, computed };
}

function meanOf(
  places: readonly number[],
  input: number,
  term: (input: number, at: number, factor: number) => ForwardTerm,
): Found {
  const terms = places.map((at) => term(input, at, 1 / places.length));
  const total = terms.reduce((sum, { x }) => sum + x, 0);
  return { form: "mean", terms, computed: total / places.length, numbers: { count: places.length } };
}

/** Ties go to the first; a NaN wins. */
export function firstLargest(values: readonly number[]): number {
  let best = 0;
  values.forEach((value, i) => {
    if (value > values[best] || (Number.isNaN(value) && !Number.isNaN(values[best]))) best = i;
  });
  return best;
}

function normalized(step: ExplainedStep, stage: Stage, only: ForwardTerm, index: number): Found {
  const c = index % stage.shape[stage.shape.length - 1];
  const { mean: means, variance: variances } = step.statistics[stage.index];
  const [mean, variance] = [means.data[c], variances.data[c]];
  const { epsilon } = normalizationOf(step.nodes[stage.index]);
  const gamma = weightOf(step, stage.weights.gamma)(c);
  const beta = weightOf(step, stage.weights.beta)(c);
  const inverseStd = 1 / Math.sqrt(variance + epsilon);
  const xHat = (only.x - mean) * inverseStd;
  const count = (step.batch * sizeOf(stage.shape)) / stage.shape[stage.shape.length - 1];
  const factor = gamma.value * inverseStd;
  return {
    form: "normalize",
    terms: [{ ...only, factor, product: only.x * factor }],
    computed: gamma.value * xHat + beta.value,
    numbers: { mean, variance, epsilon, inverseStd, xHat, gamma: gamma.value, beta: beta.value, count },
  };
}

function activated(
  { activation }: Stage,
  input: number,
  index: number,
  classes: number,
  valueAt: (input: number, at: number) => number,
): Found {
  const from = { stage: input, index };
  const x = valueAt(input, index);
  switch (activation!) {
    case "linear":
      return summed([{ from, x, factor: 1, product: x }]);
    case "relu": {
      const factor = x > 0 ? 1 : 0;
      return { form: "mask", terms: [{ from, x, factor, product: x * factor }], computed: Math.max(x, 0) };
    }
    case "sigmoid": {
      const computed = 1 / (1 + exp(-x));
      return { form: "function", terms: [{ from, x, product: computed }], computed };
    }
    case "tanh": {
      // 1 − 2/(e^2x + 1) loses digits near 0: from x = 0 on by the odd function's own way.
      const grown = exp(-2 * Math.abs(x));
      const computed = (Math.sign(x) * (1 - grown)) / (1 + grown);
      return { form: "function", terms: [{ from, x, product: computed }], computed };
    }
    case "softmax": {
      const start = Math.floor(index / classes) * classes;
      const row = Array.from({ length: classes }, (_, k) => valueAt(input, start + k));
      const max = Math.max(...row);
      const exps = row.map((value) => exp(value - max));
      const total = exps.reduce((sum, value) => sum + value, 0);
      const terms = row.map((value, k) => ({
        from: { stage: input, index: start + k },
        x: value,
        product: exps[k],
      }));
      return { form: "softmax", terms, computed: exps[index - start] / total, numbers: { max, sum: total } };
    }
  }
}

/** Which input of a concatenation a cell was copied from. */
export function sourceOf(
  { stages }: ExplainedStep,
  stage: Stage,
  index: number,
): { stage: number; index: number; input: number } {
  const channels = stage.shape[stage.shape.length - 1];
  const position = Math.floor(index / channels);
  let c = index % channels;
  for (const [i, input] of stage.inputs.entries()) {
    const { shape } = stages[input];
    const own = shape[shape.length - 1];
    if (c < own) return { stage: input, index: position * own + c, input: i };
    c -= own;
  }
  throw new CbapdError(`${stage.name}: channel ${index % channels} comes from nowhere.`);
}
