/**
 * Training steps that leave nothing bad behind. A step that makes the loss, a weight or a slot infinite or NaN ends its
 * stretch; then everything is put back to the last copy held, the good steps since are repeated, which gives the same bits,
 * and the bad step is run once more under inspection, to name the first number that was not finite.
 *
 * In the steady state this costs one copy of weights and slots, and one inspected step, in HOLD_STEPS. The inspected step also
 * finds what leaves no trace in a weight: an infinity that the next layer swallows.
 */
import { NumberError } from "../errors.js";
import type { BadNumber, Session, Stretch, Totals } from "./session.js";

/** Steps between two copies. */
export const HOLD_STEPS = 256;

export type GuardedStretch = Omit<Stretch, "watchNumbers" | "inspect">;

export interface GuardedResult {
  /** Good steps done. */
  readonly steps: number;
  readonly totals: Totals;
  /** The step after them was bad. It was undone: all is as it was before it. */
  readonly bad?: BadNumber;
}

export class GuardedSteps {
  readonly #session: Session;
  /** What was done since the last copy; undefined when a new copy is due. */
  #since: GuardedStretch[] | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Weights were changed from outside: what was held is of no use any more. */
  invalidate(): void {
    this.#since = undefined;
  }

  /** @throws WorkerError after which the session is closed, and its weights are those of the last copy */
  async train(stretch: GuardedStretch): Promise<GuardedResult> {
    try {
      return await this.#train(stretch);
    } catch (error) {
      // Workers may have been in the midst of an update.
      await this.#session.close();
      if (this.#since) this.#session.restore();
      throw error;
    }
  }

  async #train(stretch: GuardedStretch): Promise<GuardedResult> {
    if (!this.#since || stepsOf(this.#since) + (stretch.to - stretch.from) > HOLD_STEPS) this.#hold();
    const since = this.#since!;
    const inspect = since.length === 0;
    const { steps, totals, bad, finding } = await this.#session.train({
      ...stretch,
      watchNumbers: true,
      inspect,
    });
    if (!bad) {
      since.push({ ...stretch, to: stretch.from + steps });
      return { steps, totals };
    }
    return this.#undo(stretch, steps - 1, finding);
  }

  #hold(): void {
    this.#session.hold();
    this.#since = [];
  }

  /** Back to before the bad step, the one after `good` steps of the stretch. */
  async #undo(stretch: GuardedStretch, good: number, finding: BadNumber | undefined): Promise<GuardedResult> {
    const before = this.#since!;
    this.#session.restore();
    let { totals } = before[0] ?? stretch;
    for (const earlier of before) ({ totals } = await this.#session.train(quiet(earlier, totals)));
    let done = 0;
    if (good > 0) {
      // An abort may end it here: nothing is lost, since whoever resumes meets the bad step again.
      const again = await this.#session.train({
        ...quiet(stretch, totals),
        to: stretch.from + good,
        signal: stretch.signal,
      });
      done = again.steps;
      totals = again.totals;
    }
    this.#hold();
    if (done < good) return { steps: done, totals };
    const bad = this.#session.findBadWeight() ?? finding ?? (await this.#inspect(stretch, good, totals));
    return { steps: done, totals, bad };
  }

  async #inspect(stretch: GuardedStretch, good: number, totals: Totals): Promise<BadNumber> {
    const from = stretch.from + good;
    const step = stretch.step + good;
    const bad = { ...quiet(stretch, totals), from, to: from + 1, step, watchNumbers: true, inspect: true };
    const { finding, totals: after } = await this.#session.train(bad);
    this.#session.restore();
    return finding ?? { layer: "loss", phase: "loss", what: "the sum", index: [], value: after.loss };
  }
}

const quiet = (stretch: GuardedStretch, totals: Totals): Stretch => ({
  ...stretch,
  totals,
  onProgress: undefined,
  signal: undefined,
});

const stepsOf = (stretches: readonly GuardedStretch[]) =>
  stretches.reduce((sum, { from, to }) => sum + to - from, 0);

/** @param step  counted from 1, in an epoch counted from 1 */
export function numberError(bad: BadNumber, epoch: number, step: number): NumberError {
  const { layer, phase, what, index, value } = bad;
  const place = index.length > 0 ? ` at [${index.join(", ")}]` : "";
  const message = `${layer}: ${what} must be finite; got ${value}${place} (${phase}, step ${step} of epoch ${epoch}).`;
  return new NumberError(message, { layer, phase, what, index, value, epoch, step });
}
