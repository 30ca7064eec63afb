/**
 * Notices threads that compute for ever. A thread cannot see that itself, so the main thread looks at each thread's beat,
 * which grows with every instruction, many times a second.
 *
 * Time is the thread's own processor time where the system tells it (Linux): a thread that the machine is too busy to run is
 * not stuck, one that runs without getting on is. Elsewhere it is the time on the wall, and four times as much is allowed.
 * How long an instruction may take: half a second, and what the program's largest product would take on a slow machine;
 * more if any has taken long before (four times the longest), and in the first steps, when the code is not yet optimised.
 */
import { processorMs } from "#platform";
import type { Program } from "../backend/wasm/program.js";
import {
  PLACE_END_OF_STEP,
  PLACE_IDLE,
  STATE_BEAT,
  STATE_PLACE,
  STATE_PROGRAM,
  STATE_SYSTEM_ID,
} from "../backend/wasm/state.js";
import { CONTROL_PROGRESS } from "./control.js";
import type { GangSetup, WorkerStretch } from "./gang.js";

/** How often it looks. */
export const LOOK_MS = 50;
const PATIENCE_MS = 500;
/** What an instruction may take, by the longest so far. */
const LONGEST_FACTOR = 4;
/** A slow machine: the speeds below which code will not fall, in the first steps and later. */
const FIRST_FLOPS_PER_MS = 0.25e6;
const FLOPS_PER_MS = 4e6;
export const WALL_FACTOR = 4;
/** Looks without a beat before the system is asked for processor times. */
const QUIET_LOOKS = 4;

interface Watched {
  beat: number;
  /** Looks since the beat last changed. Not milliseconds: while the whole process sleeps nobody looks. */
  looks: number;
  /** Processor time when it was first asked for. */
  cpuMs: number | undefined;
  /** Milliseconds since the beat last changed, as far as known. */
  ageMs: number;
}

export interface Stuck {
  readonly thread: number;
  readonly ms: number;
}

export class Watchdog {
  readonly #setup: GangSetup;
  readonly #words: Int32Array;
  readonly #watched: Watched[];
  readonly #wallFactor: () => number;
  /** Programs of which a whole step has been seen. */
  readonly #known = new Set<number>();
  #longestMs = 0;

  /** @param wallFactor  how much more is allowed by the clock on the wall, now */
  constructor(setup: GangSetup, wallFactor = () => WALL_FACTOR) {
    this.#setup = setup;
    this.#wallFactor = wallFactor;
    this.#words = new Int32Array(setup.memory.buffer);
    this.#watched = Array.from({ length: setup.threads }, () => fresh(-1));
  }

  /** A new stretch begins: what was seen of the last one says nothing. */
  begin(): void {
    for (const thread of this.#watched.keys()) this.#watched[thread] = fresh(-1);
  }

  /** To be called every LOOK_MS while a stretch is in work. */
  look(stretch: WorkerStretch): Stuck | undefined {
    const progress = this.#words[(this.#setup.layout.control + CONTROL_PROGRESS) >>> 2];
    if (progress - stretch.from >= 2) this.#known.add(stretch.program);
    const patience = this.#patience(stretch);
    for (const [thread, watched] of this.#watched.entries()) {
      const beat = this.#read(thread, STATE_BEAT);
      if (beat !== watched.beat || this.#read(thread, STATE_PLACE) === PLACE_IDLE) {
        this.#longestMs = Math.max(this.#longestMs, watched.ageMs);
        this.#watched[thread] = fresh(beat);
        continue;
      }
      watched.looks++;
      if (watched.looks < QUIET_LOOKS) continue;
      const limit = this.#age(thread, watched) ? patience : patience * this.#wallFactor();
      if (watched.ageMs >= limit) return { thread, ms: watched.ageMs };
    }
    return undefined;
  }

  /** Updates the age. @returns whether it is processor time; time at a barrier counts as none otherwise */
  #age(thread: number, watched: Watched): boolean {
    const cpuMs = processorMs(this.#read(thread, STATE_SYSTEM_ID));
    if (cpuMs === undefined) {
      const waits = (this.#read(thread, STATE_PLACE) & 1) !== 0 || this.#read(thread, STATE_PLACE) < 0;
      watched.ageMs = waits ? 0 : watched.looks * LOOK_MS;
      return false;
    }
    watched.cpuMs ??= cpuMs;
    watched.ageMs = cpuMs - watched.cpuMs;
    return true;
  }

  #patience({ program }: WorkerStretch): number {
    const { programs, threads } = this.#setup;
    const flopsPerMs = this.#known.has(program) ? FLOPS_PER_MS : FIRST_FLOPS_PER_MS;
    const productMs = mostFlops(programs[program]) / threads / flopsPerMs;
    return Math.max(PATIENCE_MS + productMs, LONGEST_FACTOR * this.#longestMs) - QUIET_LOOKS * LOOK_MS;
  }

  #read(thread: number, offset: number): number {
    const { blocks, ownBytes } = this.#setup.layout;
    return this.#words[(blocks + thread * ownBytes + offset) >>> 2];
  }
}

/** `in conv2d forward (conv2dForward)`: where a thread is, for messages. */
export function whereabouts(setup: GangSetup, thread: number): string {
  const { blocks, ownBytes } = setup.layout;
  const words = new Int32Array(setup.memory.buffer);
  const read = (offset: number) => words[(blocks + thread * ownBytes + offset) >>> 2];
  const place = read(STATE_PLACE);
  if (place === PLACE_IDLE) return "between two tasks";
  if (place === PLACE_END_OF_STEP) return "at the end of a step";
  const { calls = [], prologue = [] } = setup.programs[read(STATE_PROGRAM)] ?? {};
  const call = calls[place >> 1] ?? prologue[(place >> 1) - calls.length];
  if (!call) return "before its first instruction";
  return place % 2 === 1
    ? `at the barrier before ${call.label} (${call.kernel})`
    : `in ${call.label} (${call.kernel})`;
}

const fresh = (beat: number): Watched => ({ beat, looks: 0, cpuMs: undefined, ageMs: 0 });

function mostFlops({ calls }: Program): number {
  return Math.max(0, ...calls.map((call) => call.work?.flops ?? 0));
}
