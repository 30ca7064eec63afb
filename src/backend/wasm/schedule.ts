/**
 * The order in which instructions run: as recorded, but independent ones are brought forward, so that workers meet less
 * often. Branches of a network need nothing of each other: recorded one after another they meet at each of their
 * instructions, side by side at each of the longest branch. No result depends on the order.
 *
 * Up to the next meeting comes whatever can run without one, what was recorded first before the rest. What is computed early
 * has to be kept longer, so only small results are, and not far ahead.
 */
import { type Access, accessesOf, depend, mustMeet } from "./barriers.js";
import { isOperand, overlap } from "./buffers.js";
import type { Buffer, Instruction } from "./recorder.js";

/** A second-level cache. What is larger takes so long that a meeting is nothing to it (docs/speed.md). */
const CACHE_BYTES = 1024 * 1024;
/** What may be computed ahead: half of such a cache and a little, for what is kept longer takes memory; Winograd's planes stay where they are. */
const MOST_AHEAD_BYTES = 540 * 1024;
/** Instructions among which one that can run is looked for: those of a block of Inception's forward. */
const WINDOW = 40;

/** What an instruction has to wait for: earlier ones, by position, and whether workers must meet in between. */
type Waits = ReadonlyMap<number, boolean>;

export function schedule(instructions: readonly Instruction[]): Instruction[] {
  const waits = waitsOf(instructions);
  const little = instructions.map(computesLittle);
  const phases: (number | undefined)[] = instructions.map(() => undefined);
  let phase = 0;
  // Called for each of the window's instructions, for each that is placed: it must make no garbage.
  const runs = (at: number): boolean => {
    for (const [earlier, meet] of waits[at]) {
      const done = phases[earlier];
      if (done === undefined || (meet && done === phase)) return false;
    }
    return true;
  };
  const scheduled: Instruction[] = [];
  for (let first = 0; first < instructions.length; ) {
    const found = nextOf(phases, first, (at) => (at === first || little[at]) && runs(at));
    if (found === undefined) {
      phase++;
      continue;
    }
    phases[found] = phase;
    scheduled.push(instructions[found]);
    while (first < instructions.length && phases[first] !== undefined) first++;
  }
  return scheduled;
}

/** The first instruction from `first` on that has not run and can. */
function nextOf(
  phases: readonly (number | undefined)[],
  first: number,
  runs: (at: number) => boolean,
): number | undefined {
  let seen = 0;
  for (let at = first; at < phases.length && seen <= WINDOW; at++) {
    if (phases[at] !== undefined) continue;
    seen++;
    if (runs(at)) return at;
  }
  return undefined;
}

function computesLittle({ args }: Instruction): boolean {
  const results = args
    .filter(isOperand)
    .filter(({ writes, buffer }) => writes && buffer.address === undefined);
  return results.every(({ buffer }) => buffer.bytes < MOST_AHEAD_BYTES);
}

export function isSmall({ bytes }: Buffer): boolean {
  return bytes < CACHE_BYTES;
}

function waitsOf(instructions: readonly Instruction[]): Waits[] {
  const touching = new Map<Buffer, { readonly at: number; readonly access: Access }[]>();
  const fixed: Buffer[] = [];
  return instructions.map((instruction, at) => {
    const waits = new Map<number, boolean>();
    const accesses = accessesOf(instruction);
    for (const access of accesses) {
      const { buffer } = access;
      const others =
        buffer.address === undefined ? [buffer] : fixed.filter((other) => overlap(other, buffer));
      for (const other of others) {
        for (const earlier of touching.get(other) ?? []) {
          if (!depend(earlier.access, access)) continue;
          waits.set(earlier.at, waits.get(earlier.at) || mustMeet(earlier.access, access));
        }
      }
    }
    for (const access of accesses) {
      const { buffer } = access;
      const touches = touching.get(buffer);
      if (touches) touches.push({ at, access });
      else {
        touching.set(buffer, [{ at, access }]);
        if (buffer.address !== undefined) fixed.push(buffer);
      }
    }
    return waits;
  });
}
