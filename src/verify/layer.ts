/** One layer, run forward and backward on any engine, and everything that it computes, by name. */
import type { Tensor } from "../backend/backend.js";
import { type InputShapes, type Layer, type Parameters, snakeCase } from "../layers/layer.js";
import type { NDArray } from "../reference/ndarray.js";
import type { Engine } from "./engine.js";

/** A layer with options and shapes: everything but the numbers. */
export interface LayerCase {
  readonly layer: Layer;
  /** Complete: what `layer.options()` returned. */
  readonly options: object;
  /** One example's. */
  readonly inputs: InputShapes;
  readonly batch: number;
  readonly training: boolean;
}

export interface LayerValues {
  /** One for each input, [batch, …shape]. */
  readonly xs: readonly NDArray[];
  /** By the layer's own names: kernel, movingMean. */
  readonly parameters: Parameters<NDArray>;
  /** The upstream gradient, [batch, …output shape]. */
  readonly dY: NDArray;
}

/** Tensors by name, in the order in which they are computed. */
export type Results = Map<string, NDArray>;

/**
 * `y`; `dX` (`dX0`, `dX1`, … when there are several inputs); `dKernel`, `dBias`, `dGamma`, …; and, where the layer moves
 * them, `after/moving_mean` and `after/moving_variance`.
 */
export function runLayer<T extends Tensor>(
  engine: Engine<T>,
  { layer, options, inputs, training }: LayerCase,
  values: LayerValues,
): Results {
  const { backend } = engine;
  const xs = values.xs.map((x) => engine.put(x));
  const parameters = Object.fromEntries(
    Object.entries(values.parameters).map(([name, value]) => [name, engine.put(value)]),
  );
  const { y, cache } = layer.forward(backend, xs, parameters, options, { training, stream: 0 });
  const dY = engine.put(values.dY);
  const context = { dX: true, inputs };
  const { dXs, parameters: gradients } = layer.backward(backend, dY, parameters, cache, options, context);

  const tensors = new Map<string, T>([["y", y]]);
  dXs.forEach((dX, i) => {
    if (dX) tensors.set(dXs.length === 1 ? "dX" : `dX${i}`, dX);
  });
  for (const [name, gradient] of Object.entries(gradients)) tensors.set(gradientName(name), gradient);
  const specs = layer.parameterSpecs(inputs, options);
  for (const [name, { trainable }] of Object.entries(specs)) {
    if (!trainable) tensors.set(`after/${snakeCase(name)}`, parameters[name]);
  }
  engine.run(tensors.values());
  return new Map(Array.from(tensors, ([name, tensor]) => [name, engine.read(tensor)]));
}

/** kernel → dKernel. */
export function gradientName(parameter: string): string {
  return `d${parameter[0].toUpperCase()}${parameter.slice(1)}`;
}
