/**
 * Where tfjs-backend-wasm 4.22 is wrong, found by these very comparisons and decided by central differences: docs/oracles.md
 * has a minimal case of each. There tfjs' cpu backend, other code by the same authors, is the foreign oracle instead.
 */
import type { Conv2DOptions } from "../../layers/conv2d.js";
import { windowAxis } from "../../shape.js";
import type { LayerCase } from "../layer.js";

export function wasmIsWrong({ layer, options, inputs }: LayerCase): boolean {
  switch (layer.kind) {
    case "conv2d":
      return leavesRowsUnread(inputs[0], options as Conv2DOptions);
    case "max_pooling2d":
      return true; // a window whose maximum is not positive gets no gradient
    default:
      return false;
  }
}

/** Padding "same" where windows end before the picture does, as strides beyond the kernel's size can. */
function leavesRowsUnread(
  picture: readonly number[],
  { kernelSize, strides, padding }: Conv2DOptions,
): boolean {
  return [0, 1].some((axis) => {
    const { out } = windowAxis(picture[axis], kernelSize[axis], strides[axis], padding);
    return padding === "same" && (out - 1) * strides[axis] + kernelSize[axis] < picture[axis];
  });
}
