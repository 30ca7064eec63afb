/**
 * Dense layers, split by columns of the result: the weights are large and the batch is small. A worker's columns lie
 * scattered over the rows, so nobody else may take them for a range of their own: `outAll`.
 */
import type { Backend } from "../backend.js";
import { PANEL, PRODUCT_SCRATCH_BYTES } from "./blocks.js";
import { all, byRows, out, outAll, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { channelSums } from "./sums.js";

/** Workers take whole cache lines of several panels. */
const PIECE_COLUMNS = 32;

export function denseOps(recorder: Recorder): Pick<Backend<WasmTensor>, "dense" | "denseGradients"> {
  return {
    dense(x, kernel, bias) {
      const [batch, inputs] = x.shape;
      const units = kernel.shape[1];
      const y = recorder.tensor([batch, units]);
      recorder.record(
        "denseForward",
        byColumns(units),
        outAll(y),
        all(x),
        all(kernel),
        bias ? all(bias) : 0,
        scratch(PRODUCT_SCRATCH_BYTES),
        batch,
        inputs,
        units,
      );
      return y;
    },

    denseGradients(x, kernel, dY, wishes) {
      const [batch, inputs] = x.shape;
      const units = kernel.shape[1];
      let dX: WasmTensor | undefined;
      if (wishes.dX) {
        dX = recorder.tensor(x.shape);
        recorder.record(
          "denseInputGradient",
          byColumns(inputs),
          outAll(dX),
          all(dY),
          all(kernel),
          scratch(PRODUCT_SCRATCH_BYTES),
          batch,
          inputs,
          units,
        );
      }
      const dKernel = recorder.tensor(kernel.shape);
      recorder.record(
        "matmulTN",
        byRows(inputs),
        out(dKernel),
        all(x),
        all(dY),
        scratch(PRODUCT_SCRATCH_BYTES),
        inputs,
        units,
        batch,
      );
      return { dX, dKernel, dBias: wishes.dBias ? channelSums(recorder, dY) : undefined };
    },
  };
}

/** Narrow results in single panels, so that all workers get some. */
function byColumns(columns: number) {
  return byRows(columns, columns >= 8 * PIECE_COLUMNS ? PIECE_COLUMNS : PANEL);
}
