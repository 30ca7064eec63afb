/** A recorded program in memory of its own, of which single calls can be run: every buffer keeps its contents. */

import { addressOf, isOperand } from "../backend/wasm/buffers.js";
import { instantiateCore, type Kernels, loadCore } from "../backend/wasm/loader.js";
import { alignUp } from "../backend/wasm/plan.js";
import { finishProgram, rangeOf } from "../backend/wasm/program.js";
import type { Recorder, WasmTensor } from "../backend/wasm/recorder.js";
import { STATE_BYTES, STATE_LEARNING_RATE } from "../backend/wasm/state.js";

const PAGE_BYTES = 65536;
const FIRST_ADDRESS = 1024;

export class CallProgram {
  readonly #recorder: Recorder;
  readonly #calls: readonly (() => void)[];
  readonly #bytes: readonly number[];

  private constructor(recorder: Recorder, calls: readonly (() => void)[], bytes: readonly number[]) {
    this.#recorder = recorder;
    this.#calls = calls;
    this.#bytes = bytes;
  }

  /** @param inputs filled with numbers around 1: positive, as variances must be, and neither huge nor denormal */
  static async create(recorder: Recorder, inputs: readonly WasmTensor[]): Promise<CallProgram> {
    let top = FIRST_ADDRESS;
    for (const buffer of recorder.buffers) {
      buffer.address = top;
      top = alignUp(top + buffer.bytes);
    }
    const { calls, ownBytes } = finishProgram(recorder, top);
    const pages = Math.ceil((top + ownBytes) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const kernels: Kernels = instantiateCore(await loadCore(), memory);
    for (const { buffer, dataType } of inputs) {
      if (dataType === "float32") fill(new Float32Array(memory.buffer, addressOf(buffer), buffer.bytes / 4));
    }
    new Float32Array(memory.buffer, top, STATE_BYTES / 4)[STATE_LEARNING_RATE / 4] = 1e-3;
    const bound = calls.map(({ kernel, args, split }) => {
      const numbers = args.map((arg) => (typeof arg === "number" ? arg : top + arg.ownOffset));
      return kernels[kernel].bind(null, ...numbers, ...rangeOf(split, 0, 1)!);
    });
    return new CallProgram(
      recorder,
      bound,
      calls.map(({ bytes }) => bytes),
    );
  }

  run(at: number): void {
    this.#calls[at]();
  }

  runAll(): void {
    for (const call of this.#calls) call();
  }

  bytesOf(at: number): number {
    return this.#bytes[at];
  }

  /** The same for calls that do the same work: kernel, numbers, sizes of operands. */
  keyOf(at: number): string {
    const { kernel, args, split, work } = this.#recorder.instructions[at];
    const parts = args.map((argument) =>
      typeof argument === "number" ? argument : isOperand(argument) ? `b${argument.buffer.bytes}` : "own",
    );
    return [kernel, work?.pass, ...parts, JSON.stringify(split)].join(" ");
  }
}

function fill(values: Float32Array): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = 0.5 + (state >>> 8) * 2 ** -24;
  }
}
