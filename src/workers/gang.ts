/** The gang: a fixed number of workers that run the same programs over one shared memory, each on its own range. */
import type { Program } from "../backend/wasm/program.js";
import type { Timeline } from "./timeline.js";

/** Where the workers' own memory lies. */
export interface GangLayout {
  /** Address of the control block (control.ts). */
  readonly control: number;
  /** Address of worker 0's block; the others follow, `ownBytes` apart. */
  readonly blocks: number;
  readonly ownBytes: number;
}

/** Everything that a worker needs, once; it can be cloned to a thread. */
export interface GangSetup {
  readonly core: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly layout: GangLayout;
  readonly workers: number;
  readonly programs: readonly Program[];
  /** Set for a profile: every call is timed. */
  readonly timeline?: Timeline;
}

/** Steps [from, to) over `count` examples in batches of `batchSize`, the last one as large as what remains. */
export interface WorkerStretch {
  /** Indices of the programs for whole batches and for the last, smaller one. */
  readonly program: number;
  readonly lastProgram: number;
  readonly batchSize: number;
  readonly count: number;
  readonly from: number;
  readonly to: number;
  /** The random numbers' counter at `from`. */
  readonly step: number;
  readonly seed: number;
  /** Address of STEP_NUMBERS float32 a step from `from` on (learning rate, …); 0 when the program reads none. */
  readonly stepNumbers: number;
}

export interface Gang {
  readonly workers: number;
  /** Resolves with the number of steps done: fewer than asked for only after requestStop(). @throws WorkerError */
  run(stretch: WorkerStretch): Promise<number>;
  /** Ends the stretch in work after its current step. */
  requestStop(): void;
  close(): Promise<void>;
}
