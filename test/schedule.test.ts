/** The order of a program's instructions: nothing runs before what it needs, and workers meet less often. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { placeBarriers } from "../src/backend/wasm/barriers.js";
import { isOperand } from "../src/backend/wasm/buffers.js";
import { planMemory } from "../src/backend/wasm/plan.js";
import { all, byImages, byRows, type Instruction, out, own, Recorder } from "../src/backend/wasm/recorder.js";
import { schedule } from "../src/backend/wasm/schedule.js";
import { NETWORKS, type NetworkName } from "../src/models/networks.js";
import { CASES, SEED } from "./support/cases.js";
import { randomNetworks, recordPasses } from "./support/randomNetworks.js";

const meetings = (instructions: readonly Instruction[]) => placeBarriers(instructions).filter(Boolean).length;
const recordNetwork = (name: NetworkName, batch = 32) => recordPasses({ graph: NETWORKS[name](), batch });

/** For each instruction, who had written what it touches, in order; instructions go by their place in `recorded`. */
function findings(instructions: readonly Instruction[], recorded: readonly Instruction[]): string[] {
  const places = new Map(recorded.map((instruction, at) => [instruction, at]));
  const writers = new Map<number, number[]>();
  const found: string[] = [];
  for (const instruction of instructions) {
    const place = places.get(instruction)!;
    const operands = instruction.args.filter(isOperand);
    found[place] = JSON.stringify(operands.map(({ buffer }) => writers.get(buffer.id) ?? []));
    for (const { buffer, writes } of operands) {
      if (writes) writers.set(buffer.id, [...(writers.get(buffer.id) ?? []), place]);
    }
  }
  return found;
}

describe("a schedule", () => {
  it("holds every instruction once, each finds in memory what it found as recorded", () => {
    const property = fc.property(randomNetworks, (network) => {
      const recorded = recordPasses(network).instructions;
      const scheduled = schedule(recorded);
      expect(scheduled).toHaveLength(recorded.length);
      expect(findings(scheduled, recorded)).toEqual(findings(recorded, recorded));
    });
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it("does not meet more often than as recorded", () => {
    const property = fc.property(randomNetworks, (network) => {
      const { instructions } = recordPasses(network);
      expect(meetings(schedule(instructions))).toBeLessThanOrEqual(meetings(instructions));
    });
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it("lets two branches meet as often as one", () => {
    const recorder = new Recorder();
    const x = recorder.tensor([2, 8]);
    for (const _branch of [1, 2]) {
      const [a, b, c] = Array.from({ length: 3 }, () => recorder.tensor([2, 8]));
      recorder.record("images", byImages(2), out(a), own(x));
      recorder.record("rows", byRows(8), out(b), all(a));
      recorder.record("images", byImages(2), out(c), all(b));
    }
    expect(meetings(recorder.instructions)).toBe(4);
    const scheduled = schedule(recorder.instructions);
    expect(meetings(scheduled)).toBe(2);
    expect(scheduled.map(({ kernel }) => kernel)).toEqual([
      "images",
      "images",
      "rows",
      "rows",
      "images",
      "images",
    ]);
  });

  it("keeps the order of what shares memory at addresses given", () => {
    const recorder = new Recorder();
    const region = recorder.tensor([4, 8], "float32", 4096);
    const part = recorder.tensor([2, 8], "float32", 4096 + 32);
    const [a, b] = [recorder.tensor([4, 8]), recorder.tensor([4, 8])];
    recorder.record("first", byImages(2), out(part), own(a));
    recorder.record("second", byImages(4), out(b), own(region));
    recorder.record("third", byImages(2), out(part), own(b));
    expect(schedule(recorder.instructions)).toEqual(recorder.instructions);
  });

  it("of Inception10 meets less than half as often, for a thirtieth more memory at most", () => {
    const plan = (instructions: readonly Instruction[]) => {
      const bytes = planMemory(instructions, 0);
      return { bytes, meetings: meetings(instructions) };
    };
    const before = plan(recordNetwork("inception10").instructions);
    const after = plan(schedule(recordNetwork("inception10").instructions));
    expect(after.meetings * 2).toBeLessThan(before.meetings);
    expect(after.bytes).toBeLessThan(before.bytes * 1.03);
  });
});

describe("the memory plan", () => {
  it("makes workers meet for no small buffer's memory", () => {
    for (const name of ["lenet5", "baseline"] as const) {
      const instructions = schedule(recordNetwork(name, 4).instructions);
      const unplanned = placeBarriers(instructions);
      planMemory(instructions, 0);
      expect(placeBarriers(instructions), name).toEqual(unplanned);
    }
  });
});
