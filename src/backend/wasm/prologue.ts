/**
 * What a program computes from weights alone comes out the same in every step, as long as no step changes them: it runs
 * once, before the steps. So an evaluation packs, transforms and folds each kernel once, not for every batch.
 */
import { isOperand, overlap } from "./buffers.js";
import type { Buffer, Instruction, Operand } from "./recorder.js";

export interface Parts {
  readonly prologue: readonly Instruction[];
  readonly steps: readonly Instruction[];
  /** What the steps read of the prologue's results: these last as long as the program. */
  readonly lasting: ReadonlySet<Buffer>;
}

/**
 * An instruction varies from step to step when it reads the step state or anything that varies, or touches memory of a
 * fixed address that the program writes. All others make the prologue; the order stays.
 */
export function splitPrologue(instructions: readonly Instruction[]): Parts {
  const operands = new Map(
    instructions.map((instruction) => [instruction, instruction.args.filter(isOperand)]),
  );
  const touched = new Set([...operands.values()].flat().map(({ buffer }) => buffer));
  const written = [...operands.values()].flat().filter(({ writes }) => writes);
  const fixed = written.filter(({ buffer }) => buffer.address !== undefined);
  const varying = new Set(
    [...touched].filter((buffer) => fixed.some((write) => overlap(write.buffer, buffer))),
  );
  const steps = new Set<Instruction>();
  for (let before = -1; before !== steps.size; ) {
    before = steps.size;
    for (const [instruction, mine] of operands) {
      if (steps.has(instruction)) continue;
      const readsState = instruction.args.some(
        (argument) => typeof argument === "object" && "stepState" in argument,
      );
      if (!readsState && !mine.some(({ buffer }) => varying.has(buffer))) continue;
      steps.add(instruction);
      for (const { buffer, writes } of mine) if (writes) varying.add(buffer);
    }
  }
  const prologue = instructions.filter((instruction) => !steps.has(instruction));
  const constants = new Set(
    prologue.flatMap((instruction) => buffersOf(operands.get(instruction)!.filter(({ writes }) => writes))),
  );
  const read = new Set([...steps].flatMap((instruction) => buffersOf(operands.get(instruction)!)));
  return {
    prologue,
    steps: instructions.filter((instruction) => steps.has(instruction)),
    lasting: new Set([...constants].filter((buffer) => read.has(buffer))),
  };
}

function buffersOf(operands: readonly Operand[]): Buffer[] {
  return operands.map(({ buffer }) => buffer);
}
