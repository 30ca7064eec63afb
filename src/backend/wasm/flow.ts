/** A recorded program while rules replace its instructions: what they ask of it. */
import { isOperand, overlap } from "./buffers.js";
import type { Buffer, Instruction, Operand } from "./recorder.js";

/** A program as who touches what, while instructions are replaced. Positions stay those of the recording. */
export class Flow {
  readonly #slots: (Instruction | undefined)[];
  readonly #uses = new Map<Buffer, Set<number>>();
  readonly #lasting: ReadonlySet<Buffer>;

  constructor(instructions: readonly Instruction[], lasting: ReadonlySet<Buffer>) {
    this.#slots = instructions.map(() => undefined);
    this.#lasting = lasting;
    for (const [at, instruction] of instructions.entries()) this.set(at, instruction);
  }

  instructions(): Instruction[] {
    return this.#slots.filter((instruction) => instruction !== undefined);
  }

  at(position: number): Instruction | undefined {
    return this.#slots[position];
  }

  positionsOf(kernel: string): number[] {
    return [...this.#slots.keys()].filter((at) => this.#slots[at]?.kernel === kernel);
  }

  /** Where a buffer is touched, in order. */
  uses(buffer: Buffer): number[] {
    return [...(this.#uses.get(buffer) ?? [])].sort((a, b) => a - b);
  }

  /** Whether a buffer is wanted beyond what the instructions say. */
  stays(buffer: Buffer): boolean {
    return buffer.address !== undefined || this.#lasting.has(buffer);
  }

  /** Whether no instruction between two positions writes any of these. */
  unchanged(operands: readonly Operand[], from: number, to: number): boolean {
    return operands.every(({ buffer }) => this.writersOf(buffer, from, to).length === 0);
  }

  /** The instructions between two positions that write bytes of a buffer. */
  writersOf(buffer: Buffer, from: number, to: number): Instruction[] {
    return this.#slots
      .slice(from + 1, to)
      .filter((instruction) => instruction !== undefined)
      .filter(({ args }) =>
        args.some((other) => isOperand(other) && other.writes && overlap(other.buffer, buffer)),
      );
  }

  set(at: number, instruction: Instruction | undefined): void {
    for (const { buffer } of this.#slots[at]?.args.filter(isOperand) ?? [])
      this.#uses.get(buffer)!.delete(at);
    this.#slots[at] = instruction;
    for (const { buffer } of instruction?.args.filter(isOperand) ?? []) {
      const uses = this.#uses.get(buffer);
      if (uses) uses.add(at);
      else this.#uses.set(buffer, new Set([at]));
    }
  }
}

export function inputsOf({ args }: Instruction): Operand[] {
  return args.filter(isOperand).filter(({ writes }) => !writes);
}

export function sameSplit(a: Instruction, b: Instruction): boolean {
  return JSON.stringify(a.split) === JSON.stringify(b.split);
}
