/**
 * The gang in Node: one Piscina thread for each thread of the gang, and one task for each thread and stretch of steps.
 * Whatever ends a thread, or keeps it from getting on, ends the gang: the caller's promise rejects at once, the others leave
 * their barriers by the abort word, and all threads are terminated.
 */
import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";
import { Piscina } from "piscina";
import { PLACE_IDLE, STATE_PLACE, STATE_PORT_ID } from "../backend/wasm/state.js";
import { WorkerError } from "../errors.js";
import { CONTROL_ABORT, CONTROL_STOP } from "./control.js";
import type { Gang, GangSetup, WorkerStretch } from "./gang.js";
import { clearResult, readResult } from "./result.js";
import { LOOK_MS, Watchdog, whereabouts } from "./watchdog.js";

/** A thread's own heap: programs and little else. What would fill it is a mistake, and shall not take the machine along. */
const HEAP_MB = 128;

/** @param filename  what the threads run */
export function nodeGang(
  setup: GangSetup,
  filename = createRequire(import.meta.url).resolve("#worker"),
): Gang {
  const { threads, layout } = setup;
  const words = new Int32Array(setup.memory.buffer);
  const stop = (layout.control + CONTROL_STOP) >>> 2;
  const abort = (layout.control + CONTROL_ABORT) >>> 2;
  // Threads take their time to start: until then they do nothing, so they are not stuck.
  for (let thread = 0; thread < threads; thread++) {
    words[(layout.blocks + thread * layout.ownBytes + STATE_PLACE) >>> 2] = PLACE_IDLE;
  }
  const pool = new Piscina<WorkerStretch, number>({
    filename,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    workerData: setup,
  });
  const watchdog = new Watchdog(setup);
  let failure: WorkerError | undefined;
  let closing: Promise<void> | undefined;
  let rejectRun: (reason: WorkerError) => void = () => {};

  const close = () => (closing ??= pool.destroy());
  const fail = (message: string, cause?: Error) => {
    // The first failure is the reason; those that follow are its consequences.
    if (failure || closing) return;
    failure = new WorkerError(message, { cause });
    Atomics.store(words, abort, 1);
    rejectRun(failure);
    close();
  };
  for (const thread of pool.threads) watchThread(setup, thread, fail);
  pool.on("error", (cause: Error) => fail(`a worker failed: ${cause.message}`, cause));

  return {
    workers: setup.workers,
    async run(stretch) {
      if (failure) throw failure;
      clearResult(setup);
      watchdog.begin();
      const timer = setInterval(() => {
        const stuck = watchdog.look(stretch);
        if (!stuck) return;
        const where = whereabouts(setup, stuck.thread);
        fail(`worker ${stuck.thread} is stuck ${where}: it computes and does not come to an end.`);
      }, LOOK_MS);
      try {
        const tasks = Array.from({ length: threads }, () => pool.run(stretch));
        for (const task of tasks) task.catch((cause: Error) => fail(cause.message, cause));
        const broken = new Promise<never>((_, reject) => {
          rejectRun = reject;
        });
        broken.catch(() => {}); // whoever fails first is told below
        const [steps] = await Promise.race([Promise.all(tasks), broken]);
        return readResult(setup, stretch, steps);
      } catch (error) {
        throw failure ?? error;
      } finally {
        clearInterval(timer);
        Atomics.store(words, stop, 0);
      }
    },
    requestStop: () => void Atomics.store(words, stop, 1),
    close,
  };
}

/** Ends of threads: by a call of exit, by an error outside of a task, by the heap's limit, from outside. */
function watchThread(setup: GangSetup, thread: Worker, fail: (message: string, cause?: Error) => void): void {
  const { threadId } = thread; // gone once it has ended
  const who = () => {
    const { blocks, ownBytes } = setup.layout;
    const words = new Int32Array(setup.memory.buffer);
    for (let number = 0; number < setup.threads; number++) {
      if (words[(blocks + number * ownBytes + STATE_PORT_ID) >>> 2] !== threadId) continue;
      return { name: `worker ${number}`, where: whereabouts(setup, number) };
    }
    return { name: "a worker", where: "before it had started" };
  };
  // Before Piscina's own listeners, so that this is the reason given; but the gang ends after them, when Piscina no longer
  // waits for the thread.
  thread.prependOnceListener("error", (cause: Error) => {
    const { name, where } = who();
    queueMicrotask(() => fail(`${name} failed ${where}: ${cause.message}`, cause));
  });
  thread.prependOnceListener("exit", (code: number) => {
    const { name, where } = who();
    queueMicrotask(() => fail(`${name} ended ${where}, with exit code ${code}.`));
  });
}
