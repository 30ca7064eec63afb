/**
 * The leaky rectifier, element by element: below zero it lets a little through, so that no unit is dead for ever.
 *   y = x < 0 ? alpha·x : x
 * Backward: slope 1 above 0, alpha below and at 0. Where alpha ≥ 0, y is above 0 exactly where x is, so y is enough:
 *   dX = y > 0 ? dY : alpha·dY
 * Source: Maas, Hannun & Ng 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", section 2.
 */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { Layer } from "./layer.js";

export interface LeakyReLUOptions {
  /** The slope below 0, called negative_slope in Keras 3. */
  readonly alpha: number; // 0.3
}

export const leakyReLU: Layer<LeakyReLUOptions> = {
  kind: "leaky_re_lu",
  title: "LeakyReLU",
  options(given) {
    rejectUnknownKeys("leakyReLU", given, ["alpha"]);
    const { alpha = 0.3 } = given as { alpha?: unknown };
    if (typeof alpha !== "number" || !(alpha >= 0 && alpha < Number.POSITIVE_INFINITY)) {
      throw new OptionError(mustBe("leakyReLU", "alpha", "be a finite number ≥ 0", alpha));
    }
    return { alpha };
  },
  outputShape([input]) {
    return input;
  },
  parameterSpecs() {
    return {};
  },
  forward(backend, [x], _parameters, { alpha }) {
    const y = backend.leakyReLU(x, alpha);
    return { y, cache: { y } };
  },
  backward(backend, dY, _parameters, { y }, { alpha }, { dX }) {
    return { dXs: [dX ? backend.leakyReLUGradient(y, dY, alpha) : undefined], parameters: {} };
  },
  /** A comparison and a multiplication an element. */
  flops([input]) {
    return 2 * sizeOf(input);
  },
  receptiveField(field) {
    return field;
  },
};
