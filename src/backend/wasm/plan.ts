/**
 * The memory plan: an address for every buffer of a recorded program. Two buffers may share memory when no instruction
 * lies in both lifetimes, a lifetime being the span from the first to the last instruction that names the buffer. A small
 * buffer's span goes from meeting to meeting of the workers: where it took over another's memory in between, they would have
 * to meet for that alone.
 *
 * Greedy by size: the largest buffer first, each at the lowest address where no neighbour in time lies.
 * Source: Pisarchyk & Lee, "Efficient memory management for deep neural net inference", arXiv:2001.03288, section 5.2.
 */
import { placeBarriers } from "./barriers.js";
import { addressOf, isOperand } from "./buffers.js";
import type { Buffer, Instruction } from "./recorder.js";
import { isSmall } from "./schedule.js";

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
  const phases = phasesOf(instructions);
  return Array.from(spans, ([buffer, span]) => {
    const first = isSmall(buffer) ? phases[span.first].first : span.first;
    const last = isSmall(buffer) ? phases[span.last].last : span.last;
    return { buffer, first, last: lasting.has(buffer) ? instructions.length : last };
  });
}

/** For each instruction the first and the last one between the same two meetings, if all buffers had memory of their own. */
function phasesOf(instructions: readonly Instruction[]): { first: number; last: number }[] {
  const meets = placeBarriers(instructions);
  let phase = { first: 0, last: 0 };
  return instructions.map((_, at) => {
    if (meets[at]) phase = { first: at, last: at };
    phase.last = at;
    return phase;
  });
}
