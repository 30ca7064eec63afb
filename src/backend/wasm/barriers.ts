/**
 * Where workers must meet. An instruction needs a barrier before it when it touches bytes that another worker may have
 * written, or writes bytes that another worker may still read, since the last barrier. Two accesses to one buffer are
 * safe without one when both stay within the worker's own range of the same split: then it is the same worker.
 */
import { addressOf, isOperand } from "./plan.js";
import type { Buffer, Instruction, Split } from "./recorder.js";

interface Access {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly writes: boolean;
  /** Which part of the buffer a worker touches; undefined: anything. */
  readonly partition: string | undefined;
  readonly once: boolean;
}

/** For each instruction, whether workers must meet before it. The buffers must have their addresses. */
export function placeBarriers(instructions: readonly Instruction[]): boolean[] {
  let open: Access[] = [];
  return instructions.map((instruction) => {
    const accesses = accessesOf(instruction);
    const meet = accesses.some((access) => open.some((earlier) => conflict(earlier, access)));
    if (meet) open = [];
    open.push(...accesses);
    return meet;
  });
}

function accessesOf(instruction: Instruction): Access[] {
  return instruction.args.filter(isOperand).map(({ buffer, writes, reach }) => {
    const start = addressOf(buffer);
    return {
      buffer,
      start,
      end: start + buffer.bytes,
      writes,
      partition: reach === "own" ? partitionOf(instruction.split) : undefined,
      once: instruction.split.by === "once",
    };
  });
}

function conflict(a: Access, b: Access): boolean {
  if (!a.writes && !b.writes) return false;
  if (a.start >= b.end || b.start >= a.end) return false;
  if (a.once && b.once) return false; // worker 0 both times
  return !(a.buffer === b.buffer && a.partition !== undefined && a.partition === b.partition);
}

function partitionOf(split: Split): string {
  switch (split.by) {
    case "images":
      return `images ${split.count}`;
    case "rows":
      return `rows ${split.count}/${split.unit}`;
    case "once":
      return "once";
  }
}
