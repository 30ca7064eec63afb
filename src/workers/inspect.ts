/**
 * A step under inspection: after each instruction everything that it wrote is looked at, by all threads, each at its share.
 * It computes the same bits as any other step, only slower, and ends at the first number that is infinite or NaN.
 */
import type { Kernels } from "../backend/wasm/instance.js";
import type { Call, Program } from "../backend/wasm/program.js";
import { sizeOf } from "../shape.js";
import { CONTROL_FINDING, NOTHING_FOUND } from "./control.js";

export interface Inspection {
  readonly thread: number;
  readonly threads: number;
  /** All of the shared memory. */
  readonly words: Int32Array;
  readonly control: number;
  readonly kernels: Kernels;
  /** Before or after the instruction `at`. */
  meet(at: number): void;
  run(call: Call, at: number): void;
}

/** @returns whether all was finite. If not, CONTROL_FINDING says where, the same for any number of threads. */
export function inspectProgram({ calls }: Program, inspection: Inspection): boolean {
  const { thread, threads, words, control, kernels } = inspection;
  const finding = (control + CONTROL_FINDING) >>> 2;
  const share = (count: number, of: number) => Math.floor((count * of) / threads);
  for (const [at, call] of calls.entries()) {
    inspection.meet(at);
    // Gaps that no kernel writes, between planes or panels, hold what another buffer left there.
    for (const { address, shape, fresh } of call.outputs) {
      const size = sizeOf(shape);
      if (fresh)
        words.fill(0, (address >>> 2) + share(size, thread), (address >>> 2) + share(size, thread + 1));
    }
    inspection.meet(at);
    inspection.run(call, at);
    for (const [output, { address, shape }] of call.outputs.entries()) {
      inspection.meet(at);
      const size = sizeOf(shape);
      const end = share(size, thread + 1);
      const index = kernels.firstNonFinite(address, share(size, thread), end);
      if (index < end) takeSmaller(words, finding + 2, index);
      inspection.meet(at);
      if (Atomics.load(words, finding + 2) === NOTHING_FOUND) continue;
      if (thread === 0) {
        words[finding] = at;
        words[finding + 1] = output;
      }
      return false;
    }
  }
  return true;
}

function takeSmaller(words: Int32Array, at: number, value: number): void {
  for (let held = Atomics.load(words, at); value < held; ) {
    const before = Atomics.compareExchange(words, at, held, value);
    if (before === held) return;
    held = before;
  }
}
