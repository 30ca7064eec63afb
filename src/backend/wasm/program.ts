/** A recorded program with all addresses resolved: plain data that every worker gets a copy of. */
import { placeBarriers } from "./barriers.js";
import { addressOf, alignUp, isOperand, planMemory } from "./plan.js";
import type { Argument, Instruction, Recorder, Split, Work } from "./recorder.js";
import { STATE_BYTES } from "./state.js";

/** A number as it stands, or an offset into the worker's own block of memory (its step state, then its scratch). */
export type ProgramArgument = number | { readonly ownOffset: number };

export interface Call {
  readonly kernel: string;
  readonly args: readonly ProgramArgument[];
  readonly split: Split;
  /** Workers meet before it. */
  readonly meet: boolean;
  readonly label: string;
  /** Of all operands, each counted once, over all workers: for profiles. */
  readonly bytes: number;
  readonly work?: Work;
}

export interface Program {
  readonly calls: readonly Call[];
  /** Of each worker's own block: step state and scratch. */
  readonly ownBytes: number;
  /** First address after the planned memory. */
  readonly end: number;
}

/** Plans memory from `arena` on, places barriers, resolves addresses. */
export function finishProgram(recorder: Recorder, arena: number): Program {
  const end = planMemory(recorder, arena);
  const meets = placeBarriers(recorder.instructions);
  let ownBytes = STATE_BYTES;
  const calls = recorder.instructions.map((instruction, at) => {
    const { args, bytes } = resolveArguments(instruction);
    ownBytes = Math.max(ownBytes, bytes);
    return {
      kernel: instruction.kernel,
      args,
      split: instruction.split,
      meet: meets[at],
      label: instruction.label,
      bytes: bytesOf(instruction),
      work: instruction.work,
    };
  });
  return { calls, ownBytes, end };
}

function bytesOf({ args }: Instruction): number {
  return args
    .filter(isOperand)
    .reduce((sum, { buffer, touchedBytes = buffer.bytes }) => sum + touchedBytes, 0);
}

/** Several scratch areas of one instruction lie one after another in the worker's block. */
function resolveArguments(instruction: Instruction): { args: ProgramArgument[]; bytes: number } {
  let bytes = STATE_BYTES;
  const args = instruction.args.map((argument: Argument): ProgramArgument => {
    if (typeof argument === "number") return argument;
    if ("buffer" in argument) return addressOf(argument.buffer);
    if ("stepState" in argument) return { ownOffset: 0 };
    const ownOffset = bytes;
    bytes = alignUp(bytes + argument.scratchBytes);
    return { ownOffset };
  });
  return { args, bytes };
}

/** A worker's range of a split; undefined when it has nothing to do. */
export function rangeOf(
  split: Split,
  worker: number,
  workers: number,
): readonly [number, number] | undefined {
  let range: readonly [number, number];
  switch (split.by) {
    case "images":
      range = [share(split.count, worker, workers), share(split.count, worker + 1, workers)];
      break;
    case "rows": {
      const units = Math.ceil(split.count / split.unit);
      const begin = share(units, worker, workers) * split.unit;
      range = [begin, Math.min(share(units, worker + 1, workers) * split.unit, split.count)];
      break;
    }
    case "once":
      range = worker === 0 ? [0, 1] : [0, 0];
      break;
  }
  return range[0] < range[1] ? range : undefined;
}

function share(count: number, worker: number, workers: number): number {
  return Math.floor((count * worker) / workers);
}
