/**
 * How the loss reaches one number: for each stage that reads it, the terms dY·∂y/∂x of the outputs that it went into, which sum to what
 * that stage sends back; the sum over the stages is dX. In float64, beside what the kernels have.
 */
import type { LeakyReLUOptions } from "../layers/leakyReLU.js";
import { sizeOf } from "../shape.js";
import { type Cell, checkCell, flatIndex, indexAt, placeOf, tapsOf, windowsOver } from "./cells.js";
import { firstLargest, type WeightPlace, weightOf } from "./forward.js";
import { keptBy } from "./masks.js";
import { normalizationNumbers } from "./normalization.js";
import type { Stage } from "./stages.js";
import { dropoutOf, type ExplainedStep } from "./step.js";

export interface BackwardTerm {
  /** The output that the number went into, of the same image; undefined for the loss. */
  readonly to?: { readonly stage: number; readonly index: number };
  /** Gradient of the loss with respect to that output. */
  readonly dY: number;
  /** ∂y/∂x */
  readonly factor: number;
  readonly weight?: WeightPlace;
  readonly product: number;
  /** Batch normalisation's three: straight through, by way of the mean, by way of the variance. */
  readonly way?: "direct" | "mean" | "variance";
}

export interface Path {
  /** The stage that reads the number; undefined for the loss. */
  readonly stage?: number;
  /** "loss" for the loss. */
  readonly name: string;
  /** Which of the stage's inputs it is. */
  readonly input: number;
  readonly terms: readonly BackwardTerm[];
  /** What else stands in the formula, by its name there. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Σ product, in float64. */
  readonly computed: number;
  /** The kernel's. */
  readonly sent: number;
  readonly difference: number;
}

export interface BackwardCell {
  readonly cell: Cell;
  /** In the order in which the library adds them: the last layer's first. */
  readonly paths: readonly Path[];
  readonly computed: number;
  /** The kernel's. */
  readonly gradient: number;
  readonly difference: number;
}

type Found = Pick<Path, "terms"> & Partial<Pick<Path, "numbers">>;

/** Undefined where the library computes no gradient: nothing before the cell is trained. @throws OptionError unless there is such a cell */
export function backwardCell(step: ExplainedStep, cell: Cell): BackwardCell | undefined {
  checkCell(step, cell);
  const stage = step.stages[cell.stage];
  const flat = flatIndex(stage, cell.image, cell.index);
  const gradient = step.gradients[cell.stage]?.data[flat];
  if (gradient === undefined) return undefined;
  const paths = consumersOf(step, cell.stage).map(({ consumer, input }): Path => {
    const { terms, numbers = {} } = termsThrough(step, consumer, input, cell);
    const computed = terms.reduce((sum, { product }) => sum + product, 0);
    const sent = step.sent[consumer.index][input]!.data[flat];
    return {
      stage: consumer.index,
      name: consumer.name,
      input,
      terms,
      numbers,
      computed,
      sent,
      difference: sent - computed,
    };
  });
  if (cell.stage === step.logits) paths.unshift(lossPath(step, cell, gradient));
  const computed = paths.reduce((sum, path) => sum + path.computed, 0);
  return { cell, paths, computed, gradient, difference: gradient - computed };
}

/** The stages that read a stage's value, the last first. */
export function consumersOf({ stages }: ExplainedStep, index: number): { consumer: Stage; input: number }[] {
  return [...stages]
    .reverse()
    .flatMap((consumer) =>
      consumer.inputs.flatMap((source, input) => (source === index ? [{ consumer, input }] : [])),
    );
}

/** d(mean loss)/dz = (p − y)/N. */
function lossPath(step: ExplainedStep, { image, index }: Cell, sent: number): Path {
  const p = step.probabilities.data[image * step.classes + index];
  const y = step.labels.data[image] === index ? 1 : 0;
  const computed = (p - y) / step.batch;
  return {
    name: "loss",
    input: 0,
    terms: [{ dY: 1 / step.batch, factor: p - y, product: computed }],
    numbers: { p, y, N: step.batch },
    computed,
    sent,
    difference: sent - computed,
  };
}

function termsThrough(step: ExplainedStep, consumer: Stage, input: number, { image, index }: Cell): Found {
  const source = step.stages[consumer.inputs[input]];
  const dYs = step.gradients[consumer.index]!.data.subarray(
    image * sizeOf(consumer.shape),
    (image + 1) * sizeOf(consumer.shape),
  );
  const held = (stage: Stage, at: number) => step.values[stage.index].data[flatIndex(stage, image, at)];
  const term = (at: number, factor: number, weight?: WeightPlace): BackwardTerm => ({
    to: { stage: consumer.index, index: at },
    dY: dYs[at],
    factor,
    weight,
    product: dYs[at] * factor,
  });
  switch (consumer.kind) {
    case "conv2d": {
      const { row, column, channel: c } = placeOf(source.shape, index);
      const [channels, filters] = [source.shape[2], consumer.shape[2]];
      const kernel = weightOf(step, consumer.weights.kernel);
      const width = consumer.window!.kernel[1];
      const terms = windowsOver(source.shape, consumer.window!, row, column).flatMap((over) =>
        Array.from({ length: filters }, (_, f) => {
          const place = kernel(((over.a * width + over.b) * channels + c) * filters + f);
          return term(indexAt(consumer.shape, over.row, over.column, f), place.value, place);
        }),
      );
      return { terms };
    }
    case "dense": {
      const units = consumer.shape[0];
      const kernel = weightOf(step, consumer.weights.kernel);
      const terms = Array.from({ length: units }, (_, o) => {
        const place = kernel(index * units + o);
        return term(o, place.value, place);
      });
      return { terms };
    }
    case "max_pooling2d":
    case "average_pooling2d": {
      const { row, column, channel } = placeOf(source.shape, index);
      const terms = windowsOver(source.shape, consumer.window!, row, column).map((over) => {
        const places = tapsOf(source.shape, consumer.window!, over.row, over.column).map((tap) =>
          indexAt(source.shape, tap.row, tap.column, channel),
        );
        const at = indexAt(consumer.shape, over.row, over.column, channel);
        if (consumer.kind === "average_pooling2d") return term(at, 1 / places.length);
        const winner = places[firstLargest(places.map((place) => held(source, place)))];
        return term(at, winner === index ? 1 : 0);
      });
      return { terms };
    }
    case "global_average_pooling2d":
      return { terms: [term(index % source.shape[2], 1 / (source.shape[0] * source.shape[1]))] };
    case "batch_normalization":
      return normalizationTerms(step, consumer, held(source, index), term(index, 1));
    case "activation":
      return activationTerms(consumer, index, (at) => held(consumer, at), term);
    case "leaky_re_lu": {
      const { alpha } = step.nodes[consumer.index].options as LeakyReLUOptions;
      const y = held(consumer, index);
      return { terms: [term(index, y > 0 ? 1 : alpha)], numbers: { y } };
    }
    case "dropout": {
      const { rate } = dropoutOf(step.nodes[consumer.index]);
      const kept = keptBy(step, consumer, image)[index];
      return { terms: [term(index, kept ? 1 / (1 - rate) : 0)], numbers: { rate, kept } };
    }
    case "concatenate": {
      const own = source.shape[source.shape.length - 1];
      const before = consumer.inputs
        .slice(0, input)
        .reduce((sum, each) => sum + step.stages[each].shape[source.shape.length - 1], 0);
      const channels = consumer.shape[consumer.shape.length - 1];
      return { terms: [term(Math.floor(index / own) * channels + before + (index % own), 1)] };
    }
    default: // add, flatten: passed on as it is
      return { terms: [term(index, 1)] };
  }
}

/** The three terms of dX; with moving statistics, which are constants, the first alone. */
function normalizationTerms(step: ExplainedStep, stage: Stage, x: number, only: BackwardTerm): Found {
  const { batchStatistics, ...numbers } = normalizationNumbers(step, stage, only.to!.index);
  const { gamma, inverseStd, mean, dGamma, dBeta, M } = numbers;
  const factor = gamma * inverseStd;
  const xHat = (x - mean) * inverseStd;
  const way = (name: BackwardTerm["way"], dY: number): BackwardTerm => ({
    ...only,
    dY,
    factor,
    product: factor * dY,
    way: name,
  });
  const terms = [way("direct", only.dY)];
  if (batchStatistics) terms.push(way("mean", -dBeta / M), way("variance", (-xHat * dGamma) / M));
  return { terms, numbers: { ...numbers, xHat } };
}

function activationTerms(
  stage: Stage,
  index: number,
  yAt: (at: number) => number,
  term: (at: number, factor: number) => BackwardTerm,
): Found {
  const y = yAt(index);
  switch (stage.activation!) {
    case "linear":
      return { terms: [term(index, 1)] };
    case "relu":
      return { terms: [term(index, y > 0 ? 1 : 0)], numbers: { y } };
    case "sigmoid":
      return { terms: [term(index, y * (1 - y))], numbers: { y } };
    case "tanh":
      return { terms: [term(index, 1 - y * y)], numbers: { y } };
    case "softmax": {
      // ∂y_k/∂x_j = y_k·(δ_kj − y_j)
      const classes = stage.shape[stage.shape.length - 1];
      const start = Math.floor(index / classes) * classes;
      const terms = Array.from({ length: classes }, (_, k) => {
        const at = start + k;
        return term(at, yAt(at) * ((at === index ? 1 : 0) - y));
      });
      return { terms, numbers: { y } };
    }
  }
}
