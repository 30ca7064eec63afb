/** The control block in shared memory: the barrier's words (assembly/barrier.ts), then the main thread's. Byte offsets. */
export const CONTROL_BYTES = 640;
export const CONTROL_ABORT = 192; // set: every barrier gives up
export const CONTROL_STOP = 256; // set by the main thread: end after the step in work
export const CONTROL_DECISION = 320; // two words: what worker 0 decided at the end of an even, of an odd step
export const CONTROL_PROGRESS = 384; // steps of the epoch that are done
export const CONTROL_NEXT_THREAD = 448; // dealt to threads as they start: each one's number
export const CONTROL_BAD = 512; // two words, of an even, of an odd step: set by whoever found a number that is not finite
export const CONTROL_FINDING = 576; // three words of an inspected step: call, output, index of the first such number

/** In CONTROL_FINDING: nothing found. */
export const NOTHING_FOUND = 0x7fffffff;

/** What barrier() returns. */
export const BARRIER_ABORTED = 1;
export const BARRIER_TIMED_OUT = 2;
