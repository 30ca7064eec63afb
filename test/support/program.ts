/** Runs what a recorder recorded, instruction by instruction, each range in as many parts as there are workers. */
import type { Argument, Recorder, Split, WasmTensor } from "../../src/backend/wasm/recorder.js";
import { STATE_BYTES, STATE_SEED, STATE_STEP } from "../../src/backend/wasm/state.js";
import { type NDArray, ndarray } from "../../src/reference/ndarray.js";
import { sizeOf } from "../../src/shape.js";
import type { Core } from "./kernels.js";

export interface Program {
  /** Copies values into a tensor, before `run`. */
  put(tensor: WasmTensor, values: NDArray): void;
  run(): void;
  get(tensor: WasmTensor): NDArray;
}

function rangesOf(split: Split, workers: number): [number, number][] {
  if (split.by === "once") return [[0, 1]];
  const unit = split.by === "rows" ? split.unit : 1;
  const share = Math.ceil(split.count / unit / workers) * unit;
  return Array.from({ length: workers }, (_, worker) => [
    Math.min(split.count, worker * share),
    Math.min(split.count, (worker + 1) * share),
  ]);
}

/** Call it when everything is recorded: it gives every buffer its address. */
export function program(
  core: Core,
  recorder: Recorder,
  { workers = 1, seed = 0, step = 0 }: { workers?: number; seed?: number; step?: number } = {},
): Program {
  const addresses = recorder.buffers.map(({ bytes }) => core.allocate(bytes));
  const state = new DataView(new ArrayBuffer(STATE_BYTES));
  state.setUint32(STATE_SEED, seed, true);
  state.setUint32(STATE_STEP, step, true);
  const stateAddress = core.put(new Uint8Array(state.buffer));

  function addressOf(argument: Argument): number {
    if (typeof argument === "number") return argument;
    if ("buffer" in argument) return addresses[argument.buffer.id];
    return "scratchBytes" in argument ? core.allocate(argument.scratchBytes) : stateAddress;
  }

  return {
    put(tensor, values) {
      new Float32Array(core.memory.buffer, addresses[tensor.buffer.id], sizeOf(tensor.shape)).set(
        values.data,
      );
    },
    run() {
      for (const { kernel, args, split } of recorder.instructions) {
        const call = core.exports[kernel];
        if (args.length + 2 !== call.length) {
          throw new Error(
            `${kernel} takes ${call.length} arguments; recorded are ${args.length} and a range`,
          );
        }
        for (const range of rangesOf(split, workers)) call(...args.map(addressOf), ...range);
      }
      core.checkGuards();
    },
    get(tensor) {
      return ndarray(tensor.shape, core.floats(addresses[tensor.buffer.id], sizeOf(tensor.shape)));
    },
  };
}
