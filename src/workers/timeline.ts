/**
 * When each worker did what, for profiles: workers write their clocks into shared memory. Without a timeline in its setup a
 * gang runs its programs untouched.
 *
 * Of each worker and of each of the last `steps` steps it keeps, in milliseconds since `origin`: when the step began; for each
 * call when the worker arrived at it, when the barrier before it let go, and when the kernel was done; when the worker
 * arrived at the barrier that ends the step, and when that let go.
 */
export interface Timeline {
  /** float64 [workers, steps, 3·calls + 3] */
  readonly buffer: SharedArrayBuffer;
  readonly workers: number;
  readonly steps: number;
  /** Of the longest program. */
  readonly calls: number;
  /** Milliseconds since the epoch: clocks of threads start at different times. */
  readonly origin: number;
}

/** One worker's clock readings of one step. */
export interface StepTimes {
  readonly began: number;
  readonly calls: readonly { readonly arrived: number; readonly met: number; readonly done: number }[];
  readonly arrived: number;
  readonly met: number;
}

export function createTimeline(workers: number, steps: number, calls: number): Timeline {
  const buffer = new SharedArrayBuffer(workers * steps * rowLength(calls) * Float64Array.BYTES_PER_ELEMENT);
  return { buffer, workers, steps, calls, origin: performance.timeOrigin };
}

/** @param step counted from the first step that the gang ever ran; the last `steps` of them are there */
export function readStep(timeline: Timeline, worker: number, step: number, calls: number): StepTimes {
  const at = rowOf(timeline, worker, step);
  const row = new Float64Array(timeline.buffer).subarray(at, at + rowLength(timeline.calls));
  const end = 1 + 3 * timeline.calls;
  return {
    began: row[0],
    calls: Array.from({ length: calls }, (_, call) => {
      const [arrived, met, done] = row.subarray(1 + 3 * call, 4 + 3 * call);
      return { arrived, met, done };
    }),
    arrived: row[end],
    met: row[end + 1],
  };
}

export class TimelineWriter {
  readonly #timeline: Timeline;
  readonly #worker: number;
  readonly #values: Float64Array;
  readonly #offset: number;
  #step = 0;
  #row = 0;

  constructor(timeline: Timeline, worker: number) {
    this.#timeline = timeline;
    this.#worker = worker;
    this.#values = new Float64Array(timeline.buffer);
    this.#offset = performance.timeOrigin - timeline.origin;
  }

  beginStep(): void {
    this.#row = rowOf(this.#timeline, this.#worker, this.#step++);
    this.#mark(0);
  }

  /** The same call, timed. A worker without a range of it only meets. */
  timed(call: number, meet: (() => void) | undefined, kernel: (() => void) | undefined): () => void {
    const first = 1 + 3 * call;
    return () => {
      this.#mark(first);
      meet?.();
      this.#mark(first + 1);
      kernel?.();
      this.#mark(first + 2);
    };
  }

  endStep(meet: () => void): void {
    const end = 1 + 3 * this.#timeline.calls;
    this.#mark(end);
    meet();
    this.#mark(end + 1);
  }

  #mark(slot: number): void {
    this.#values[this.#row + slot] = performance.now() + this.#offset;
  }
}

function rowLength(calls: number): number {
  return 3 * calls + 3;
}

function rowOf({ steps, calls }: Timeline, worker: number, step: number): number {
  return (worker * steps + (step % steps)) * rowLength(calls);
}
