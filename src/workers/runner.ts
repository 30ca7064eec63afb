/** What one worker does: runs programs on its own range, and meets the others where the program says. */
import { instantiateCore, type Kernels } from "../backend/wasm/loader.js";
import { type Call, rangeOf } from "../backend/wasm/program.js";
import { STATE_FIRST, STATE_SEED, STATE_STEP, STEP_NUMBERS } from "../backend/wasm/state.js";
import { WorkerError } from "../errors.js";
import {
  BARRIER_ABORTED,
  BARRIER_TIMED_OUT,
  CONTROL_DECISION,
  CONTROL_PROGRESS,
  CONTROL_STOP,
} from "./control.js";
import type { GangSetup, WorkerStretch } from "./gang.js";
import { TimelineWriter } from "./timeline.js";

/**
 * Polls before a waiting worker sleeps, some tenth of a millisecond: a meeting with a sleeper costs both sides ten
 * microseconds, without one half of one, and workers seldom come further apart (docs/speed.md). More workers than cores must
 * not spin: the one they wait for needs the core.
 */
const SPINS = 200_000;
/** Sleeps of 50 ms at one barrier before a worker gives up: a minute. */
const SLICES = 1200;

interface Action {
  readonly run: () => void;
  readonly label: string;
}

interface Actions {
  readonly prologue: readonly Action[];
  readonly step: readonly Action[];
}

export class Runner {
  readonly #worker: number;
  readonly #setup: GangSetup;
  readonly #kernels: Kernels;
  readonly #block: number;
  /** Compiled when first run. */
  readonly #actions = new Map<number, Actions>();
  readonly #words: Int32Array;
  readonly #floats: Float32Array;
  readonly #spins: number;
  readonly #timeline: TimelineWriter | undefined;

  constructor(setup: GangSetup, worker: number, cores: number) {
    this.#setup = setup;
    this.#worker = worker;
    this.#kernels = instantiateCore(setup.core, setup.memory);
    this.#block = setup.layout.blocks + worker * setup.layout.ownBytes;
    this.#words = new Int32Array(setup.memory.buffer);
    this.#floats = new Float32Array(setup.memory.buffer);
    this.#spins = setup.workers <= cores ? SPINS : 0;
    this.#timeline = setup.timeline && new TimelineWriter(setup.timeline, worker);
  }

  /** Runs the stretch's steps and returns how many were done. All workers return the same number. */
  run(stretch: WorkerStretch): number {
    const { from, to, batchSize, count } = stretch;
    const decision = (this.#setup.layout.control + CONTROL_DECISION) >> 2;
    const stop = (this.#setup.layout.control + CONTROL_STOP) >> 2;
    const progress = (this.#setup.layout.control + CONTROL_PROGRESS) >> 2;
    let prepared: Actions | undefined;
    for (let step = from; step < to; step++) {
      const whole = (step + 1) * batchSize <= count;
      const actions = this.#actionsOf(whole ? stretch.program : stretch.lastProgram);
      this.#writeState(stretch, step);
      // Weights may have changed since the last stretch, and the two programs share memory.
      if (prepared !== actions) this.#run(actions.prologue);
      prepared = actions;
      this.#timeline?.beginStep();
      this.#run(actions.step);
      // Worker 0 alone reads the stop word, so that all end at the same step. The slot of this step is written again
      // two steps later, when everybody has passed the barrier between.
      const slot = decision + (step & 1);
      if (this.#worker === 0) {
        Atomics.store(this.#words, slot, Atomics.load(this.#words, stop));
        Atomics.store(this.#words, progress, step + 1);
      }
      if (this.#timeline) this.#timeline.endStep(() => this.#meet());
      else this.#meet();
      if (Atomics.load(this.#words, slot) !== 0) return step + 1 - from;
    }
    return to - from;
  }

  #writeState(stretch: WorkerStretch, step: number): void {
    const at = this.#block >> 2;
    this.#words[at + (STATE_STEP >> 2)] = stretch.step + (step - stretch.from);
    this.#words[at + (STATE_SEED >> 2)] = stretch.seed;
    this.#words[at + (STATE_FIRST >> 2)] = step * stretch.batchSize;
    if (stretch.stepNumbers !== 0) {
      const record = (stretch.stepNumbers >>> 2) + (step - stretch.from) * STEP_NUMBERS.length;
      for (let i = 0; i < STEP_NUMBERS.length; i++) {
        this.#floats[at + (STEP_NUMBERS[i] >>> 2)] = this.#floats[record + i];
      }
    }
  }

  #run(actions: readonly Action[]): void {
    let current: Action | undefined;
    try {
      for (current of actions) current.run();
    } catch (cause) {
      if (cause instanceof WorkerError) throw cause;
      throw new WorkerError(`${current?.label}: ${(cause as Error).message}`, { cause });
    }
  }

  #actionsOf(program: number): Actions {
    let actions = this.#actions.get(program);
    if (!actions) {
      const { prologue, calls } = this.#setup.programs[program];
      actions = {
        prologue: prologue.flatMap((call) => this.#compile(call)),
        step: calls.flatMap((call, at) => this.#compile(call, at)),
      };
      this.#actions.set(program, actions);
    }
    return actions;
  }

  /** @param at  its place in a step, for the timeline; the prologue is in no step */
  #compile(call: Call, at?: number): Action[] {
    const actions: Action[] = [];
    if (call.meet && this.#setup.workers > 1) actions.push({ run: () => this.#meet(), label: call.label });
    const meet = actions[0]?.run;
    const range = rangeOf(call.split, this.#worker, this.#setup.workers);
    if (range) {
      const kernel = this.#kernels[call.kernel];
      if (!kernel) throw new WorkerError(`the core has no kernel "${call.kernel}" (${call.label}).`);
      const args = call.args.map((arg) => (typeof arg === "number" ? arg : this.#block + arg.ownOffset));
      actions.push({ run: kernel.bind(null, ...args, ...range), label: `${call.label} (${call.kernel})` });
    }
    if (!this.#timeline || at === undefined) return actions;
    const kernel = range && actions.at(-1)!.run;
    return [{ run: this.#timeline.timed(at, meet, kernel), label: actions.at(-1)?.label ?? call.label }];
  }

  #meet(): void {
    const { layout, workers } = this.#setup;
    if (workers === 1) return;
    const result = this.#kernels.barrier(layout.control, workers, this.#spins, SLICES);
    if (result === BARRIER_ABORTED) {
      throw new WorkerError(`worker ${this.#worker} stopped because another worker failed.`);
    }
    if (result === BARRIER_TIMED_OUT) {
      throw new WorkerError(
        `worker ${this.#worker} waited ${(SLICES * 50) / 1000} s for the other workers, in vain.`,
      );
    }
  }
}
