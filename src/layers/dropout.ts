/**
 * Dropout, inverted: y = x·mask/(1 − rate) while training, y = x otherwise; each mask element is 1 with probability 1 − rate.
 * Backward: dX = dY·mask/(1 − rate), with the same mask.
 * Source: Srivastava et al. 2014, JMLR 15; scaled while training, as Keras does.
 */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { type Layer, present } from "./layer.js";

export interface DropoutOptions {
  /** The share of elements that is dropped, in [0, 1). */
  readonly rate: number;
}

export const dropout: Layer<DropoutOptions> = {
  kind: "dropout",
  title: "Dropout",

  options(given) {
    rejectUnknownKeys("dropout", given, ["rate"]);
    const { rate } = given as DropoutOptions;
    if (!(rate >= 0 && rate < 1)) throw new OptionError(mustBe("dropout", "rate", "lie in [0, 1)", rate));
    return { rate };
  },

  outputShape: ([input]) => input,
  parameterSpecs: () => ({}),

  forward(backend, [x], _parameters, { rate }, { training, stream }) {
    if (!training || rate === 0) return { y: x, cache: present<typeof x>({}) };
    const { y, mask } = backend.dropout(x, rate, stream);
    return { y, cache: present({ mask }) };
  },

  backward(backend, dY, _parameters, { mask }, { rate }) {
    return { dXs: [mask ? backend.dropoutGradient(mask, dY, rate) : dY], parameters: {} };
  },

  flops: () => 0,
  receptiveField: (field) => field,
};
