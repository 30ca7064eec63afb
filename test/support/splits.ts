/** Runs a kernel on its whole range and on parts of it, out of order and empty ones too: the bits must be the same. */
import { expect } from "vitest";
import type { Core } from "./kernels.js";

/** Cuts of [0, count) into ranges, in an order that no sum could survive if it crossed them. */
function ranges(count: number, unit: number): [number, number][] {
  const cut = Math.min(count, Math.ceil(count / 3 / unit) * unit);
  const second = Math.min(count, Math.ceil((count * 3) / 4 / unit) * unit);
  return [
    [second, count],
    [cut, cut],
    [0, cut],
    [cut, Math.max(cut, second)],
  ];
}

/**
 * @param outputs  bytes of each output buffer
 * @param run      calls the kernel on output addresses and a range
 * @returns        the outputs' addresses after the whole run
 */
export function expectSameBits(
  core: Core,
  outputs: readonly number[],
  count: number,
  run: (addresses: number[], begin: number, end: number) => void,
  unit = 1,
): number[] {
  const whole = outputs.map((bytes) => core.allocate(bytes));
  const parts = outputs.map((bytes) => core.allocate(bytes));
  run(whole, 0, count);
  for (const [begin, end] of ranges(count, unit)) run(parts, begin, end);
  core.checkGuards();
  outputs.forEach((bytes, i) => {
    expect(core.bytes(parts[i], bytes)).toEqual(core.bytes(whole[i], bytes));
  });
  return whole;
}
