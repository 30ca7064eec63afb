/** Addition, element by element. */
import { type NDArray, ndarray } from "./ndarray.js";

export function add(a: NDArray, b: NDArray): NDArray {
  return ndarray(
    a.shape,
    a.data.map((value, i) => value + b.data[i]),
  );
}
