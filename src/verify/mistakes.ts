/** What goes wrong in other people's layers, again and again. `cbapd check` tries each of them on the reference. */
import { KERNEL_MISTAKES } from "./mistakes/kernels.js";
import type { Mistake } from "./mistakes/mistake.js";
import { NORMALIZATION_MISTAKES } from "./mistakes/normalization.js";
import { POOLING_MISTAKES } from "./mistakes/pooling.js";
import { TRAINING_MISTAKES } from "./mistakes/training.js";

export type { Mistake } from "./mistakes/mistake.js";

export const MISTAKES: readonly Mistake[] = [
  ...KERNEL_MISTAKES,
  ...NORMALIZATION_MISTAKES,
  ...POOLING_MISTAKES,
  ...TRAINING_MISTAKES,
];
