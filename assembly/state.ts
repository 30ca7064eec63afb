/** Byte offsets of the step state: see src/backend/wasm/state.ts, which has the same. */
export const STATE_STEP: usize = 0; // u32: steps done before this one
export const STATE_SEED: usize = 4; // u32
export const STATE_FIRST: usize = 8; // i32: the batch's first position in the epoch's order
export const STATE_LEARNING_RATE: usize = 12; // f32: with Adam's bias correction
export const STATE_LARGEST: usize = 16; // u32: the largest magnitude written to weights and slots in this step, as f32 bits
export const STATE_DECAY: usize = 20; // f32: learning rate·weight decay
export const STATE_MIXTURE: usize = 24; // f32: mixup's λ
