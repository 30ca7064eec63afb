/** What one thread does: runs programs on the ranges of its workers, and meets the others where the program says. */
import { instantiateCore, type Kernels } from "../backend/wasm/instance.js";
import { type Call, rangeOf } from "../backend/wasm/program.js";
import {
  INFINITE_BITS,
  PLACE_END_OF_STEP,
  PLACE_IDLE,
  STATE_BEAT,
  STATE_FIRST,
  STATE_LARGEST,
  STATE_PLACE,
  STATE_PROGRAM,
  STATE_SEED,
  STATE_STEP,
  STEP_NUMBERS,
} from "../backend/wasm/state.js";
import { WorkerError } from "../errors.js";
import {
  BARRIER_ABORTED,
  BARRIER_TIMED_OUT,
  CONTROL_BAD,
  CONTROL_DECISION,
  CONTROL_PROGRESS,
  CONTROL_STOP,
} from "./control.js";
import type { GangSetup, WorkerStretch } from "./gang.js";
import { inspectProgram } from "./inspect.js";
import { TimelineWriter } from "./timeline.js";

/**
 * Polls before a waiting worker sleeps, some tenth of a millisecond: a meeting with a sleeper costs both sides ten
 * microseconds, without one half of one, and workers seldom come further apart (docs/speed.md). More threads than cores must
 * not spin: the one they wait for needs the core.
 */
const SPINS = 200_000;
/** Calls in which a thread does the work of its workers: many small ones would cost more than they compute. */
const MOST_PIECES = 4;
/** Sleeps of 50 ms at one barrier before a worker gives up: a minute. */
const SLICES = 1200;

interface Action {
  readonly run: () => void;
  readonly label: string;
  /** For the watchdog: where this is in the program. */
  readonly place: number;
}

interface Actions {
  readonly prologue: readonly Action[];
  readonly step: readonly Action[];
}

export class Runner {
  readonly #thread: number;
  readonly #setup: GangSetup;
  readonly #kernels: Kernels;
  readonly #block: number;
  /** Compiled when first run. */
  readonly #actions = new Map<number, Actions>();
  readonly #words: Int32Array;
  readonly #floats: Float32Array;
  /** The sum of losses. */
  readonly #loss: Float64Array;
  readonly #spins: number;
  readonly #timeline: TimelineWriter | undefined;
  #beat = 0;
  /** The program whose prologue was run last. */
  #prepared = -1;

  constructor(setup: GangSetup, thread: number, cores: number) {
    this.#setup = setup;
    this.#thread = thread;
    this.#kernels = instantiateCore(setup.core, setup.memory);
    this.#block = setup.layout.blocks + thread * setup.layout.ownBytes;
    this.#words = new Int32Array(setup.memory.buffer);
    this.#floats = new Float32Array(setup.memory.buffer);
    this.#loss = new Float64Array(setup.memory.buffer, setup.layout.totals, 1);
    this.#spins = setup.threads <= cores ? SPINS : 0;
    this.#timeline = setup.timeline && new TimelineWriter(setup.timeline, thread);
    this.#at(PLACE_IDLE);
  }

  /** Runs the stretch's steps and returns how many were done. All threads return the same number. */
  run(stretch: WorkerStretch): number {
    try {
      return this.#run(stretch);
    } catch (cause) {
      throw cause instanceof WorkerError ? cause : this.#failed((cause as Error).message, cause);
    }
  }

  #run(stretch: WorkerStretch): number {
    const { from, to, batchSize, count } = stretch;
    const control = this.#setup.layout.control;
    const decision = (control + CONTROL_DECISION) >>> 2;
    const bad = (control + CONTROL_BAD) >>> 2;
    const stop = (control + CONTROL_STOP) >>> 2;
    const progress = (control + CONTROL_PROGRESS) >>> 2;
    if (!stretch.continues) this.#prepared = -1;
    for (let step = from; step < to; step++) {
      const whole = (step + 1) * batchSize <= count;
      const program = whole ? stretch.program : stretch.lastProgram;
      this.#words[(this.#block + STATE_PROGRAM) >>> 2] = program;
      this.#writeState(stretch, step);
      // Weights may have changed since the last stretch, and the two programs share memory.
      if (this.#prepared !== program) this.#runAll(this.#actionsOf(program).prologue);
      this.#prepared = program;
      this.#timeline?.beginStep();
      if (stretch.inspect && step === from) {
        if (!this.#inspect(program)) return this.#done(1);
      } else this.#runAll(this.#actionsOf(program).step);
      if (stretch.watchNumbers && this.#isBad()) Atomics.store(this.#words, bad + (step & 1), 1);
      // Worker 0 alone reads the stop word, so that all end at the same step. The slot of this step is written again
      // two steps later, when everybody has passed the barrier between; so is the word of bad numbers.
      const slot = decision + (step & 1);
      if (this.#thread === 0) {
        Atomics.store(this.#words, slot, Atomics.load(this.#words, stop));
        Atomics.store(this.#words, progress, step + 1);
      }
      this.#at(PLACE_END_OF_STEP);
      if (this.#timeline) this.#timeline.endStep(() => this.#meet());
      else this.#meet();
      const ends = Atomics.load(this.#words, slot) | Atomics.load(this.#words, bad + (step & 1));
      if (ends !== 0) return this.#done(step + 1 - from);
    }
    return this.#done(to - from);
  }

  #done(steps: number): number {
    this.#at(PLACE_IDLE);
    return steps;
  }

  /** Plain stores: the main thread needs to see them soon, not at once. */
  #at(place: number): void {
    this.#words[(this.#block + STATE_PLACE) >>> 2] = place;
    this.#words[(this.#block + STATE_BEAT) >>> 2] = ++this.#beat;
  }

  /** Whether this thread's part of the update, or the loss, is not finite. */
  #isBad(): boolean {
    if (this.#words[(this.#block + STATE_LARGEST) >>> 2] >= INFINITE_BITS) return true;
    return this.#thread === 0 && !Number.isFinite(this.#loss[0]);
  }

  #writeState(stretch: WorkerStretch, step: number): void {
    const at = this.#block >>> 2;
    this.#words[at + (STATE_STEP >>> 2)] = stretch.step + (step - stretch.from);
    this.#words[at + (STATE_SEED >>> 2)] = stretch.seed;
    this.#words[at + (STATE_FIRST >>> 2)] = step * stretch.batchSize;
    this.#words[at + (STATE_LARGEST >>> 2)] = 0;
    if (stretch.stepNumbers !== 0) {
      const record = (stretch.stepNumbers >>> 2) + (step - stretch.from) * STEP_NUMBERS.length;
      for (let i = 0; i < STEP_NUMBERS.length; i++) {
        this.#floats[at + (STEP_NUMBERS[i] >>> 2)] = this.#floats[record + i];
      }
    }
  }

  #runAll(actions: readonly Action[]): void {
    for (const action of actions) this.#act(action);
  }

  #act(action: Action): void {
    this.#at(action.place);
    try {
      action.run();
    } catch (cause) {
      if (cause instanceof WorkerError) throw cause;
      throw this.#failed(`${action.label}: ${(cause as Error).message}`, cause);
    }
  }

  #failed(why: string, cause: unknown): WorkerError {
    return new WorkerError(`worker ${this.#thread} failed: ${why}`, { cause });
  }

  /** @returns whether everything that the step wrote was finite; if not, the step was not finished */
  #inspect(program: number): boolean {
    const { layout, threads, programs } = this.#setup;
    return inspectProgram(programs[program], {
      thread: this.#thread,
      threads,
      words: this.#words,
      control: layout.control,
      kernels: this.#kernels,
      meet: (at) => {
        this.#at(2 * at + 1);
        this.#meet();
      },
      run: (call, at) => {
        for (const action of this.#compile(call, at)) this.#act(action);
      },
    });
  }

  #actionsOf(program: number): Actions {
    let actions = this.#actions.get(program);
    if (!actions) {
      const { prologue, calls } = this.#setup.programs[program];
      actions = {
        // Their places follow the step's.
        prologue: prologue.flatMap((call, i) => this.#compile(call, calls.length + i, false)),
        step: calls.flatMap((call, at) => this.#compile(call, at)),
      };
      this.#actions.set(program, actions);
    }
    return actions;
  }

  /** @param timed whether the timeline wants to know: the prologue is in no step */
  #compile(call: Call, at: number, timed = true): Action[] {
    const meet = call.meet && this.#setup.threads > 1 ? () => this.#meet() : undefined;
    const kernel = this.#kernelOf(call);
    const label = kernel ? `${call.label} (${call.kernel})` : call.label;
    if (this.#timeline && timed) {
      return [{ run: this.#timeline.timed(at, meet, kernel), label, place: 2 * at }];
    }
    const actions: Action[] = [];
    if (meet) actions.push({ run: meet, label: call.label, place: 2 * at + 1 });
    if (kernel) actions.push({ run: kernel, label, place: 2 * at });
    return actions;
  }

  /** The call on the ranges of this thread's workers, which adjoin, in few pieces; undefined when they have none. */
  #kernelOf(call: Call): (() => void) | undefined {
    const { workers, threads } = this.#setup;
    const kernel = this.#kernels[call.kernel];
    if (!kernel) throw new WorkerError(`the core has no kernel "${call.kernel}" (${call.label}).`);
    const args = call.args.map((arg) => (typeof arg === "number" ? arg : this.#block + arg.ownOffset));
    const first = Math.floor((workers * this.#thread) / threads);
    const end = Math.floor((workers * (this.#thread + 1)) / threads);
    const runs: (() => void)[] = [];
    const pieces = Math.min(end - first, MOST_PIECES);
    for (let piece = 0; piece < pieces; piece++) {
      const from = first + Math.floor(((end - first) * piece) / pieces);
      const to = first + Math.floor(((end - first) * (piece + 1)) / pieces);
      const ranges = Array.from({ length: to - from }, (_, i) => rangeOf(call.split, from + i, workers));
      const some = ranges.filter((range) => range !== undefined);
      if (some.length > 0) runs.push(kernel.bind(null, ...args, some[0][0], some[some.length - 1][1]));
    }
    if (runs.length < 2) return runs[0];
    return () => {
      for (const run of runs) run();
    };
  }

  #meet(): void {
    const { layout, threads } = this.#setup;
    if (threads === 1) return;
    const result = this.#kernels.barrier(layout.control, threads, this.#spins, SLICES);
    if (result === BARRIER_ABORTED) {
      throw new WorkerError(`worker ${this.#thread} stopped because another worker failed.`);
    }
    if (result === BARRIER_TIMED_OUT) {
      throw new WorkerError(
        `worker ${this.#thread} waited ${(SLICES * 50) / 1000} s for the other workers, in vain.`,
      );
    }
  }
}
