/**
 * Fully connected layer: Y = X·W + b, X [N, in], W [in, out].
 * Backward: Y is linear in X, W and b, so  dW = Xᵀ·dY,  db = Σ_rows dY,  dX = dY·Wᵀ.
 */
import { rejectUnknownKeys } from "../errors.js";
import { type ActivationName, activationGradient, applyActivation, checkActivation } from "./activations.js";
import { flag, INITIALIZERS, inputOfRank, oneOf, positiveInteger } from "./checks.js";
import { checkRegularizer, type Regularizer } from "./l2.js";
import { type Initializer, type Layer, type ParameterSpec, present } from "./layer.js";

export interface DenseOptions {
  readonly units: number;
  readonly activation: ActivationName;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly biasInitializer: Initializer;
  readonly kernelRegularizer?: Regularizer;
  readonly biasRegularizer?: Regularizer;
}

/** What the user writes; defaults as in Keras. */
export interface DenseArguments extends Partial<DenseOptions> {
  readonly units: number;
}

const KEYS = [
  "units",
  "activation",
  "useBias",
  "kernelInitializer",
  "biasInitializer",
  "kernelRegularizer",
  "biasRegularizer",
];

export const dense: Layer<DenseOptions> = {
  kind: "dense",
  title: "Dense",

  options(given) {
    rejectUnknownKeys("dense", given, KEYS);
    const {
      units,
      activation = "linear",
      useBias = true,
      kernelInitializer = "glorotUniform",
      biasInitializer = "zeros",
      kernelRegularizer,
      biasRegularizer,
    } = given as DenseArguments;
    return {
      units: positiveInteger("dense", "units", units),
      activation: checkActivation("dense", activation),
      useBias: flag("dense", "useBias", useBias),
      kernelInitializer: oneOf("dense", "kernelInitializer", kernelInitializer, INITIALIZERS),
      biasInitializer: oneOf("dense", "biasInitializer", biasInitializer, INITIALIZERS),
      kernelRegularizer: checkRegularizer("dense", kernelRegularizer),
      biasRegularizer: checkRegularizer("dense", biasRegularizer, "biasRegularizer"),
    };
  },

  outputShape(inputs, { units }, name) {
    inputOfRank(name, inputs, 1);
    return [units];
  },

  parameterSpecs([input], options) {
    const kernel: ParameterSpec = {
      shape: [input[0], options.units],
      initializer: options.kernelInitializer,
      trainable: true,
      l2: options.kernelRegularizer?.l2,
    };
    const bias: ParameterSpec = {
      shape: [options.units],
      initializer: options.biasInitializer,
      trainable: true,
      l2: options.biasRegularizer?.l2,
    };
    return present({ kernel, bias: options.useBias ? bias : undefined });
  },

  forward(backend, [x], { kernel, bias }, options) {
    const y = applyActivation(backend, options.activation, backend.dense(x, kernel, bias));
    return { y, cache: { x, y } };
  },

  backward(backend, dY, { kernel }, { x, y }, options, context) {
    const dLinear = activationGradient(backend, options.activation, y, dY);
    const wishes = { dX: context.dX, dBias: options.useBias };
    const { dX, dKernel, dBias } = backend.denseGradients(x, kernel, dLinear, wishes);
    return { dXs: [dX], parameters: present({ kernel: dKernel, bias: dBias }) };
  },

  flops([input], { units }) {
    return 2 * input[0] * units;
  },

  receptiveField: (field) => field,
};
