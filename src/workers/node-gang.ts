/** The gang in Node: one Piscina thread for each worker, and one task for each worker and stretch of steps. */
import { createRequire } from "node:module";
import { Piscina } from "piscina";
import { WorkerError } from "../errors.js";
import { CONTROL_ABORT, CONTROL_STOP } from "./control.js";
import type { Gang, GangSetup, WorkerStretch } from "./gang.js";

export function nodeGang(setup: GangSetup): Gang {
  const { workers, layout } = setup;
  const words = new Int32Array(setup.memory.buffer);
  const stop = (layout.control + CONTROL_STOP) >> 2;
  const abort = (layout.control + CONTROL_ABORT) >> 2;
  const pool = new Piscina<WorkerStretch, number>({
    filename: createRequire(import.meta.url).resolve("#worker"),
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    workerData: setup,
  });
  let failure: WorkerError | undefined;

  return {
    workers,
    async run(stretch) {
      if (failure) throw failure;
      const tasks = Array.from({ length: workers }, () =>
        pool.run(stretch).catch((cause: Error) => {
          // The first failure is the reason; those that follow were told to give up by the abort word.
          failure ??= new WorkerError(`a worker failed: ${cause.message}`, { cause });
          Atomics.store(words, abort, 1);
          return 0;
        }),
      );
      const [steps] = await Promise.all(tasks);
      Atomics.store(words, stop, 0);
      if (failure) throw failure;
      return steps;
    },
    requestStop: () => void Atomics.store(words, stop, 1),
    close: () => pool.destroy(),
  };
}
