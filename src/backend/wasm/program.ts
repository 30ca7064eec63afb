/** A recorded program with all addresses resolved: plain data that every worker gets a copy of. */
import type { Shape } from "../../shape.js";
import { placeBarriers } from "./barriers.js";
import { addressOf, isOperand } from "./buffers.js";
import { withoutDead } from "./dead.js";
import { fuse } from "./fuse.js";
import { inPlace } from "./inPlace.js";
import { alignUp, planMemory } from "./plan.js";
import { splitPrologue } from "./prologue.js";
import type { Argument, Buffer, Instruction, Recorder, Split, Work } from "./recorder.js";
import { schedule } from "./schedule.js";
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
  /** What it writes and can be inspected: float32. */
  readonly outputs: readonly Output[];
}

export interface Output {
  readonly address: number;
  readonly shape: Shape;
  /** Nothing lay there before: gaps that the kernel leaves hold what another buffer left. */
  readonly fresh: boolean;
}

export interface Program {
  /** To run once before the steps: what depends on weights alone, for programs that change none. */
  readonly prologue: readonly Call[];
  readonly calls: readonly Call[];
  /** What calls are labelled with, in the order of the recording. */
  readonly labels: readonly string[];
  /** Of each worker's own block: step state and scratch. */
  readonly ownBytes: number;
  /** First address after the planned memory. */
  readonly end: number;
}

export interface ProgramOptions {
  /** No step changes a weight: what depends on weights alone runs once, before the steps. */
  readonly prologue?: boolean; // false
  /** Fuse also where it does not pay: for tests. */
  readonly everywhere?: boolean; // false
  /** Every instruction as recorded, for tests and measurements. */
  readonly unfused?: boolean; // false
}

/** Leaves out what nobody reads, fuses, orders, plans memory from `arena` on, places barriers, resolves addresses. */
export function finishProgram(recorder: Recorder, arena: number, options: ProgramOptions = {}): Program {
  const planned = new Set(recorder.buffers.filter(({ address }) => address === undefined));
  const { ahead, instructions, lasting } = arrange(recorder.instructions, options);
  const end = planMemory(instructions, arena, lasting);
  const meets = placeBarriers(instructions);
  let ownBytes = STATE_BYTES;
  const calls = instructions.map((instruction, at) => {
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
      outputs: outputsOf(instruction, planned),
    };
  });
  const labels = [...new Set(recorder.instructions.map(({ label }) => label))];
  return { prologue: calls.slice(0, ahead), calls: calls.slice(ahead), labels, ownBytes, end };
}

interface Arrangement {
  /** The prologue, then a step. */
  readonly instructions: readonly Instruction[];
  /** How many of them are the prologue. */
  readonly ahead: number;
  readonly lasting: ReadonlySet<Buffer>;
}

/** What is to run, from what was recorded: the same results, bit for bit. */
export function arrange(
  recorded: readonly Instruction[],
  { prologue = false, unfused = false, everywhere }: ProgramOptions = {},
): Arrangement {
  const alive = unfused ? recorded : withoutDead(recorded);
  const parts = prologue ? splitPrologue(alive) : { prologue: [], steps: alive, lasting: new Set<Buffer>() };
  const { lasting } = parts;
  const ahead = parts.prologue.length;
  if (unfused) return { instructions: [...parts.prologue, ...parts.steps], ahead, lasting };
  const steps = schedule(fuse(parts.steps, { lasting, everywhere }));
  return { instructions: inPlace([...parts.prologue, ...steps], lasting), ahead, lasting };
}

function bytesOf({ args }: Instruction): number {
  return args
    .filter(isOperand)
    .reduce((sum, { buffer, touchedBytes = buffer.bytes }) => sum + touchedBytes, 0);
}

/** @param planned  buffers of the plan that no instruction has named yet; those of this one are taken out */
function outputsOf({ args }: Instruction, planned: Set<Buffer>): Output[] {
  const operands = args.filter(isOperand);
  const outputs = operands
    .filter(({ writes, dataType }) => writes && dataType === "float32")
    .map(({ buffer, shape }) => ({ address: addressOf(buffer), shape, fresh: planned.has(buffer) }));
  for (const { buffer } of operands) planned.delete(buffer);
  return outputs;
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
