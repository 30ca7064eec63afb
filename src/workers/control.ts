/** The control block in shared memory: the barrier's words (assembly/barrier.ts), then the main thread's. Byte offsets. */
export const CONTROL_BYTES = 640;
export const CONTROL_ABORT = 192; // set: every barrier gives up
export const CONTROL_STOP = 256; // set by the main thread: end after the step in work
export const CONTROL_DECISION = 320; // two words: what worker 0 decided at the end of an even, of an odd step
export const CONTROL_PROGRESS = 384; // steps of the epoch that are done
export const CONTROL_NEXT_WORKER = 448; // dealt to threads as they start: each one's number

/** What barrier() returns. */
export const BARRIER_ABORTED = 1;
export const BARRIER_TIMED_OUT = 2;
