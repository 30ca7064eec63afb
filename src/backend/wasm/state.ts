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
export const STATE_DECAY = 16; // float32: learning rate·weight decay
export const STATE_MIXTURE = 20; // float32: mixup's λ

/** The float32s from STATE_LEARNING_RATE on that change from step to step: they come as one record a step. */
export const STEP_NUMBERS = 3;
