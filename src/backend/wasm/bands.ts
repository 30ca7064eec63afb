/**
 * Concatenations without copies. A concatenation is recorded as a copy of each input into its band of channels, its gradient
 * as a copy of each band. Where relu made the input, or reads the band's gradient, it works on the band instead:
 *   reluForward(y, x, …)            nothing
 *   copyChannels(Y, y, …)           reluForwardIntoBand(Y, x, …)
 *   copyChannels(dY, dAll, …)       reluBackwardOfBands(dX, Y, dAll, …)
 *   reluBackward(dX, y, dY, …)      nothing
 * and the same with normalizeReluForward. Then y lies in the concatenation alone, where backward finds it again.
 */
import { overlap } from "./buffers.js";
import { type Flow, inputsOf, sameSplit } from "./flow.js";
import type { Argument, Instruction, Operand } from "./recorder.js";

interface Band {
  /** [N, …, channels], of which the channels from `first` on are meant. */
  readonly tensor: Operand;
  readonly first: number;
  readonly channels: number;
}

interface Copy {
  readonly to: Band;
  readonly from: Band;
  readonly count: number;
  readonly positions: number;
}

/** By producer of a concatenation's input: the kernel that writes a band, its arguments before and after the band's two. */
const INTO_BAND: Readonly<Record<string, (args: readonly Argument[], copy: Copy) => Pieces | undefined>> = {
  reluForward([, x, size], { count, positions }) {
    return size === count * positions
      ? { kernel: "reluForwardIntoBand", inputs: [x], sizes: [count, positions] }
      : undefined;
  },
  normalizeReluForward([, ...inputs], copy) {
    const [positions, channels] = inputs.splice(-2);
    return channels === copy.count && positions === copy.positions
      ? { kernel: "normalizeReluForwardIntoBand", inputs, sizes: [channels, positions] }
      : undefined;
  },
};

interface Pieces {
  readonly kernel: string;
  readonly inputs: readonly Argument[];
  readonly sizes: readonly Argument[];
}

export function fuseBands(flow: Flow): void {
  for (const at of flow.positionsOf("copyChannels")) fuseInput(flow, at);
  for (const at of flow.positionsOf("copyChannels")) fuseGradient(flow, at);
}

/** The copy at `at` and relu before it; and relu's gradient, which then reads the band. */
function fuseInput(flow: Flow, at: number): void {
  const copying = flow.at(at)!;
  const copy = copyOf(copying);
  const { to, from } = copy;
  if (!isWhole(from, copy) || flow.stays(from.tensor.buffer)) return;
  const [madeAt, copiedAt, gatedAt, ...others] = flow.uses(from.tensor.buffer);
  const made = flow.at(madeAt)!;
  const pieces = INTO_BAND[made.kernel]?.(made.args, copy);
  if (!pieces || copiedAt !== at || others.length > 0) return;
  const [y] = made.args as Operand[];
  if (y.buffer !== from.tensor.buffer || !sameSplit(made, copying)) return;
  const xs = inputsOf(made);
  if (!flow.unchanged(xs, madeAt, at) || xs.some(({ buffer }) => overlap(buffer, to.tensor.buffer))) return;
  if (gatedAt !== undefined) {
    const gate = flow.at(gatedAt)!;
    const [dX, gated, dY, size] = gate.args as (Operand & number)[];
    const reads = gate.kernel === "reluBackward" && gated.buffer === y.buffer && dY.buffer !== y.buffer;
    if (!reads || size !== copy.count * copy.positions || !sameSplit(gate, copying)) return;
    if (!bandUnchanged(flow, copy, at, gatedAt) || overlap(dX.buffer, to.tensor.buffer)) return;
    flow.set(gatedAt, gradientOf(gate, dX, to, { tensor: dY, first: 0, channels: copy.count }, copy));
  }
  flow.set(madeAt, undefined);
  const { kernel, inputs, sizes } = pieces;
  flow.set(at, {
    ...made,
    kernel,
    args: [operandOf(to, copy, true), ...inputs, to.first, to.channels, ...sizes],
  });
}

/** The copy at `at` out of a concatenation's gradient, and relu's gradient of it. */
function fuseGradient(flow: Flow, at: number): void {
  const copying = flow.at(at)!;
  const copy = copyOf(copying);
  const { to, from } = copy;
  const dY = to.tensor.buffer;
  if (!isWhole(to, copy) || flow.stays(dY)) return;
  const [copiedAt, gatedAt, ...others] = flow.uses(dY);
  if (copiedAt !== at || gatedAt === undefined || others.length > 0) return;
  const gate = flow.at(gatedAt)!;
  const y = gateOf(gate, copy);
  const [dX, , gatedGradient] = gate.args as Operand[];
  if (!y || gatedGradient.buffer !== dY || y.tensor.buffer === dY || !sameSplit(gate, copying)) return;
  // The gate is computed where the copy was, so its result must not be in use yet, nor its other input still to be written.
  if (flow.stays(dX.buffer) || flow.uses(dX.buffer)[0] !== gatedAt) return;
  if (!flow.unchanged([y.tensor], at, gatedAt)) return;
  flow.set(gatedAt, undefined);
  flow.set(at, gradientOf(gate, dX, y, from, copy));
}

function gradientOf(gate: Instruction, dX: Operand, y: Band, dY: Band, copy: Copy): Instruction {
  const { count, positions } = copy;
  const bands = [y.first, y.channels, dY.first, dY.channels];
  return {
    ...gate,
    kernel: "reluBackwardOfBands",
    args: [dX, operandOf(y, copy, false), operandOf(dY, copy, false), ...bands, count, positions],
  };
}

/** The gate y of a gradient that reads dY as a whole; undefined if the instruction is none. */
function gateOf({ kernel, args }: Instruction, { count, positions }: Copy): Band | undefined {
  const [, tensor, , ...numbers] = args as [Operand, Operand, Operand, ...number[]];
  if (kernel === "reluBackward")
    return numbers[0] === count * positions ? { tensor, first: 0, channels: count } : undefined;
  if (kernel !== "reluBackwardOfBands") return undefined;
  const [first, channels, dYFirst, dYChannels] = numbers;
  const whole = dYFirst === 0 && dYChannels === count && numbers[4] === count && numbers[5] === positions;
  return whole ? { tensor, first, channels } : undefined;
}

function copyOf({ args }: Instruction): Copy {
  const [y, x] = args as Operand[];
  const [yFirst, yChannels, xFirst, xChannels, count, positions] = args.slice(2) as number[];
  return {
    to: { tensor: y, first: yFirst, channels: yChannels },
    from: { tensor: x, first: xFirst, channels: xChannels },
    count,
    positions,
  };
}

function isWhole({ first, channels }: Band, { count }: Copy): boolean {
  return first === 0 && channels === count;
}

/** Whether nothing between two positions writes the band that is copied to: other bands of the same tensor may be written. */
function bandUnchanged(flow: Flow, { to, count }: Copy, from: number, until: number): boolean {
  return flow.writersOf(to.tensor.buffer, from, until).every((instruction) => {
    const band = writtenBand(instruction);
    if (!band || band.tensor.buffer !== to.tensor.buffer || band.channels !== to.channels) return false;
    return band.first + band.count <= to.first || to.first + count <= band.first;
  });
}

/** The band that an instruction writes, if it writes no more. */
function writtenBand({ kernel, args }: Instruction): (Band & { readonly count: number }) | undefined {
  if (kernel === "copyChannels") {
    const { to, count } = copyOf({ args } as Instruction);
    return { ...to, count };
  }
  if (!kernel.endsWith("IntoBand")) return undefined;
  const [first, channels, count] = args.slice(-4) as number[];
  return { tensor: args[0] as Operand, first, channels, count };
}

/** Of a band's tensor all workers together touch the band alone: for profiles. */
function operandOf({ tensor, channels }: Band, { count }: Copy, writes: boolean): Operand {
  return { ...tensor, writes, touchedBytes: (tensor.buffer.bytes / channels) * count };
}
