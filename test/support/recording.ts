/** Runs a recorded program on one thread, its instructions cut into ranges as workers would cut them. */
import type { Instruction, Recorder, Split, WasmTensor } from "../../src/backend/wasm/recorder.js";
import { STATE_BYTES } from "../../src/backend/wasm/state.js";
import { sizeOf } from "../../src/shape.js";
import type { Core } from "./kernels.js";

export class Program {
  readonly #core: Core;
  readonly #recorder: Recorder;
  /** Each range has scratch memory of its own for each instruction, as each worker has. */
  readonly #scratch = new Map<string, number>();

  readonly #state: number;

  constructor(core: Core, recorder: Recorder) {
    this.#core = core;
    this.#recorder = recorder;
    this.#state = core.put(new Uint8Array(STATE_BYTES));
    for (const buffer of recorder.buffers) buffer.address ??= core.allocate(buffer.bytes);
  }

  write(tensor: WasmTensor, values: ArrayLike<number>): void {
    new Float32Array(this.#core.memory.buffer, tensor.buffer.address, values.length).set(values);
  }

  read(tensor: WasmTensor): Float32Array {
    return this.#core.floats(tensor.buffer.address as number, sizeOf(tensor.shape));
  }

  /** All instructions, or those named, or those in a range [from, to), in order; each in `workers` ranges, one after the other. */
  run(workers = 1, kernels?: readonly string[], [from, to] = [0, Number.POSITIVE_INFINITY]): void {
    this.#recorder.instructions.forEach((instruction, index) => {
      if (index < from || index >= to) return;
      if (kernels && !kernels.includes(instruction.kernel)) return;
      for (let worker = 0; worker < workers; worker++) {
        const [begin, end] = range(instruction.split, worker, workers);
        this.#core.exports[instruction.kernel](
          ...this.#arguments(instruction, `${index}/${worker}`),
          begin,
          end,
        );
      }
    });
  }

  #arguments(instruction: Instruction, place: string): number[] {
    return instruction.args.map((argument, position) => {
      if (typeof argument === "number") return argument;
      if ("buffer" in argument) return argument.buffer.address as number;
      if ("stepState" in argument) return this.#state;
      const key = `${place}/${position}`;
      let address = this.#scratch.get(key);
      if (address === undefined) {
        address = this.#core.allocate(argument.scratchBytes);
        this.#scratch.set(key, address);
      }
      return address;
    });
  }
}

/** The `worker`-th of `workers` ranges of a split: equal shares in whole units, as far as they go. */
function range(split: Split, worker: number, workers: number): [number, number] {
  if (split.by === "once") return worker === 0 ? [0, 1] : [0, 0];
  const unit = split.by === "rows" ? split.unit : 1;
  const units = Math.ceil(split.count / unit);
  const cut = (w: number) => Math.min(split.count, Math.floor((units * w) / workers) * unit);
  return [cut(worker), cut(worker + 1)];
}
