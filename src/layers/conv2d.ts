/**
 * 2-D convolution, NHWC, as im2col and one matrix product.
 *   P = im2col(X)  [N·Ho·Wo, K], K = kh·kw·C        Y = P·W + b   [N·Ho·Wo, F]
 * Backward: Y is linear in P, W and b, so
 *   dW = Pᵀ·dY,  db = Σ_rows dY,  dP = dY·Wᵀ,  dX = col2im(dP).
 * col2im is the transpose of im2col: where windows overlap, it adds.
 */
import { rejectUnknownKeys } from "../errors.js";
import { type Padding, type Pair, toPair, type Window2D, windowGeometry } from "../shape.js";
import { type ActivationName, activationGradient, applyActivation, checkActivation } from "./activations.js";
import { flag, INITIALIZERS, inputOfRank, oneOf, PADDINGS, positiveInteger } from "./checks.js";
import { checkRegularizer, type Regularizer } from "./l2.js";
import { type Initializer, type Layer, type ParameterSpec, present } from "./layer.js";

export interface Conv2DOptions {
  readonly filters: number;
  readonly kernelSize: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
  readonly activation: ActivationName;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly biasInitializer: Initializer;
  readonly kernelRegularizer?: Regularizer;
  readonly biasRegularizer?: Regularizer;
}

/** What the user writes; defaults as in Keras. */
export interface Conv2DArguments {
  readonly filters: number;
  readonly kernelSize: number | Pair;
  readonly strides?: number | Pair; // 1
  readonly padding?: Padding; // "valid"
  readonly activation?: ActivationName; // "linear"
  readonly useBias?: boolean; // true
  readonly kernelInitializer?: Initializer; // "glorotUniform"
  readonly biasInitializer?: Initializer; // "zeros"
  readonly kernelRegularizer?: Regularizer;
  readonly biasRegularizer?: Regularizer;
}

const KEYS = [
  "filters",
  "kernelSize",
  "strides",
  "padding",
  "activation",
  "useBias",
  "kernelInitializer",
  "biasInitializer",
  "kernelRegularizer",
  "biasRegularizer",
];

const windowOf = ({ kernelSize, strides, padding }: Conv2DOptions): Window2D => ({
  kernel: kernelSize,
  strides,
  padding,
});

export const conv2d: Layer<Conv2DOptions> = {
  kind: "conv2d",
  title: "Conv2D",

  options(given) {
    rejectUnknownKeys("conv2d", given, KEYS);
    const {
      filters,
      kernelSize,
      strides = 1,
      padding = "valid",
      activation = "linear",
      useBias = true,
      kernelInitializer = "glorotUniform",
      biasInitializer = "zeros",
      kernelRegularizer,
      biasRegularizer,
    } = given as Conv2DArguments;
    return {
      filters: positiveInteger("conv2d", "filters", filters),
      kernelSize: toPair("conv2d", "kernelSize", kernelSize),
      strides: toPair("conv2d", "strides", strides),
      padding: oneOf("conv2d", "padding", padding, PADDINGS),
      activation: checkActivation("conv2d", activation),
      useBias: flag("conv2d", "useBias", useBias),
      kernelInitializer: oneOf("conv2d", "kernelInitializer", kernelInitializer, INITIALIZERS),
      biasInitializer: oneOf("conv2d", "biasInitializer", biasInitializer, INITIALIZERS),
      kernelRegularizer: checkRegularizer("conv2d", kernelRegularizer),
      biasRegularizer: checkRegularizer("conv2d", biasRegularizer, "biasRegularizer"),
    };
  },

  outputShape(inputs, options, name) {
    const [height, width] = inputOfRank(name, inputs, 3);
    const { outHeight, outWidth } = windowGeometry(name, height, width, windowOf(options));
    return [outHeight, outWidth, options.filters];
  },

  parameterSpecs([input], options) {
    const kernel: ParameterSpec = {
      shape: [...options.kernelSize, input[2], options.filters],
      initializer: options.kernelInitializer,
      trainable: true,
      l2: options.kernelRegularizer?.l2,
    };
    const bias: ParameterSpec = {
      shape: [options.filters],
      initializer: options.biasInitializer,
      trainable: true,
      l2: options.biasRegularizer?.l2,
    };
    return present({ kernel, bias: options.useBias ? bias : undefined });
  },

  forward(backend, [x], { kernel, bias }, options) {
    const linear = backend.conv2d(x, kernel, bias, windowOf(options));
    const y = applyActivation(backend, options.activation, linear);
    return { y, cache: { x, y } };
  },

  backward(backend, dY, { kernel }, { x, y }, options, context) {
    const dLinear = activationGradient(backend, options.activation, y, dY);
    const wishes = { dX: context.dX, dBias: options.useBias };
    const { dX, dKernel, dBias } = backend.conv2dGradients(x, kernel, dLinear, windowOf(options), wishes);
    return { dXs: [dX], parameters: present({ kernel: dKernel, bias: dBias }) };
  },

  flops([input], options) {
    const [height, width] = input;
    const { outHeight, outWidth } = windowGeometry("conv2d", height, width, windowOf(options));
    const [kh, kw] = options.kernelSize;
    return 2 * outHeight * outWidth * kh * kw * input[2] * options.filters;
  },

  receptiveField({ size, jump }, { kernelSize, strides }) {
    return {
      size: [size[0] + (kernelSize[0] - 1) * jump[0], size[1] + (kernelSize[1] - 1) * jump[1]],
      jump: [jump[0] * strides[0], jump[1] * strides[1]],
    };
  },
};
