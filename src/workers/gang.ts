/** The gang: a fixed number of workers that run the same programs over one shared memory, each on its own range. */
import type { Program } from "../backend/wasm/program.js";
import type { Timeline } from "./timeline.js";

/** Where the workers' own memory lies. */
export interface GangLayout {
  /** Address of the control block (control.ts). */
  readonly control: number;
  /** Address of thread 0's block; the others follow, `ownBytes` apart. */
  readonly blocks: number;
  readonly ownBytes: number;
  /** float64 [4]: the sums over the epoch so far, the loss first. */
  readonly totals: number;
}

/** Everything that a worker needs, once; it can be cloned to a thread. */
export interface GangSetup {
  readonly core: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly layout: GangLayout;
  /** Into how many ranges the work is split. */
  readonly workers: number;
  /** How many threads there are, at most `workers`: each does the work of one worker or of several. */
  readonly threads: number;
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
  /** Ends the stretch after a step that left a loss, weight or slot infinite or NaN. */
  readonly watchNumbers?: boolean;
  /** Goes on where the last stretch ended, with the same weights. */
  readonly continues?: boolean;
  /** Looks at everything that the first step writes, instruction by instruction, and ends the stretch within it if need be. */
  readonly inspect?: boolean;
}

export interface StretchResult {
  /** Steps done: fewer than asked for only after requestStop(), or when `bad` is set. */
  readonly steps: number;
  /** The last of them left numbers that are not finite. */
  readonly bad: boolean;
  /** Where they first showed, if that step was inspected. */
  readonly finding?: Finding;
}

/** The first number that was not finite: which call of which program, which of its outputs, which element. */
export interface Finding {
  readonly program: number;
  readonly call: number;
  readonly output: number;
  readonly index: number;
}

export interface Gang {
  readonly workers: number;
  /** @throws WorkerError */
  run(stretch: WorkerStretch): Promise<StretchResult>;
  /** Ends the stretch in work after its current step. */
  requestStop(): void;
  close(): Promise<void>;
}
