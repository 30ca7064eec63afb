/** Records a batch's way in and out: position `first` (step state) + n of the epoch's order is image n of the batch. */
import { type Shape, sizeOf } from "../../shape.js";
import {
  all,
  BYTES_PER_ELEMENT,
  byImages,
  type Operand,
  out,
  outAll,
  own,
  type Recorder,
  stepState,
  type WasmTensor,
} from "./recorder.js";

/**
 * The batch's images, scaled: float32 [batch, ...shape].
 * @param source  uint8 or float32 [examples, ...shape]    @param order  int32 [examples]
 */
export function gatherImages(
  recorder: Recorder,
  source: WasmTensor,
  order: WasmTensor,
  scale: number,
  batch: number,
  shape: Shape,
): WasmTensor {
  const x = recorder.tensor([batch, ...shape]);
  const kernel = source.dataType === "uint8" ? "gatherBytes" : "gatherFloats";
  recorder.record(
    kernel,
    byImages(batch),
    out(x),
    some(source, batch),
    some(order, batch),
    stepState,
    scale,
    sizeOf(shape),
  );
  return x;
}

/** Anything of the tensor, but no more than `rows` rows of it. */
function some(tensor: WasmTensor, rows: number): Operand {
  const [, ...row] = tensor.shape;
  return { ...all(tensor), touchedBytes: rows * sizeOf(row) * BYTES_PER_ELEMENT[tensor.dataType] };
}

/**
 * The batch's labels: int32 [batch] from class indices, float32 [batch, K] from distributions.
 * @param source  uint8 or int32 [examples], or float32 [examples, K]
 */
export function gatherLabels(
  recorder: Recorder,
  source: WasmTensor,
  order: WasmTensor,
  batch: number,
): WasmTensor {
  if (source.dataType === "float32") {
    return gatherImages(recorder, source, order, 1, batch, source.shape.slice(1));
  }
  const labels = recorder.tensor([batch], "int32");
  const kernel = source.dataType === "uint8" ? "gatherByteLabels" : "gatherIntLabels";
  recorder.record(kernel, byImages(batch), out(labels), some(source, batch), some(order, batch), stepState);
  return labels;
}

/** results[first + n] = y[n]. results [examples, ...], y [batch, ...]: rows that no other worker writes. */
export function scatterOutputs(recorder: Recorder, results: WasmTensor, y: WasmTensor): void {
  const [batch, ...row] = y.shape;
  recorder.record(
    "scatterRows",
    byImages(batch),
    { ...outAll(results), touchedBytes: y.buffer.bytes },
    own(y),
    stepState,
    sizeOf(row),
  );
}
