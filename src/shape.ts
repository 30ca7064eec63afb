/** Shapes, and the one rule by which a window's output size and padding follow from its input. */
import { mustBe, OptionError, ShapeError, show } from "./errors.js";

export type Shape = readonly number[];
export type Pair = readonly [number, number];
export type Padding = "same" | "valid";

/** What convolution and pooling have in common: a kernel that moves over height and width. */
export interface Window2D {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
}

/** Where a window lands: output size, and how many rows and columns of padding precede the input. */
export interface WindowGeometry {
  readonly outHeight: number;
  readonly outWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly padBottom: number;
  readonly padRight: number;
}

/** Number of elements: the product of all dimensions. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** Where Keras takes an integer or a pair, so do we. @throws OptionError unless positive integers. */
export function toPair(where: string, argument: string, value: number | readonly number[]): Pair {
  const pair = typeof value === "number" ? [value, value] : value;
  if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((v) => Number.isInteger(v) && v > 0)) {
    throw new OptionError(mustBe(where, argument, "be a positive integer or a pair of them", value));
  }
  return [pair[0], pair[1]];
}

/**
 * Output size and padding along one axis, TensorFlow's rule.
 *   same:  out = ceil(in / stride),  total = max((out − 1)·stride + k − in, 0),  the odd one after the input
 *   valid: out = floor((in − k) / stride) + 1,  no padding
 */
export function windowAxis(
  size: number,
  kernel: number,
  stride: number,
  padding: Padding,
): { out: number; before: number; after: number } {
  if (padding === "valid") return { out: Math.floor((size - kernel) / stride) + 1, before: 0, after: 0 };
  const out = Math.ceil(size / stride);
  const total = Math.max((out - 1) * stride + kernel - size, 0);
  const before = Math.floor(total / 2);
  return { out, before, after: total - before };
}

/** @throws ShapeError when a valid window exceeds its input. */
export function windowGeometry(
  where: string,
  height: number,
  width: number,
  window: Window2D,
): WindowGeometry {
  const { kernel, strides, padding } = window;
  const rows = windowAxis(height, kernel[0], strides[0], padding);
  const columns = windowAxis(width, kernel[1], strides[1], padding);
  if (rows.out < 1 || columns.out < 1) {
    throw new ShapeError(
      `${where}: a window of ${show(kernel)} does not fit into an input of height ${height} and width ${width} ` +
        `with padding "valid". Use padding "same" or a larger input.`,
    );
  }
  return {
    outHeight: rows.out,
    outWidth: columns.out,
    padTop: rows.before,
    padLeft: columns.before,
    padBottom: rows.after,
    padRight: columns.after,
  };
}

/** `[32, 32, 3]` as `32×32×3`, for tables and messages. */
export function showShape(shape: Shape): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}
