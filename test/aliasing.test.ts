/** Kernels whose contract says that their output may lie on an input: it must change nothing, for any shape. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wasmBackend } from "../src/backend/wasm/backend.js";
import { fuse } from "../src/backend/wasm/fuse.js";
import { MAY_ALIAS } from "../src/backend/wasm/inPlace.js";
import { type Argument, type Instruction, Recorder } from "../src/backend/wasm/recorder.js";
import { STATE_BYTES } from "../src/backend/wasm/state.js";
import { FULL, outputShape, specsOf } from "../src/verify/description.js";
import { DESCRIPTIONS } from "../src/verify/descriptions/index.js";
import type { LayerCase } from "../src/verify/layer.js";
import { randomValues } from "./support/arrays.js";
import { CASES, SEED } from "./support/cases.js";
import { Core } from "./support/kernels.js";
import { type RandomNetwork, randomNetworks, recordPasses } from "./support/randomNetworks.js";

const core = new Core();

/** Every instruction that a layer records, forward and backward. */
function instructionsOf(given: LayerCase): Instruction[] {
  const { layer, options, inputs, batch } = given;
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const xs = inputs.map((shape) => recorder.tensor([batch, ...shape]));
  const parameters = Object.fromEntries(
    Object.entries(specsOf(given)).map(([name, { shape }]) => [name, recorder.tensor(shape)]),
  );
  const { cache } = layer.forward(backend, xs, parameters, options, { training: true, stream: 0 });
  const dY = recorder.tensor([batch, ...outputShape(given)]);
  layer.backward(backend, dY, parameters, cache, options, { dX: true, inputs });
  return recorder.instructions;
}

/** The fused ones of a network's training. */
function fusedInstructionsOf(network: RandomNetwork): Instruction[] {
  const { instructions } = recordPasses(network);
  return fuse(instructions, { everywhere: true }).filter(
    (instruction) => !instructions.includes(instruction),
  );
}

/** The output's bytes, with the output on argument `on`, or alone. */
function run({ kernel, args, split }: Instruction, on: number | undefined): Uint8Array {
  core.reset();
  const bytesOf = (argument: Argument) =>
    typeof argument === "object" && "buffer" in argument ? argument.buffer.bytes : 0;
  const address = (argument: Argument, i: number): number => {
    if (typeof argument === "number") return argument;
    if ("scratchBytes" in argument) return core.allocate(argument.scratchBytes);
    if ("stepState" in argument) return core.put(new Uint8Array(STATE_BYTES));
    // Positive, as variances must be.
    const values = randomValues(Math.ceil(argument.buffer.bytes / 4), i).map((value) => 1 + value / 2);
    return argument.buffer.bytes % 4 === 0
      ? core.putFloats(values)
      : core.put(Uint8Array.from({ length: argument.buffer.bytes }, (_, k) => k % 2));
  };
  const addresses = args.map(address);
  if (on !== undefined) addresses[0] = addresses[on];
  const count = split.by === "once" ? 1 : split.count;
  core.exports[kernel](...addresses, 0, count);
  core.checkGuards();
  return core.bytes(addresses[0], bytesOf(args[0]));
}

describe("an output on an input", () => {
  const seen = new Set<string>();
  const describedCases = DESCRIPTIONS.map(({ name, cases }) => [name, cases(FULL)] as const);

  const changesNothing = (instructions: readonly Instruction[]) => {
    for (const instruction of instructions) {
      for (const on of MAY_ALIAS[instruction.kernel] ?? []) {
        seen.add(instruction.kernel);
        const difference = Buffer.compare(run(instruction, on), run(instruction, undefined));
        expect(difference, `${instruction.kernel}, on argument ${on}`).toBe(0);
      }
    }
  };

  it.each(describedCases)("%s", (_name, arbitrary) => {
    const property = fc.property(arbitrary, (given) => changesNothing(instructionsOf(given)));
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it("fused kernels", () => {
    const property = fc.property(randomNetworks, (given) => changesNothing(fusedInstructionsOf(given)));
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it("was tried with every kernel that allows it", () => {
    expect([...seen].sort()).toEqual(Object.keys(MAY_ALIAS).sort());
  });
});
