/** All layers but the input, which computes nothing. */
import type { LayerDescription } from "../description.js";
import { activation } from "./activation.js";
import { batchNormalization } from "./batchNormalization.js";
import { conv2d } from "./conv2d.js";
import { dense } from "./dense.js";
import { leakyReLU } from "./leakyReLU.js";
import { averagePooling2d, globalAveragePooling2d, maxPooling2d } from "./pooling.js";
import { add, concatenate, dropout, flatten } from "./shaping.js";

export const DESCRIPTIONS: readonly LayerDescription[] = [
  conv2d,
  dense,
  batchNormalization,
  activation,
  leakyReLU,
  maxPooling2d,
  averagePooling2d,
  globalAveragePooling2d,
  dropout,
  flatten,
  add,
  concatenate,
];
