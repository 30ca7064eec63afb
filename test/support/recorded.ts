/** Runs what a recorder recorded, on one thread, as any number of workers would: every instruction in `parts` ranges. */
import {
  type Argument,
  type DataType,
  Recorder,
  type Split,
  type WasmTensor,
} from "../../src/backend/wasm/recorder.js";
import { STATE_BYTES, STATE_FIRST, STATE_LEARNING_RATE } from "../../src/backend/wasm/state.js";
import type { NDArray } from "../../src/reference/ndarray.js";
import { type Shape, sizeOf } from "../../src/shape.js";
import type { Core } from "./kernels.js";

export type Values = Float32Array | Int32Array | Uint8Array;

export interface Recording {
  readonly recorder: Recorder;
  /** A tensor that holds these values, between guard words. */
  put(shape: Shape, values: ArrayLike<number>, dataType?: DataType): WasmTensor;
  /** The same of a reference array. */
  array(array: NDArray, dataType?: DataType): WasmTensor;
}

export interface StepState {
  readonly first?: number;
  readonly learningRate?: number;
}

/** Records by `record`, runs in `parts` ranges, checks all guards, and returns the values of the tensors that `record` returned. */
export function runRecorded(
  core: Core,
  parts: number,
  record: (recording: Recording) => readonly WasmTensor[],
  { first = 0, learningRate = 0 }: StepState = {},
): Values[] {
  core.reset();
  const recorder = new Recorder();
  const put = (shape: Shape, values: ArrayLike<number>, dataType: DataType = "float32") => {
    const typed =
      dataType === "float32"
        ? Float32Array.from(values)
        : dataType === "int32"
          ? Int32Array.from(values)
          : Uint8Array.from(values);
    return recorder.tensor(shape, dataType, core.put(typed));
  };
  const results = record({ recorder, put, array: ({ shape, data }, dataType) => put(shape, data, dataType) });

  const state = new DataView(new ArrayBuffer(STATE_BYTES));
  state.setInt32(STATE_FIRST, first, true);
  state.setFloat32(STATE_LEARNING_RATE, learningRate, true);
  const stateAddress = core.put(new Uint8Array(state.buffer));
  for (const buffer of recorder.buffers) buffer.address ??= core.allocate(buffer.bytes);

  const value = (argument: Argument): number => {
    if (typeof argument === "number") return argument;
    if ("buffer" in argument) return argument.buffer.address ?? 0;
    return "stepState" in argument ? stateAddress : core.allocate(argument.scratchBytes);
  };
  for (const { kernel, args, split } of recorder.instructions) {
    const values = args.map(value);
    for (const [begin, end] of ranges(split, parts)) core.exports[kernel](...values, begin, end);
  }
  core.checkGuards();
  return results.map((tensor) => read(core, tensor));
}

/** The split's whole range, cut at uneven places: some ranges are empty when there are more parts than rows. */
function ranges(split: Split, parts: number): [number, number][] {
  if (split.by === "once") return [[0, 1]];
  const unit = split.by === "rows" ? split.unit : 1;
  const units = Math.ceil(split.count / unit);
  const cut = (part: number) => Math.min(Math.floor(units * (part / parts) ** 2) * unit, split.count);
  return Array.from({ length: parts }, (_, part) => [
    cut(part),
    part + 1 === parts ? split.count : cut(part + 1),
  ]);
}

function read(core: Core, { buffer, dataType, shape }: WasmTensor): Values {
  const address = buffer.address ?? 0;
  const count = sizeOf(shape);
  if (dataType === "float32") return core.floats(address, count);
  return dataType === "int32" ? core.ints(address, count) : core.bytes(address, count);
}
