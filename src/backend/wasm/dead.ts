/**
 * Instructions whose results nobody reads: gradients of frozen layers, of which backward knows nothing; and results of which
 * nobody reads one. What has a fixed address is read from outside.
 */
import { isOperand } from "./buffers.js";
import type { Buffer, Instruction } from "./recorder.js";

/** Kernels of two results whose second may be spared: by which kernel, with the same arguments but that, and where it pays. */
const SPARED: Readonly<Record<string, { kernel: string; pays: (numbers: readonly number[]) => boolean }>> = {
  // In inference nobody reads where a maximum was.
  maxPoolForward: {
    kernel: "maxPoolValues",
    pays: ([kernelHeight, kernelWidth, , strideWidth, , padLeft, , , channels]) =>
      kernelHeight === 3 && kernelWidth === 3 && strideWidth === 1 && padLeft <= 1 && channels >= 4,
  },
};

export function withoutDead(instructions: readonly Instruction[]): Instruction[] {
  const read = new Set<Buffer>();
  const isRead = (buffer: Buffer) => buffer.address !== undefined || read.has(buffer);
  const alive: Instruction[] = [];
  for (const instruction of instructions.toReversed()) {
    const written = instruction.args.filter(isOperand).filter(({ writes }) => writes);
    if (written.length > 0 && !written.some(({ buffer }) => isRead(buffer))) continue;
    const kept = withoutSpared(instruction, isRead);
    for (const { buffer } of kept.args.filter(isOperand)) read.add(buffer);
    alive.push(kept);
  }
  return alive.reverse();
}

function withoutSpared(instruction: Instruction, isRead: (buffer: Buffer) => boolean): Instruction {
  const spared = SPARED[instruction.kernel];
  const [first, second, ...rest] = instruction.args;
  if (!spared || !isOperand(second) || isRead(second.buffer)) return instruction;
  if (!spared.pays(rest.filter((argument) => typeof argument === "number"))) return instruction;
  return { ...instruction, kernel: spared.kernel, args: [first, ...rest] };
}
