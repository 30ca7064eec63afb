/** Memory is refused before it fails: with the figure, and with the largest batch that would fit. */
import { machineMemory } from "#platform";
import { OptionError, WorkerError } from "../errors.js";

const PAGE_BYTES = 65536;
/** What 32-bit addresses reach. */
const MAX_BYTES = 2 ** 32;

export interface MemoryNeeds {
  /** Of the shared memory. */
  readonly memoryBytes: number;
  /** Beside it: the copies that a bad step is undone from. */
  readonly heldBytes: number;
}

/**
 * @param needsOf  of any batch size: a plan
 * @throws OptionError when it is more than 4 GiB or more than the machine has
 */
export function allocateMemory(
  { name, batchSize }: { readonly name: string; readonly batchSize: number },
  needsOf: (batchSize: number) => MemoryNeeds,
): WebAssembly.Memory {
  const { memoryBytes, heldBytes } = needsOf(batchSize);
  if (memoryBytes > MAX_BYTES) {
    const largest = largestBatch(batchSize, (batch) => needsOf(batch).memoryBytes <= MAX_BYTES);
    throw new OptionError(
      `${name}: batch size ${batchSize} needs ${gibibytes(memoryBytes)} with its data; WebAssembly can address 4 GiB. ` +
        advice(largest),
    );
  }
  const machine = machineMemory();
  if (memoryBytes + heldBytes > machine.bytes) {
    const largest = largestBatch(batchSize, (batch) => {
      const needs = needsOf(batch);
      return needs.memoryBytes + needs.heldBytes <= machine.bytes;
    });
    throw new OptionError(
      `${name}: batch size ${batchSize} needs ${gibibytes(memoryBytes + heldBytes)} with its data; ` +
        `${gibibytes(machine.bytes)} are ${machine.meaning}. ${advice(largest)}`,
    );
  }
  const pages = Math.ceil(memoryBytes / PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new WorkerError(
      `${gibibytes(memoryBytes)} of memory could not be had: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

/** The largest batch below `batchSize` that fits, by bisection; 0 when not even one image does. */
function largestBatch(batchSize: number, fits: (batch: number) => boolean): number {
  let fitting = 0;
  let failing = batchSize;
  while (failing - fitting > 1) {
    const middle = Math.floor((fitting + failing) / 2);
    if (fits(middle)) fitting = middle;
    else failing = middle;
  }
  return fitting;
}

function advice(largest: number): string {
  return largest > 0
    ? `The largest batch that fits is ${largest}.`
    : "Not even a batch of one image fits: use less data (--limit) or a narrower network (--width).";
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
