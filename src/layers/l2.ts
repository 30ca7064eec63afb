/** Weight decay in the loss: rate·Σw². Keras' `l2`. */
import { mustBe, OptionError } from "../errors.js";

export interface Regularizer {
  readonly l2: number;
}

/** @param rate finite, ≥ 0; Keras' default 0.01 @throws OptionError */
export function l2(rate = 0.01): Regularizer {
  if (!(Number.isFinite(rate) && rate >= 0)) {
    throw new OptionError(mustBe("l2", "rate", "be a finite number ≥ 0", rate));
  }
  return { l2: rate };
}

/** @throws OptionError */
export function checkRegularizer(
  where: string,
  value: unknown,
  argument = "kernelRegularizer",
): Regularizer | undefined {
  if (value === undefined || value === null) return undefined;
  const rate = (value as Partial<Regularizer>).l2;
  if (typeof rate !== "number") {
    throw new OptionError(mustBe(where, argument, "be l2(rate)", value));
  }
  return l2(rate);
}
