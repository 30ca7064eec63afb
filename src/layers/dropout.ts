/**
 * While training, Y = M·X/(1 − rate), where each element of M is 1 with probability 1 − rate, else 0; otherwise Y = X.
 * The division keeps the expected value, so that inference needs no scaling. Y is linear in X, so
 *   dX = M·dY/(1 − rate).
 */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import type { Layer } from "./layer.js";

export interface DropoutOptions {
  /** The share of elements that fall. */
  readonly rate: number;
}

export const dropout: Layer<DropoutOptions> = {
  kind: "dropout",
  title: "Dropout",
  options(given) {
    rejectUnknownKeys("dropout", given, ["rate"]);
    const { rate } = given as { rate?: unknown };
    if (typeof rate !== "number" || !(rate >= 0 && rate < 1)) {
      throw new OptionError(mustBe("dropout", "rate", "be at least 0 and below 1", rate));
    }
    return { rate };
  },
  outputShape([input]) {
    return input;
  },
  parameterSpecs() {
    return {};
  },
  forward(backend, [x], _parameters, { rate }, { training, stream }) {
    const cache: Record<string, typeof x> = {};
    if (!training || rate === 0) return { y: x, cache };
    const { y, mask } = backend.dropout(x, rate, stream);
    cache.mask = mask;
    return { y, cache };
  },
  backward(backend, dY, _parameters, { mask }, { rate }, { dX }) {
    if (!dX) return { dXs: [undefined], parameters: {} };
    return { dXs: [mask ? backend.dropoutGradient(mask, dY, rate) : dY], parameters: {} };
  },
  /** None in inference. */
  flops() {
    return 0;
  },
  receptiveField(field) {
    return field;
  },
};
