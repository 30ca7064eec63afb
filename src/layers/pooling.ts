/** What max and average pooling have in common: their options, and the shape rule of a window that leaves channels apart. */
import { mustBe, OptionError, rejectUnknownKeys, ShapeError } from "../errors.js";
import { type Padding, type Pair, type Shape, toPair, type Window2D, windowGeometry } from "../shape.js";
import type { InputShapes, ReceptiveField } from "./layer.js";

/** As Keras has them: an integer stands for both directions. */
export interface PoolingOptions {
  readonly poolSize: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
}

/** What the user writes; defaults as in Keras. */
export interface PoolingArguments {
  readonly poolSize?: number | Pair; // 2
  readonly strides?: number | Pair; // poolSize
  readonly padding?: Padding; // "valid"
}

/** Fills in Keras' defaults: poolSize 2, strides = poolSize, padding "valid". @throws OptionError */
export function poolingOptions(where: string, given: object): PoolingOptions {
  rejectUnknownKeys(where, given, ["poolSize", "strides", "padding"]);
  const { poolSize: size = 2, strides, padding = "valid" } = given as PoolingArguments;
  if (padding !== "same" && padding !== "valid") {
    throw new OptionError(mustBe(where, "padding", 'be "same" or "valid"', padding));
  }
  const poolSize = toPair(where, "poolSize", size);
  return { poolSize, strides: toPair(where, "strides", strides ?? poolSize), padding };
}

export function poolingWindow({ poolSize, strides, padding }: PoolingOptions): Window2D {
  return { kernel: poolSize, strides, padding };
}

/** [H, W, C] → [Ho, Wo, C]. @throws ShapeError */
export function pooledShape(inputs: InputShapes, options: PoolingOptions, name: string): Shape {
  const [height, width, channels] = imageShape(inputs, name);
  const { outHeight, outWidth } = windowGeometry(name, height, width, poolingWindow(options));
  return [outHeight, outWidth, channels];
}

/** The one input's [H, W, C]. @throws ShapeError */
export function imageShape(inputs: InputShapes, name: string): Shape {
  if (inputs.length !== 1) throw new ShapeError(mustBe(name, "inputs", "be one tensor", inputs.length));
  if (inputs[0].length !== 3) {
    throw new ShapeError(mustBe(name, "input", "have the shape [height, width, channels]", inputs[0]));
  }
  return inputs[0];
}

/** One operation (a comparison or an addition) for each element of each window. */
export function poolingFlops(inputs: InputShapes, options: PoolingOptions): number {
  const [Ho, Wo, C] = pooledShape(inputs, options, "pooling");
  return Ho * Wo * C * options.poolSize[0] * options.poolSize[1];
}

/** size += (poolSize − 1)·jump; jump *= strides. */
export function pooledField({ size, jump }: ReceptiveField, options: PoolingOptions): ReceptiveField {
  const { poolSize, strides } = options;
  return {
    size: [size[0] + (poolSize[0] - 1) * jump[0], size[1] + (poolSize[1] - 1) * jump[1]],
    jump: [jump[0] * strides[0], jump[1] * strides[1]],
  };
}
