/** What the two windowed pooling layers have in common: options, output shape, receptive field. */
import { rejectUnknownKeys } from "../errors.js";
import { type Padding, type Pair, type Shape, toPair, type Window2D, windowGeometry } from "../shape.js";
import { inputOfRank, oneOf, PADDINGS } from "./checks.js";
import type { InputShapes, ReceptiveField } from "./layer.js";

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

export function poolingOptions(where: string, given: object): PoolingOptions {
  rejectUnknownKeys(where, given, ["poolSize", "strides", "padding"]);
  const { poolSize = 2, strides = poolSize, padding = "valid" } = given as PoolingArguments;
  return {
    poolSize: toPair(where, "poolSize", poolSize),
    strides: toPair(where, "strides", strides),
    padding: oneOf(where, "padding", padding, PADDINGS),
  };
}

export function poolingWindow({ poolSize, strides, padding }: PoolingOptions): Window2D {
  return { kernel: poolSize, strides, padding };
}

export function poolingOutputShape(inputs: InputShapes, options: PoolingOptions, name: string): Shape {
  const [height, width, channels] = inputOfRank(name, inputs, 3);
  const { outHeight, outWidth } = windowGeometry(name, height, width, poolingWindow(options));
  return [outHeight, outWidth, channels];
}

export function poolingReceptiveField(
  { size, jump }: ReceptiveField,
  { poolSize, strides }: PoolingOptions,
): ReceptiveField {
  return {
    size: [size[0] + (poolSize[0] - 1) * jump[0], size[1] + (poolSize[1] - 1) * jump[1]],
    jump: [jump[0] * strides[0], jump[1] * strides[1]],
  };
}
