/**
 * What changes from step to step, while the program stays the same. Each worker has a copy of its own, at the same layout
 * as `assembly/state.ts`, and writes it before each step: nothing is shared, so nothing needs a barrier.
 */
export const STATE_BYTES = 64;
/** Byte offsets. */
export const STATE_STEP = 0; // uint32: steps done before this one
export const STATE_SEED = 4; // uint32
export const STATE_FIRST = 8; // int32: the batch's first position in the epoch's order
export const STATE_LEARNING_RATE = 12; // float32: with Adam's bias correction, lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ)
export const STATE_LARGEST = 16; // uint32: the largest magnitude that the step wrote to weights and slots, as float32 bits
export const STATE_DECAY = 20; // float32: learning rate·weight decay
export const STATE_MIXTURE = 24; // float32: mixup's λ

/** From here on written by the thread for the main thread, which watches it (src/workers/watchdog.ts). */
export const STATE_BEAT = 32; // int32: grows with every instruction
export const STATE_PROGRAM = 36; // int32: the program in work
export const STATE_PLACE = 40; // int32: 2·call in its kernel, 2·call + 1 at the barrier before it, or one of the below
export const STATE_SYSTEM_ID = 44; // int32: the thread's number in the operating system; 0 where that is not known
export const STATE_PORT_ID = 48; // int32: the thread's number in Node

export const PLACE_IDLE = -1;
export const PLACE_END_OF_STEP = -2;

/** Bits of float32 infinity: every magnitude from here on is infinite or NaN. */
export const INFINITE_BITS = 0x7f800000;

/** Where the float32s of one step's record go, in order: what the main thread writes for every step of a stretch. */
export const STEP_NUMBERS = [STATE_LEARNING_RATE, STATE_DECAY, STATE_MIXTURE] as const;
