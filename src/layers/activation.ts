/**
 * Y = f(X), element by element; softmax over the last axis.
 * Backward, from y alone:
 *   relu     dX = y > 0 ? dY : 0
 *   sigmoid  dX = dY·y·(1 − y)
 *   tanh     dX = dY·(1 − y²)
 *   softmax  dX = y·(dY − Σ dY·y), since ∂y_i/∂x_j = y_i·(δ_ij − y_j)
 */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { sizeOf } from "../shape.js";
import { type ActivationName, activationGradient, applyActivation, checkActivation } from "./activations.js";
import type { Layer } from "./layer.js";

export interface ActivationOptions {
  readonly activation: ActivationName;
}

/** Operations an element: exp counts as one, so do divisions and comparisons. */
const FLOPS: Readonly<Record<ActivationName, number>> = {
  linear: 0,
  relu: 1,
  sigmoid: 4, // negate, exp, add, divide
  tanh: 5, // double, exp, add, divide, subtract
  softmax: 5, // maximum, subtract, exp, sum, divide
};

export const activation: Layer<ActivationOptions> = {
  kind: "activation",
  title: "Activation",
  options(given) {
    rejectUnknownKeys("activation", given, ["activation"]);
    const { activation: value } = given as { activation?: unknown };
    if (value === undefined) {
      throw new OptionError(mustBe("activation", "activation", "be given", value, 'such as "relu"'));
    }
    return { activation: checkActivation("activation", value) };
  },
  outputShape([input]) {
    return input;
  },
  parameterSpecs() {
    return {};
  },
  forward(backend, [x], _parameters, { activation }) {
    const y = applyActivation(backend, activation, x);
    return { y, cache: { y } };
  },
  backward(backend, dY, _parameters, { y }, { activation }, { dX }) {
    return { dXs: [dX ? activationGradient(backend, activation, y, dY) : undefined], parameters: {} };
  },
  flops([input], { activation }) {
    return FLOPS[activation] * sizeOf(input);
  },
  receptiveField(field) {
    return field;
  },
};
