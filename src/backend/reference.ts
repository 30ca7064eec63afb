/** The reference backend: computes at once, in float64 plain loops. Slow, and obviously right. */
import * as activation from "../reference/activation.js";
import { add } from "../reference/add.js";
import * as averagePooling from "../reference/averagePooling2d.js";
import * as batchNormalization from "../reference/batchNormalization.js";
import * as concatenate from "../reference/concatenate.js";
import { conv2d, conv2dGradients } from "../reference/conv2d.js";
import * as crossEntropy from "../reference/crossEntropy.js";
import { dense, denseGradients } from "../reference/dense.js";
import { referenceDropout } from "../reference/dropout.js";
import * as elementwise from "../reference/elementwise.js";
import * as globalAveragePooling from "../reference/globalAveragePooling2d.js";
import * as l2 from "../reference/l2.js";
import * as leakyReLU from "../reference/leakyReLU.js";
import * as maxPooling from "../reference/maxPooling2d.js";
import type { NDArray } from "../reference/ndarray.js";
import { reshape } from "../reference/reshape.js";
import { channelSums } from "../reference/sums.js";
import type { Backend } from "./backend.js";

/** @param seed, step  decide which elements dropout drops */
export function referenceBackend({ seed, step }: { seed: number; step: number }): Backend<NDArray> {
  return {
    conv2d,
    conv2dGradients,
    dense,
    denseGradients,
    ...batchNormalization,
    ...activation,
    ...leakyReLU,
    ...maxPooling,
    ...averagePooling,
    ...globalAveragePooling,
    ...referenceDropout(seed, step),
    add,
    ...concatenate,
    ...elementwise,
    channelSums,
    reshape,
    ...crossEntropy,
    ...l2,
  };
}
