/** Records L2 regularisation: the gradient over elements, the penalty as a sum over blocks. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { all, byRows, once, out, outAll, own, type Recorder, type WasmTensor } from "./recorder.js";

/** Elements of one partial sum; assembly/optimizer.ts has the same. */
export const BLOCK = 4096;

export function l2Ops(recorder: Recorder): Pick<Backend<WasmTensor>, "addL2Gradient" | "l2"> {
  return {
    addL2Gradient(dKernel, kernel, rate) {
      const split = byRows(sizeOf(kernel.shape), 16);
      recorder.record("addL2Gradient", split, out(dKernel), own(kernel), 2 * rate);
    },
    l2(kernel, rate) {
      const count = sizeOf(kernel.shape);
      const blocks = Math.ceil(count / BLOCK);
      const partials = recorder.tensor([blocks], "float64");
      const penalty = recorder.tensor([]);
      // A block's elements are not the worker's range of any other split of the kernel: `all`.
      recorder.record("sumOfSquares", byRows(blocks), out(partials), all(kernel), count);
      recorder.record("l2Penalty", once, outAll(penalty), all(partials), rate, blocks);
      return penalty;
    },
  };
}
