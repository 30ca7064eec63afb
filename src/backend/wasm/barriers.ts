/**
 * Where workers must meet. An instruction needs a barrier before it when it touches bytes that another worker may have
 * written, or writes bytes that another worker may still read, since the last barrier. Two accesses to one buffer are
 * safe without one when both stay within the worker's own range of the same split: then it is the same worker.
 */
import { isOperand, overlap } from "./buffers.js";
import type { Buffer, Instruction, Split } from "./recorder.js";

export interface Access {
  readonly buffer: Buffer;
  readonly writes: boolean;
  /** Which part of the buffer a worker touches; undefined: anything. */
  readonly partition: string | undefined;
  readonly once: boolean;
}

/**
 * For each instruction, whether workers must meet before it. Of buffers without an address it is assumed that each will
 * have memory of its own.
 */
export function placeBarriers(instructions: readonly Instruction[]): boolean[] {
  let open: Access[] = [];
  return instructions.map((instruction) => {
    const accesses = accessesOf(instruction);
    const meet = accesses.some((access) => open.some((earlier) => mustMeet(earlier, access)));
    if (meet) open = [];
    open.push(...accesses);
    return meet;
  });
}

export function accessesOf({ args, split }: Instruction): Access[] {
  return args.filter(isOperand).map(({ buffer, writes, reach }) => ({
    buffer,
    writes,
    partition: reach === "own" ? partitionOf(split) : undefined,
    once: split.by === "once",
  }));
}

/** Whether the order of two accesses matters. */
export function depend(a: Access, b: Access): boolean {
  return (a.writes || b.writes) && overlap(a.buffer, b.buffer);
}

/** Whether it matters between workers: one alone keeps it. */
export function mustMeet(a: Access, b: Access): boolean {
  if (!depend(a, b)) return false;
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
