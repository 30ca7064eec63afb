/**
 * The gang in a page: one Web Worker for each thread. It can be started from the page itself or from a worker of it, since it
 * waits by promises alone. Memory is shared between threads only in a page that is isolated from other sites; elsewhere all
 * work is done by the calling thread.
 * As in node-gang.ts, whatever keeps a thread from getting on ends the gang. That a worker has ended a page is not told; but it
 * waits for a lock that the worker holds for all its life.
 */
import { PLACE_IDLE, STATE_BEAT, STATE_PLACE } from "../backend/wasm/state.js";
import { WorkerError } from "../errors.js";
import { CONTROL_ABORT, CONTROL_STOP } from "./control.js";
import type { Gang, GangSetup, WorkerStretch } from "./gang.js";
import { clearResult, readResult } from "./result.js";
import type * as Node from "./threads.js";
import { LOOK_MS, WALL_FACTOR, Watchdog, whereabouts } from "./watchdog.js";
import type { WebWorkerAnswer, WebWorkerSetup } from "./web-worker.js";
import { yieldingGang } from "./yielding.js";

/** A page that is not looked at, on a busy machine, gets little processor time, and cannot see how little. */
const HIDDEN_WALL_FACTOR = 20;
/** Looks at a worker that has not begun with its task before that is an error: loading it over a network may take a minute. */
const IDLE_LOOKS = 60_000 / LOOK_MS;
/** At workers that were told to end: after a second they are left alone. */
const MOST_LAST_LOOKS = 1000 / LOOK_MS;

export const startGang: typeof Node.startGang = async (setup) => {
  if (globalThis.crossOriginIsolated) return webGang(setup);
  if (setup.threads === 1) return yieldingGang(setup);
  throw new WorkerError(
    `${setup.threads} threads need a page that is isolated from other sites; this one is not. Serve it with the headers ` +
      '"Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp".',
  );
};

/** @param startWorker  a seam for tests; the URL must be written out where a bundler can see it */
export function webGang(
  setup: GangSetup,
  startWorker = () => new Worker(new URL("./web-worker.js", import.meta.url), { type: "module" }),
): Gang {
  const { threads, layout } = setup;
  const words = new Int32Array(setup.memory.buffer);
  const stop = (layout.control + CONTROL_STOP) >>> 2;
  const abort = (layout.control + CONTROL_ABORT) >>> 2;
  const at = (thread: number, offset: number) => (layout.blocks + thread * layout.ownBytes + offset) >>> 2;
  // Workers take their time to start: until then they do nothing, so they are not stuck.
  for (let thread = 0; thread < threads; thread++) words[at(thread, STATE_PLACE)] = PLACE_IDLE;

  let failure: WorkerError | undefined;
  let closed = false;
  /** Of the stretch in work: by whom it has not been answered yet. */
  const pending = new Set<number>();
  let resolveRun: (steps: number) => void = () => {};
  let rejectRun: (reason: WorkerError) => void = () => {};
  const workers: Worker[] = [];
  const loading = new Set<number>();
  let resolveLoaded: () => void = () => {};
  const loaded = new Promise<void>((resolve) => {
    resolveLoaded = resolve;
  });

  const close = async () => {
    closed = true;
    for (const worker of workers) worker.terminate();
    // A page is not told when a worker has really ended, which may take until its kernel returns; its beat shows it.
    for (let looks = 0, before = ""; looks < MOST_LAST_LOOKS; looks++) {
      const beats = Array.from({ length: threads }, (_, thread) => words[at(thread, STATE_BEAT)]).join();
      const idle = Array.from(
        { length: threads },
        (_, thread) => words[at(thread, STATE_PLACE)] === PLACE_IDLE,
      );
      if (beats === before || idle.every(Boolean)) return;
      before = beats;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  const fail = (message: string, cause?: unknown) => {
    // The first failure is the reason; those that follow are its consequences.
    if (failure || closed) return;
    failure = new WorkerError(message, { cause });
    Atomics.store(words, abort, 1);
    rejectRun(failure);
    void close();
  };
  const begin = (thread: number): Worker => {
    const worker = startWorker();
    worker.onmessage = ({ data }: MessageEvent<WebWorkerAnswer>) => {
      if ("failure" in data) {
        const { message } = data.failure; // what happens before it runs does not name it
        return fail(
          message.startsWith("worker") ? message : `worker ${thread} failed: ${message}`,
          data.failure,
        );
      }
      if ("locked" in data) {
        if (data.locked) noticeEnd(thread);
        loading.delete(thread);
        if (loading.size === 0) resolveLoaded();
        return;
      }
      pending.delete(thread);
      if (pending.size === 0) resolveRun(data.steps);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // it is reported below
      const why = event.message ?? "its script could not be loaded";
      fail(`worker ${thread} failed ${whereabouts(setup, thread)}: ${why}.`, event.error);
    };
    worker.onmessageerror = () => fail(`worker ${thread} sent what could not be read.`);
    worker.postMessage({ setup, thread, lock: lockOf(thread) } satisfies WebWorkerSetup);
    loading.add(thread);
    return worker;
  };
  const gangName = crypto.randomUUID();
  const lockOf = (thread: number) => `cbapd ${gangName} worker ${thread}`;
  const noticeEnd = (thread: number) => {
    const ended = () => fail(`worker ${thread} ended unexpectedly ${whereabouts(setup, thread)}.`);
    navigator.locks.request(lockOf(thread), ended).catch(() => {}); // then it is noticed by its silence
  };
  for (let thread = 0; thread < threads; thread++) workers.push(begin(thread));

  const watchdog = new Watchdog(setup, () => (isLookedAt() ? WALL_FACTOR : HIDDEN_WALL_FACTOR));
  const idleLooks = new Int32Array(threads);
  const look = (stretch: WorkerStretch) => {
    const stuck = watchdog.look(stretch);
    if (stuck) {
      const where = whereabouts(setup, stuck.thread);
      fail(`worker ${stuck.thread} is stuck ${where}: it computes and does not come to an end.`);
    }
    for (const thread of pending) {
      idleLooks[thread] = words[at(thread, STATE_PLACE)] === PLACE_IDLE ? idleLooks[thread] + 1 : 0;
      if (idleLooks[thread] >= IDLE_LOOKS)
        fail(`worker ${thread} does not answer: it has ended, or never began.`);
    }
  };

  return {
    workers: setup.workers,
    async run(stretch) {
      if (failure) throw failure;
      if (closed) throw new WorkerError("the gang is closed: its session was.");
      clearResult(setup);
      watchdog.begin();
      idleLooks.fill(0);
      const timer = setInterval(look, LOOK_MS, stretch);
      try {
        const steps = await new Promise<number>((resolve, reject) => {
          resolveRun = resolve;
          rejectRun = reject;
          for (const thread of workers.keys()) pending.add(thread);
          // A worker that computes could not take its lock any more.
          void loaded.then(() => {
            for (const worker of workers) worker.postMessage(stretch);
          });
        });
        return readResult(setup, stretch, steps);
      } finally {
        clearInterval(timer);
        pending.clear();
        Atomics.store(words, stop, 0);
      }
    },
    requestStop: () => void Atomics.store(words, stop, 1),
    close,
  };
}

/** A worker of the page, which may start a gang too, does not know. */
function isLookedAt(): boolean {
  return typeof document !== "undefined" && document.visibilityState === "visible";
}
