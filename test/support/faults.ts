/** Gangs whose threads break at a given place: see faultyWorker.js. */
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { openSession } from "../../src/train/openSession.js";
import type { Gang, GangSetup } from "../../src/workers/gang.js";
import { nodeGang } from "../../src/workers/node-gang.js";

export const CAUSES = ["exit", "throw", "memory", "terminated", "endless"] as const;
export type Cause = (typeof CAUSES)[number] | "number";

export interface Fault {
  readonly cause: Cause;
  /** An instruction's label, or "barrier". */
  readonly place: string;
  /** Which thread breaks. */
  readonly thread: number;
  /** From which step of the run on. */
  readonly step: number;
  /** For "number": what the second element of the instruction's first output becomes, in that step only. */
  readonly value?: number;
}

/** Every Worker that this process starts. */
const workers = new Set<Worker>();
process.on("worker", (worker) => {
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
});

export const runningWorkers = () => workers.size;

/** When the last fault struck, by the clock that all threads have: performance.timeOrigin + performance.now(). */
export let struckAt: Float64Array = new Float64Array(1);

/** Starts a gang that will break. */
export function faultyGang(fault: Fault) {
  return (setup: GangSetup): Gang => {
    // Word 0: the Node number of the thread that broke. Word 1: nobody ever wakes who waits for it.
    const signal = new Int32Array(new SharedArrayBuffer(8));
    struckAt = new Float64Array(new SharedArrayBuffer(8));
    const broken = { ...setup, fault: { ...fault, signal, struckAt } };
    const gang = nodeGang(broken as GangSetup, fileURLToPath(new URL("faultyWorker.js", import.meta.url)));
    const timer = setInterval(() => {
      const id = Atomics.load(signal, 0);
      if (id === 0) return;
      clearInterval(timer);
      if (fault.cause === "terminated") [...workers].find(({ threadId }) => threadId === id)?.terminate();
    }, 2);
    timer.unref();
    const close = () => {
      clearInterval(timer);
      return gang.close();
    };
    return { ...gang, close };
  };
}

export const openFaulty =
  (fault: Fault): typeof openSession =>
  (options) =>
    openSession(options, faultyGang(fault));
