/** Activation functions by name: what the activation layer, dense and conv2d share. */
import type { Backend, Tensor } from "../backend/backend.js";
import { OptionError, unknownName } from "../errors.js";

export const ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"] as const;
export type ActivationName = (typeof ACTIVATIONS)[number];

/** @throws OptionError naming the nearest activation */
export function checkActivation(where: string, value: unknown): ActivationName {
  const known = ACTIVATIONS.find((name) => name === value);
  if (known) return known;
  const given = typeof value === "string" ? value : String(value);
  throw new OptionError(`${where}: ${unknownName("activation", given, ACTIVATIONS)}`);
}

export function applyActivation<T extends Tensor>(backend: Backend<T>, name: ActivationName, x: T): T {
  switch (name) {
    case "linear":
      return x;
    case "relu":
      return backend.relu(x);
    case "sigmoid":
      return backend.sigmoid(x);
    case "tanh":
      return backend.tanh(x);
    case "softmax":
      return backend.softmax(x);
  }
}

/** dX from the activation's output y: every derivative here is a function of y, so x need not be kept. */
export function activationGradient<T extends Tensor>(
  backend: Backend<T>,
  name: ActivationName,
  y: T,
  dY: T,
): T {
  switch (name) {
    case "linear":
      return dY;
    case "relu":
      return backend.reluGradient(y, dY);
    case "sigmoid":
      return backend.sigmoidGradient(y, dY);
    case "tanh":
      return backend.tanhGradient(y, dY);
    case "softmax":
      return backend.softmaxGradient(y, dY);
  }
}
