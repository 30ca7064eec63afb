/**
 * One description a layer: which cases there are, which numbers to try them on, and how far float32 may be off. From it come
 * the property tests, `cbapd verify` and the benches; the layer itself gives the run and the FLOPs.
 */
import type fc from "fast-check";
import { type ParameterSpecs, snakeCase } from "../layers/layer.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Shape, sizeOf } from "../shape.js";
import { referenceEngine } from "./engine.js";
import { gradientName, type LayerCase, type LayerValues, type Results, runLayer } from "./layer.js";
import { largest, randomArray } from "./values.js";

/** Largest sizes that a case may have. */
export interface CaseBounds {
  readonly batch: number;
  /** Height and width beyond what the window needs. */
  readonly size: number;
  readonly kernel: number;
  readonly channels: number;
}

/** Tiles are 5×8: sizes around one, around two, and any. */
export const FULL: CaseBounds = { batch: 9, size: 17, kernel: 7, channels: 17 };
/** For central differences, which run a layer four times an element. */
export const SMALL: CaseBounds = { batch: 3, size: 4, kernel: 4, channels: 4 };

export interface LayerDescription {
  /** As users write it: maxPooling2d. */
  readonly name: string;
  cases(bounds: CaseBounds): fc.Arbitrary<LayerCase>;
  /** Numbers to try a case on; the same for the same seed, exact in float32. */
  values(given: LayerCase, seed: number): LayerValues;
  /** Largest absolute float32 error of each result, from the lengths of its sums and the sizes of their terms. */
  tolerances(given: LayerCase, values: LayerValues, expected: Results): ReadonlyMap<string, number>;
  /**
   * How far the nearest kink is: the least change of an input or parameter, in steps of every element at once, that could
   * take a unit over it. Without it a layer is smooth.
   */
  margin?(given: LayerCase, values: LayerValues): number;
}

export function outputShape({ layer, options, inputs }: LayerCase): Shape {
  return layer.outputShape(inputs, options, layer.kind);
}

export function specsOf({ layer, options, inputs }: LayerCase): ParameterSpecs {
  return layer.parameterSpecs(inputs, options);
}

/** Everything in [−1, 1). */
export function randomLayerValues(given: LayerCase, seed: number, x = randomArray): LayerValues {
  const { batch, inputs } = given;
  const parameters = Object.entries(specsOf(given)).map(([name, { shape }], i) => [
    name,
    randomArray(shape, seed + 100 + i),
  ]);
  return {
    xs: inputs.map((shape, i) => x([batch, ...shape], seed + i)),
    parameters: Object.fromEntries(parameters),
    dY: randomArray([batch, ...outputShape(given)], seed + 200),
  };
}

/** Unit roundoff of float32. */
export const ROUNDOFF = 2 ** -24;

/**
 * Relative error of a float32 sum of `terms` products, against √Σ(products²). When the terms have random signs, so have
 * the roundings: partial sum k has the size of √k terms, and so have the errors that it adds, Σ k ≈ terms²/2 squared. That
 * makes √terms/√2 roundings relative to √Σ(products²); 4·√terms + 8 leaves room without hiding a lost term.
 */
export function sumError(terms: number): number {
  return (4 * Math.sqrt(terms) + 8) * ROUNDOFF;
}

/**
 * √Σ(products²) of every result of a layer that is linear in each of its inputs and parameters: its own arithmetic on the
 * squares of all numbers. The largest element of each result, by name.
 */
export function productScales(linear: LayerCase, { xs, parameters, dY }: LayerValues): Map<string, number> {
  const squared = {
    xs: xs.map(square),
    parameters: Object.fromEntries(Object.entries(parameters).map(([name, p]) => [name, square(p)])),
    dY: square(dY),
  };
  const results = runLayer(referenceEngine(), linear, squared);
  return new Map(Array.from(results, ([name, value]) => [name, Math.sqrt(largest(value))]));
}

/** Every result exact: layers that only move numbers. */
export function exact(_given: LayerCase, _values: LayerValues, expected: Results): Map<string, number> {
  return new Map(Array.from(expected.keys(), (name) => [name, 0]));
}

/** All names that `runLayer` gives for a case. */
export function resultNames(given: LayerCase): string[] {
  const { inputs } = given;
  const specs = Object.entries(specsOf(given));
  return [
    "y",
    ...inputs.map((_, i) => (inputs.length === 1 ? "dX" : `dX${i}`)),
    ...specs.filter(([, { trainable }]) => trainable).map(([name]) => gradientName(name)),
    ...specs.filter(([, { trainable }]) => !trainable).map(([name]) => `after/${snakeCase(name)}`),
  ];
}

/** Numbers a batch holds of one example's shape. */
export function elements({ batch }: LayerCase, shape: Shape): number {
  return batch * sizeOf(shape);
}

function square({ shape, data }: NDArray): NDArray {
  return ndarray(
    shape,
    data.map((value) => value * value),
  );
}
