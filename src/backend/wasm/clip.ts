/** Records gradient clipping. A norm is summed over blocks, each by one worker; the blocks' sums are added in order. */
import { sizeOf } from "../../shape.js";
import { BLOCK } from "./l2.js";
import { byElements } from "./optimizer.js";
import { all, byRows, once, out, outAll, type Recorder, type WasmTensor } from "./recorder.js";

/** In place, each value for itself: into [−limit, limit]. */
export function recordClipValues(recorder: Recorder, gradients: WasmTensor, limit: number): void {
  recorder.record("clipValues", byElements(gradients), out(gradients), limit);
}

/** In place, each tensor for itself: its norm is `limit` at most. Workers meet twice, however many tensors there are. */
export function recordClipNorms(recorder: Recorder, tensors: readonly WasmTensor[], limit: number): void {
  const sums = tensors.map((tensor) => {
    const count = sizeOf(tensor.shape);
    const blocks = Math.ceil(count / BLOCK);
    const partials = recorder.tensor([blocks], "float64");
    recorder.record("sumOfSquares", byRows(blocks), out(partials), all(tensor), count);
    return { partials, blocks };
  });
  const factors = sums.map(({ partials, blocks }) => {
    const factor = recorder.tensor([]);
    recorder.record("clipFactor", once, outAll(factor), all(partials), limit, blocks);
    return factor;
  });
  tensors.forEach((tensor, i) => {
    recorder.record("scaleBy", byElements(tensor), out(tensor), all(factors[i]));
  });
}
