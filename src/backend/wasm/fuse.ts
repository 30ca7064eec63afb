/**
 * Fusion: neighbouring instructions of a recorded program, replaced by one that goes through memory once. Layers know
 * nothing of it. A fused kernel computes the very numbers of those that it replaces, in their order, so a fused program
 * gives the same bits: test/fuse.test.ts runs both. What is read elsewhere, or has an address of its own, stays.
 *
 * A pair is one rule: a producer whose result only the consumer reads. Rules of more than two instructions are functions.
 */
import { fuseBands } from "./bands.js";
import { isOperand } from "./buffers.js";
import { Flow, inputsOf, sameSplit } from "./flow.js";
import type { Argument, Buffer, Instruction, Operand, Scratch } from "./recorder.js";

/** `consumer` reads what `producer` wrote, its first argument, at `position`. */
interface PairRule {
  readonly producer: string;
  readonly consumer: string;
  readonly position: number;
  readonly fused: string;
  /** The fused kernel's arguments from those of the two. */
  readonly args: (producer: readonly Argument[], consumer: readonly Argument[]) => Argument[];
}

/** The consumer reluForward(y, x, size), as an epilogue of x's producer: the same arguments, but y is written. */
function reluAfter(producer: string, fused: string): PairRule {
  return { producer, consumer: "reluForward", position: 1, fused, args: ([, ...rest], [y]) => [y, ...rest] };
}

/** addForward(y, a, b, size) with normalizeForward(a, x, …) or normalizeForward(b, x, …). */
function normalizeInto(position: 1 | 2): PairRule {
  return {
    producer: "normalizeForward",
    consumer: "addForward",
    position,
    fused: "normalizeAddForward",
    args: ([, x, ...rest], add) => [add[0], x, add[3 - position], ...rest],
  };
}

/** In order: a later rule sees what an earlier one made. A convolution with an activation of its own goes here too. */
const PAIR_RULES: readonly PairRule[] = [
  normalizeInto(1),
  normalizeInto(2),
  reluAfter("normalizeForward", "normalizeReluForward"),
  reluAfter("normalizeAddForward", "normalizeAddReluForward"),
  reluAfter("addForward", "addReluForward"),
  {
    // Where branches meet behind a relu: reluBackward(dX, y, dY, size) of addForward(dY, a, b, size).
    producer: "addForward",
    consumer: "reluBackward",
    position: 2,
    fused: "addReluBackward",
    args: ([, a, b], [dX, y, , size]) => [dX, y, a, b, size],
  },
];

/** From this size of x on, backward's fused passes pay (0.95 of the time; 1.2 where x stays in the second-level cache). */
const LEAST_GRADIENT_BYTES = 4 * 1024 * 1024;

export interface FuseOptions {
  /** What later steps read. */
  readonly lasting?: ReadonlySet<Buffer>;
  /** Also where it does not pay: for tests. */
  readonly everywhere?: boolean; // false
}

export function fuse(
  instructions: readonly Instruction[],
  { lasting = new Set(), everywhere = false }: FuseOptions = {},
): Instruction[] {
  const flow = new Flow(instructions, lasting);
  for (const rule of PAIR_RULES) fusePairs(flow, rule);
  fuseReluGradients(flow, everywhere ? 0 : LEAST_GRADIENT_BYTES);
  fuseBands(flow);
  return flow.instructions();
}

function fusePairs(flow: Flow, { producer, consumer, position, fused, args }: PairRule): void {
  for (const at of flow.positionsOf(consumer)) {
    const second = flow.at(at)!;
    const input = second.args[position] as Operand;
    const uses = flow.uses(input.buffer);
    const first = flow.at(uses[0])!;
    if (first.kernel !== producer || uses.length !== 2 || flow.stays(input.buffer)) continue;
    if (!isOperand(first.args[0]) || first.args[0].buffer !== input.buffer || !sameSplit(first, second))
      continue;
    if (second.args.filter((argument) => isOperand(argument) && argument.buffer === input.buffer).length > 1)
      continue;
    if (!flow.unchanged(inputsOf(first), uses[0], at)) continue;
    flow.set(uses[0], undefined);
    flow.set(at, { ...second, kernel: fused, args: args(first.args, second.args) });
  }
}

/**
 * Backward through relu(normalize(x)): dZ = y > 0 ? dY : 0 is read by the sums of dZ and dZ·xHat, then by dX. The sign of
 * y is found again from x, with the very operations of forward, so neither dZ nor y passes through memory:
 *   normalizeReluForward(y, x, mean, variance, gamma, beta, …)
 *   reluBackward(dZ, y, dY, size)                                       nothing
 *   normalizeGradientsInImages(dBetas, dGammas, x, dZ, mean, …)         normalizeReluGradientsInImages(…, dY, …)
 *   batchNormalizationBackward(dX, x, dZ, mean, …)                      batchNormalizationReluBackward(…, dY, …)
 */
function fuseReluGradients(flow: Flow, leastBytes: number): void {
  for (const at of flow.positionsOf("reluBackward")) {
    const [dZ, y, dY] = flow.at(at)!.args as Operand[];
    const [forwardAt] = flow.uses(y.buffer);
    const forward = flow.at(forwardAt)!;
    const [, sumsAt, backwardAt, ...others] = flow.uses(dZ.buffer);
    if (forward.kernel !== "normalizeReluForward" || backwardAt === undefined || others.length > 0) continue;
    const sums = flow.at(sumsAt)!;
    const backward = flow.at(backwardAt)!;
    if (sums.kernel !== "normalizeGradientsInImages" || backward.kernel !== "batchNormalizationBackward") {
      continue;
    }
    const [, x, mean, variance, gamma, beta, scratch] = forward.args as (Operand & Scratch)[];
    const sameNormalization = reads(sums, 2, [x, dZ, mean]) && reads(backward, 1, [x, dZ, mean]);
    if (!sameNormalization || flow.stays(dZ.buffer) || x.buffer.bytes < leastBytes) continue;
    if (!flow.unchanged([x, mean, variance, gamma, beta], forwardAt, backwardAt)) continue;
    if (!flow.unchanged([dY], at, backwardAt)) continue;
    const normalization: Argument[] = [dY, mean, variance, gamma, beta];
    // Forward has two periods of scratch.
    const periods = (count: number): Scratch => ({ scratchBytes: (scratch.scratchBytes / 2) * count });
    const [dBetas, dGammas, , , , , , ...sumsNumbers] = sums.args;
    const [dX, , , , , , dGamma, dBeta, , ...backwardNumbers] = backward.args;
    flow.set(at, undefined);
    flow.set(sumsAt, {
      ...sums,
      kernel: "normalizeReluGradientsInImages",
      args: [dBetas, dGammas, x, ...normalization, periods(6), ...sumsNumbers],
    });
    flow.set(backwardAt, {
      ...backward,
      kernel: "batchNormalizationReluBackward",
      args: [dX, x, ...normalization, dGamma, dBeta, periods(4), ...backwardNumbers],
    });
  }
}

/** Whether an instruction's arguments from `position` on are these. */
function reads({ args }: Instruction, position: number, operands: readonly Operand[]): boolean {
  return operands.every(({ buffer }, i) => {
    const argument = args[position + i];
    return isOperand(argument) && argument.buffer === buffer;
  });
}
