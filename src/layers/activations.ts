/** The activation functions that a layer may end in, by name, and their gradients in terms of their own output. */
import type { Backend, Tensor } from "../backend/backend.js";
import { OptionError, show, unknownName } from "../errors.js";

export const ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"] as const;
export type ActivationName = (typeof ACTIVATIONS)[number];

/** @throws OptionError naming the nearest activation */
export function checkActivation(where: string, value: unknown): ActivationName {
  const known = ACTIVATIONS.find((name) => name === value);
  if (known) return known;
  if (typeof value !== "string") {
    throw new OptionError(
      `${where}: activation must be one of ${ACTIVATIONS.join(", ")}; got ${show(value)}.`,
    );
  }
  throw new OptionError(`${where}: ${unknownName("activation", value, ACTIVATIONS)}`);
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

/** dX from the activation's output y. */
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
