/** Small questions about an instruction's arguments and their memory. */
import type { Buffer, Operand } from "./recorder.js";

export function isOperand(argument: unknown): argument is Operand {
  return typeof argument === "object" && argument !== null && "buffer" in argument;
}

/** The address of a planned buffer. */
export function addressOf(buffer: Buffer): number {
  if (buffer.address === undefined)
    throw new Error(`buffer ${buffer.id} is in no instruction: no plan has it`);
  return buffer.address;
}

/** Whether two buffers share bytes: one and the same, or both at addresses that do. */
export function overlap(a: Buffer, b: Buffer): boolean {
  if (a === b) return true;
  if (a.address === undefined || b.address === undefined) return false;
  return a.address < b.address + b.bytes && b.address < a.address + a.bytes;
}
