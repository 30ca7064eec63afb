/**
 * Results that are computed where an input lies. Where a kernel allows it and nobody reads that input again, the result
 * takes over the input's buffer: less memory, and one stream less through the caches.
 */
import { isOperand } from "./buffers.js";
import type { Argument, Buffer, Instruction } from "./recorder.js";

/** By kernel: which arguments the first one, the output, may lie on. As their heads in assembly/ say. */
export const MAY_ALIAS: Readonly<Record<string, readonly number[]>> = {
  addForward: [1, 2],
  addReluForward: [1, 2],
  addReluBackward: [1, 2, 3],
  reluForward: [1],
  reluBackward: [1, 2],
  leakyReLUForward: [1],
  leakyReLUBackward: [1, 2],
  sigmoidForward: [1],
  sigmoidBackward: [1, 2],
  tanhForward: [1],
  tanhBackward: [1, 2],
  softmaxForward: [1],
  softmaxBackward: [1, 2],
  dropoutForward: [2],
  dropoutBackward: [2],
  normalizeForward: [1],
  normalizeReluForward: [1],
  normalizeAddForward: [1, 2],
  normalizeAddReluForward: [1, 2],
  batchNormalizationBackward: [1, 2],
  batchNormalizationReluBackward: [1, 2],
  normalizeBackward: [1],
};

/**
 * The same instructions, with a result renamed to the input that it replaces. Buffers that have an address keep what they
 * hold, and so do those in `lasting`, which later steps read again.
 */
export function inPlace(
  instructions: readonly Instruction[],
  lasting: ReadonlySet<Buffer> = new Set(),
): Instruction[] {
  const lastUses = new Map<Buffer, number>();
  const firstUses = new Map<Buffer, number>();
  instructions.forEach(({ args }, at) => {
    for (const { buffer } of args.filter(isOperand)) {
      if (!firstUses.has(buffer)) firstUses.set(buffer, at);
      lastUses.set(buffer, at);
    }
  });
  const renamed = new Map<Buffer, Buffer>();
  const free = (buffer: Buffer) => buffer.address === undefined && !lasting.has(buffer);
  return instructions.map((instruction, at) => {
    const args = instruction.args.map((argument) => rename(argument, renamed));
    const [output] = args;
    if (isOperand(output) && free(output.buffer) && firstUses.get(output.buffer) === at) {
      const positions = MAY_ALIAS[instruction.kernel] ?? [];
      for (const position of positions) {
        const input = args[position];
        if (!isOperand(input) || input.reach !== "own" || output.reach !== "own") continue;
        const { buffer } = input;
        if (!free(buffer) || buffer.bytes !== output.buffer.bytes || lastUses.get(buffer) !== at) continue;
        if (args.some((other, i) => isOperand(other) && other.buffer === buffer && !positions.includes(i)))
          continue;
        lastUses.set(buffer, lastUses.get(output.buffer)!);
        renamed.set(output.buffer, buffer);
        args[0] = { ...output, buffer };
        break;
      }
    }
    return { ...instruction, args };
  });
}

function rename(argument: Argument, renamed: ReadonlyMap<Buffer, Buffer>): Argument {
  if (!isOperand(argument)) return argument;
  const buffer = renamed.get(argument.buffer);
  return buffer ? { ...argument, buffer } : argument;
}
