/**
 * What a Web Worker of the gang runs. Its first message tells it who it is, each further one is a stretch. Before it says that it
 * is ready it takes a lock, which the browser gives back when the worker is no more, however it ended: so the page learns of it.
 */
import type { GangSetup, WorkerStretch } from "./gang.js";
import { Runner } from "./runner.js";

export interface WebWorkerSetup {
  readonly setup: GangSetup;
  readonly thread: number;
  /** The lock's name. */
  readonly lock: string;
}

/** Ready, and whether it has the lock; steps done; or why not, which the gang makes an error of. */
export type WebWorkerAnswer =
  | { readonly locked: boolean }
  | { readonly steps: number }
  | { readonly failure: Error };

let runner: Runner | undefined;

addEventListener("message", ({ data }: MessageEvent<WebWorkerSetup | WorkerStretch>) => {
  try {
    if ("setup" in data) {
      runner = new Runner(data.setup, data.thread, navigator.hardwareConcurrency);
      holdLock(data.lock);
    } else answer({ steps: runner!.run(data) });
  } catch (error) {
    answer({ failure: error as Error });
  }
});

function holdLock(name: string): void {
  const held = () => {
    answer({ locked: true });
    return new Promise<void>(() => {}); // until the worker's end
  };
  // Some browsers have none, nor has a page that may not store anything.
  if (!("locks" in navigator)) answer({ locked: false });
  else navigator.locks.request(name, held).catch(() => answer({ locked: false }));
}

/** The types of TypeScript's library are those of a page, where it has another form. */
function answer(message: WebWorkerAnswer): void {
  (globalThis as unknown as { postMessage(message: WebWorkerAnswer): void }).postMessage(message);
}
