/** Records operations, runs them as any number of workers would, under watch, and gives their values. */
import { type DataType, Recorder, type WasmTensor } from "../../src/backend/wasm/recorder.js";
import type { NDArray } from "../../src/reference/ndarray.js";
import type { Shape } from "../../src/shape.js";
import { Machine, type RunOptions, type Values } from "../../src/verify/machine.js";

export type { Values } from "../../src/verify/machine.js";

const machine = await Machine.open();

export interface Recording {
  readonly recorder: Recorder;
  /** A tensor that holds these values when the program starts. */
  put(shape: Shape, values: ArrayLike<number>, dataType?: DataType): WasmTensor;
  /** The same of a reference array. */
  array(array: NDArray, dataType?: DataType): WasmTensor;
}

/** @param record  what to compute; the tensors that it returns are read afterwards */
export function runRecorded(
  workers: number,
  record: (recording: Recording) => readonly WasmTensor[],
  options: Omit<RunOptions, "workers"> = {},
): Values[] {
  const recorder = new Recorder();
  const inputs = new Map<WasmTensor, Values>();
  const put = (shape: Shape, values: ArrayLike<number>, dataType: DataType = "float32") => {
    const tensor = recorder.tensor(shape, dataType);
    const Type = {
      float32: Float32Array,
      float64: Float64Array,
      int32: Int32Array,
      uint8: Uint8Array,
    }[dataType];
    inputs.set(tensor, Type.from(values));
    return tensor;
  };
  const results = record({ recorder, put, array: ({ shape, data }, dataType) => put(shape, data, dataType) });
  machine.run(recorder, inputs, results, { ...options, workers });
  return results.map((tensor) => machine.read(tensor));
}
