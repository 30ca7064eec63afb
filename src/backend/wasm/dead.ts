/**
 * Instructions whose results nobody reads: gradients of frozen layers, of which backward knows nothing. What has a fixed
 * address is read from outside.
 */
import { isOperand } from "./buffers.js";
import type { Buffer, Instruction } from "./recorder.js";

export function withoutDead(instructions: readonly Instruction[]): Instruction[] {
  const read = new Set<Buffer>();
  const alive = instructions.toReversed().filter(({ args }) => {
    const operands = args.filter(isOperand);
    const written = operands.filter(({ writes }) => writes);
    const isRead = written.some(({ buffer }) => buffer.address !== undefined || read.has(buffer));
    if (written.length > 0 && !isRead) return false;
    for (const { buffer } of operands) read.add(buffer);
    return true;
  });
  return alive.reverse();
}
