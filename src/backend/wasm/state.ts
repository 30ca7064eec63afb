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
export const STATE_DECAY = 20; // float32: learning rate·weight decay
export const STATE_MIXTURE = 24; // float32: mixup's λ

/** Where the float32s of one step's record go, in order: what the main thread writes for every step of a stretch. */
export const STEP_NUMBERS = [STATE_LEARNING_RATE, STATE_DECAY, STATE_MIXTURE] as const;
