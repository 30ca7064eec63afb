/** The callbacks of a fit, called in their order; what they remember, under names. */
import { mustBe, OptionError } from "../errors.js";
import { type Compiled, logsOf } from "./compile.js";
import { MAX_DELAY_MS } from "./saveClock.js";
import type { Totals } from "./session.js";
import type { Callback, CallbackContext, Progress } from "./types.js";

/** What is the same in all reports of a stretch. */
type Reported = Pick<Progress, "epoch" | "epochs" | "steps" | "phase">;

const PROGRESS_SECONDS = 0.1;

export class CallbackList {
  readonly all: readonly Callback[];
  /** How often those that want progress want it: as the most eager one does. */
  readonly progressMs: number;

  /** @throws OptionError */
  constructor(callbacks: readonly Callback[]) {
    this.all = callbacks;
    const seconds = callbacks
      .filter(({ onProgress }) => onProgress)
      .map(({ progressEvery }) => progressEvery?.seconds ?? PROGRESS_SECONDS);
    const wrong = seconds.find((every) => !(every > 0));
    if (wrong !== undefined) {
      throw new OptionError(mustBe("fit", "progressEvery.seconds", "be positive", wrong));
    }
    this.progressMs = Math.min(Math.min(...seconds) * 1000, MAX_DELAY_MS);
  }

  /** Somebody wants to hear of each batch. */
  get batchwise(): boolean {
    return this.all.some(({ onBatchBegin, onBatchEnd }) => onBatchBegin || onBatchEnd);
  }

  async each(call: (callback: Callback) => void | Promise<void> | undefined): Promise<void> {
    for (const callback of this.all) await call(callback);
  }

  /** What a session calls while it works; undefined when nobody listens. @param before  the sums where the stretch begins */
  progress(reported: Reported, before: Totals, { metrics }: Compiled, context: CallbackContext) {
    if (!this.all.some(({ onProgress }) => onProgress)) return undefined;
    const prefix = reported.phase === "validation" ? "val_" : "";
    let last = before;
    return (step: number, totals: Totals, stepMs: number) => {
      const recent = totals.samples > last.samples ? minus(totals, last) : totals;
      last = totals;
      const logs = logsOf(totals, metrics, prefix);
      const progress = { ...reported, step, stepMs, logs, recent: logsOf(recent, metrics, prefix) };
      for (const callback of this.all) callback.onProgress?.(progress, context);
    };
  }

  states(): Record<string, unknown> {
    const states: Record<string, unknown> = {};
    for (const [key, callback] of stateKeys(this.all)) {
      const state = callback.getState?.();
      if (state !== undefined) states[key] = state;
    }
    return states;
  }

  restore(states: Readonly<Record<string, unknown>>): void {
    for (const [key, callback] of stateKeys(this.all)) {
      if (states[key] !== undefined) callback.setState?.(states[key]);
    }
  }
}

function minus(a: Totals, b: Totals): Totals {
  return {
    loss: a.loss - b.loss,
    correct: a.correct - b.correct,
    topK: a.topK - b.topK,
    samples: a.samples - b.samples,
  };
}

/** Under what name each callback's state is kept: its own; two of the same name are told apart by their order. */
function stateKeys(callbacks: readonly Callback[]): [string, Callback][] {
  const seen = new Map<string, number>();
  return callbacks.map((callback, index) => {
    const name = callback.name ?? `callback ${index}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return [count === 1 ? name : `${name} #${count}`, callback];
  });
}
