/** What a Web Worker of the gang runs. Its first message tells it who it is, each further one is a stretch. */
import type { GangSetup, WorkerStretch } from "./gang.js";
import { Runner } from "./runner.js";

export interface WebWorkerSetup {
  readonly setup: GangSetup;
  readonly thread: number;
}

/** Steps done; or why not, which the gang makes an error of. */
export type WebWorkerAnswer = { readonly steps: number } | { readonly failure: Error };

let runner: Runner | undefined;

addEventListener("message", ({ data }: MessageEvent<WebWorkerSetup | WorkerStretch>) => {
  try {
    if ("setup" in data) runner = new Runner(data.setup, data.thread, navigator.hardwareConcurrency);
    else answer({ steps: runner!.run(data) });
  } catch (error) {
    answer({ failure: error as Error });
  }
});

/** The types of TypeScript's library are those of a page, where it has another form. */
function answer(message: WebWorkerAnswer): void {
  (globalThis as unknown as { postMessage(message: WebWorkerAnswer): void }).postMessage(message);
}
