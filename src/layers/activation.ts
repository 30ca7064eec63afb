/**
 * An activation function as a layer of its own. With y = f(x), in terms of the output:
 *   relu     y = max(x, 0)                dX = y > 0 ? dY : 0
 *   sigmoid  y = 1/(1 + e⁻ˣ)              dX = dY·y·(1 − y)
 *   tanh     y = tanh x                   dX = dY·(1 − y²)
 *   softmax  y_k = e^{x_k}/Σ_j e^{x_j}    dX = y·(dY − Σ_k dY_k·y_k), over the last axis
 */
import { rejectUnknownKeys } from "../errors.js";
import { type ActivationName, activationGradient, applyActivation, checkActivation } from "./activations.js";
import type { Layer } from "./layer.js";

export interface ActivationOptions {
  readonly activation: ActivationName;
}

export const activation: Layer<ActivationOptions> = {
  kind: "activation",
  title: "Activation",

  options(given) {
    rejectUnknownKeys("activation", given, ["activation"]);
    return { activation: checkActivation("activation", (given as Partial<ActivationOptions>).activation) };
  },

  outputShape: ([input]) => input,
  parameterSpecs: () => ({}),

  forward(backend, [x], _parameters, options) {
    const y = applyActivation(backend, options.activation, x);
    return { y, cache: { y } };
  },

  backward(backend, dY, _parameters, { y }, options) {
    return { dXs: [activationGradient(backend, options.activation, y, dY)], parameters: {} };
  },

  flops: () => 0,
  receptiveField: (field) => field,
};
