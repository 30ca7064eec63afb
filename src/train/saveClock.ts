/** When callbacks want to save within an epoch: by the clock, or by the run's steps. */
import { mustBe, OptionError } from "../errors.js";
import type { Callback } from "./types.js";

/** A save that holds training up is waited for this many times as long before the next: it costs no more than 1 % of the time. */
const REST = 99;
/** What a timer takes at most. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

interface Saver {
  readonly callback: Callback;
  /** Infinity when it goes by steps, and the other way round. */
  everyMs: number;
  readonly leastMs: number;
  readonly everySteps: number;
  /** When it last saved: time and step. */
  ms: number;
  step: number;
}

export class SaveClock {
  readonly #savers: Saver[] = [];
  readonly #now: () => number;

  /** @throws OptionError */
  constructor(callbacks: readonly Callback[], step: number, now: () => number = () => performance.now()) {
    this.#now = now;
    for (const callback of callbacks) {
      if (!callback.saveEvery || !callback.onSave) continue;
      const { seconds = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY } =
        callback.saveEvery as Partial<Record<"seconds" | "steps", number>>;
      if (!(seconds > 0)) throw new OptionError(mustBe("fit", "saveEvery.seconds", "be positive", seconds));
      if (!(Number.isInteger(steps) || steps === Number.POSITIVE_INFINITY) || steps < 1) {
        throw new OptionError(mustBe("fit", "saveEvery.steps", "be a positive integer", steps));
      }
      const everyMs = seconds * 1000;
      this.#savers.push({ callback, everyMs, leastMs: everyMs, everySteps: steps, ms: now(), step });
    }
  }

  /** How many steps may follow `step` before somebody wants to save. */
  stepsLeft(step: number): number {
    return Math.min(...this.#savers.map(({ everySteps }) => everySteps - (step % everySteps)));
  }

  /** Time until somebody wants to save, for a timer; undefined when nobody goes by the clock. */
  delayMs(): number | undefined {
    const left = Math.min(...this.#savers.map(({ ms, everyMs }) => ms + everyMs - this.#now()));
    return left === Number.POSITIVE_INFINITY ? undefined : Math.min(Math.max(left, 0), MAX_DELAY_MS);
  }

  /** Those that want to save after `step`; they count as having done so. */
  due(step: number): Callback[] {
    const now = this.#now();
    const due = this.#savers.filter(
      (saver) => now - saver.ms >= saver.everyMs || (step > saver.step && step % saver.everySteps === 0),
    );
    for (const saver of due) Object.assign(saver, { ms: now, step });
    return due.map(({ callback }) => callback);
  }

  /** How long a save held training up. */
  held(callback: Callback, ms: number): void {
    const saver = this.#savers.find((known) => known.callback === callback);
    if (!saver) return;
    saver.everyMs = Math.max(saver.leastMs, REST * ms);
    saver.ms = this.#now();
  }

  /** All have just saved: an epoch has ended. */
  reset(step: number): void {
    for (const saver of this.#savers) Object.assign(saver, { ms: this.#now(), step });
  }
}
