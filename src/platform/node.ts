/** What the library asks of the machine, in Node. src/platform/browser.ts answers the same questions in a page. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

export { type MachineMemory, machineMemory } from "./machineMemory.js";

const TICK_MS = 10; // Linux' unit of processor time

/** How many threads can compute at the same time: the default of `workers`. */
export function availableWorkers(): number {
  return availableParallelism();
}

/** Processor time of one thread of this process; undefined where the system does not tell it. */
export function processorMs(systemId: number): number | undefined {
  if (systemId <= 0) return undefined;
  try {
    const text = readFileSync(`/proc/self/task/${systemId}/stat`, "latin1");
    // After the name in parentheses: state, then eleven numbers, then user and system time.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    return Number.isFinite(ticks) ? ticks * TICK_MS : undefined;
  } catch {
    return undefined;
  }
}

/** In hexadecimal, over all pieces. */
export function sha256(pieces: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
