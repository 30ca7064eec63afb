/** The same values in another shape. */
import type { Shape } from "../shape.js";
import { type NDArray, ndarray } from "./ndarray.js";

/** @throws ShapeError when the number of elements differs */
export function reshape(x: NDArray, shape: Shape): NDArray {
  return ndarray(shape, x.data);
}
