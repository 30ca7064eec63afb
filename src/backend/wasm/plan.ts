/**
 * The memory plan: an address for every buffer of a recorded program. Two buffers may share memory when no instruction
 * lies in both lifetimes, a lifetime being the span from the first to the last instruction that names the buffer.
 *
 * Greedy by size: the largest buffer first, each at the lowest address where no neighbour in time lies.
 * Source: Pisarchyk & Lee, "Efficient memory management for deep neural net inference", arXiv:2001.03288, section 5.2.
 */
import type { Buffer, Instruction, Operand } from "./recorder.js";

/** Cache lines: no two buffers share one, so workers on different buffers never contend for it. */
export const ALIGNMENT = 64;

export function alignUp(address: number, alignment = ALIGNMENT): number {
  return Math.ceil(address / alignment) * alignment;
}

interface Placed {
  readonly buffer: Buffer;
  readonly first: number;
  readonly last: number;
}

/**
 * Gives every buffer that has no address yet one at or after `base`.
 * @param lasting  buffers that live from their first instruction to the end of all steps
 * @returns the first address after all of them
 */
export function planMemory(
  instructions: readonly Instruction[],
  base: number,
  lasting: ReadonlySet<Buffer> = new Set(),
): number {
  const waiting = lifetimes(instructions, lasting)
    .filter(({ buffer }) => buffer.address === undefined)
    .sort((a, b) => b.buffer.bytes - a.buffer.bytes || a.buffer.id - b.buffer.id);
  const placed: Placed[] = [];
  let end = base;
  for (const candidate of waiting) {
    const address = lowestFit(candidate, placed, alignUp(base));
    candidate.buffer.address = address;
    placed.push(candidate);
    placed.sort((a, b) => addressOf(a.buffer) - addressOf(b.buffer));
    end = Math.max(end, address + candidate.buffer.bytes);
  }
  return end;
}

/** The address of a planned buffer. */
export function addressOf(buffer: Buffer): number {
  if (buffer.address === undefined)
    throw new Error(`buffer ${buffer.id} is in no instruction: no plan has it`);
  return buffer.address;
}

function lowestFit(candidate: Placed, placed: readonly Placed[], base: number): number {
  let address = base;
  for (const other of placed) {
    if (other.last < candidate.first || other.first > candidate.last) continue;
    if (address + candidate.buffer.bytes <= addressOf(other.buffer)) break;
    address = Math.max(address, alignUp(addressOf(other.buffer) + other.buffer.bytes));
  }
  return address;
}

function lifetimes(instructions: readonly Instruction[], lasting: ReadonlySet<Buffer>): Placed[] {
  const spans = new Map<Buffer, { first: number; last: number }>();
  instructions.forEach((instruction, at) => {
    for (const argument of instruction.args) {
      if (!isOperand(argument)) continue;
      const span = spans.get(argument.buffer);
      if (span) span.last = at;
      else spans.set(argument.buffer, { first: at, last: at });
    }
  });
  return Array.from(spans, ([buffer, { first, last }]) => ({
    buffer,
    first,
    last: lasting.has(buffer) ? instructions.length : last,
  }));
}

export function isOperand(argument: unknown): argument is Operand {
  return typeof argument === "object" && argument !== null && "buffer" in argument;
}
