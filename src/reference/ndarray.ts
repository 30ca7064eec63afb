/** The reference's only data structure: a shape, and its float64 values in row-major order. */
import { ShapeError, show } from "../errors.js";
import { type Shape, sizeOf } from "../shape.js";

export interface NDArray {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** An array of the given shape: zeros, or a copy of `values`. @throws ShapeError when the count does not fit. */
export function ndarray(shape: Shape, values?: ArrayLike<number>): NDArray {
  const size = sizeOf(shape);
  if (values && values.length !== size) {
    throw new ShapeError(`ndarray: shape ${show(shape)} holds ${size} values; got ${values.length}.`);
  }
  return { shape, data: values ? Float64Array.from(values) : new Float64Array(size) };
}
