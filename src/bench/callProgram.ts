/** A recorded program in memory of its own, of which single calls can be run: every buffer keeps its contents. */

import { addressOf } from "../backend/wasm/buffers.js";
import { instantiateCore, type Kernels, loadCore } from "../backend/wasm/loader.js";
import { alignUp } from "../backend/wasm/plan.js";
import { type Call, finishProgram, rangeOf } from "../backend/wasm/program.js";
import type { Recorder, WasmTensor } from "../backend/wasm/recorder.js";
import { STATE_BYTES, STATE_LEARNING_RATE } from "../backend/wasm/state.js";

const PAGE_BYTES = 65536;
const FIRST_ADDRESS = 1024;

export class CallProgram {
  /** As they run: not all that were recorded, and in another order. */
  readonly calls: readonly Call[];
  readonly #bound: readonly (() => void)[];

  private constructor(calls: readonly Call[], bound: readonly (() => void)[]) {
    this.calls = calls;
    this.#bound = bound;
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
    return new CallProgram(calls, bound);
  }

  run(at: number): void {
    this.#bound[at]();
  }

  runAll(): void {
    for (const call of this.#bound) call();
  }
}

/** The same for calls that do the same work. */
export function keyOf({ kernel, split, work, bytes }: Call): string {
  return [kernel, work?.pass, work?.flops, bytes, JSON.stringify(split)].join(" ");
}

function fill(values: Float32Array): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = 0.5 + (state >>> 8) * 2 ** -24;
  }
}
