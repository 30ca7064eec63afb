/** A gang of one on the calling thread: for single batches, where a thread would cost more than it does. */
import { CONTROL_STOP } from "./control.js";
import type { Gang, GangSetup } from "./gang.js";
import { clearResult, readResult } from "./result.js";
import { Runner } from "./runner.js";

export function inlineGang(setup: GangSetup): Gang {
  const runner = new Runner(setup, 0, 1);
  const words = new Int32Array(setup.memory.buffer);
  const stop = (setup.layout.control + CONTROL_STOP) >>> 2;
  return {
    workers: 1,
    async run(stretch) {
      clearResult(setup);
      const steps = runner.run(stretch);
      Atomics.store(words, stop, 0);
      return readResult(setup, stretch, steps);
    },
    requestStop: () => void Atomics.store(words, stop, 1),
    close: async () => {},
  };
}
