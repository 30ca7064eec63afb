/**
 * A gang of one on the calling thread that lets go of it many times a second, so that timers run, messages arrive and a page
 * answers while it trains.
 */
import { STEP_NUMBERS } from "../backend/wasm/state.js";
import { CONTROL_STOP } from "./control.js";
import type { Gang, GangSetup } from "./gang.js";
import { clearResult, readResult } from "./result.js";
import { Runner } from "./runner.js";

/** A picture of a screen of 60 Hz. */
const HOLD_MS = 16;

export function yieldingGang(setup: GangSetup): Gang {
  const runner = new Runner(setup, 0, 1);
  const words = new Int32Array(setup.memory.buffer);
  const stop = (setup.layout.control + CONTROL_STOP) >>> 2;
  let closed = false;
  return {
    workers: setup.workers,
    async run(stretch) {
      clearResult(setup);
      const { from, to, step, stepNumbers } = stretch;
      let at = from;
      let most = 1;
      while (at < to) {
        const done = at - from;
        const began = performance.now();
        const steps = runner.run({
          ...stretch,
          from: at,
          to: Math.min(to, at + most),
          step: step + done,
          stepNumbers: stepNumbers === 0 ? 0 : stepNumbers + done * STEP_NUMBERS.length * 4,
          inspect: stretch.inspect && done === 0,
          continues: done > 0,
        });
        at += steps;
        if (readResult(setup, stretch, steps).bad || Atomics.load(words, stop) !== 0) break;
        most = Math.max(1, Math.floor((most * HOLD_MS) / Math.max(performance.now() - began, 1)));
        if (at < to) await breath();
        if (closed) break;
      }
      Atomics.store(words, stop, 0);
      return readResult(setup, stretch, at - from);
    },
    requestStop: () => void Atomics.store(words, stop, 1),
    close: async () => {
      closed = true;
    },
  };
}

/** A turn of the event loop. Timers would wait for 4 ms. */
function breath(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
