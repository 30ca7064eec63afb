import fc from "fast-check";
import { type ActivationOptions, activation as layer } from "../../layers/activation.js";
import { ACTIVATIONS } from "../../layers/activations.js";
import { type LayerDescription, ROUNDOFF, randomLayerValues, sumError } from "../description.js";
import { largest, tieFree } from "../values.js";
import { sizeUpTo } from "./arbitraries.js";

export const activation: LayerDescription = {
  name: "activation",
  cases({ batch, size, channels }) {
    const flat = fc.tuple(sizeUpTo(size * channels));
    const picture = fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels));
    return fc
      .record({
        activation: fc.constantFrom(...ACTIVATIONS),
        input: fc.oneof(flat, picture),
        batch: sizeUpTo(batch),
      })
      .map(({ activation, input, batch }) => ({
        layer,
        options: layer.options({ activation }),
        inputs: [input],
        batch,
        training: true,
      }));
  },
  /** Away from relu's kink. */
  values: (given, seed) => randomLayerValues(given, seed, tieFree),
  /**
   * relu and linear only choose. exp and tanh are good to 1 ulp, sigmoid to 2, all of values up to 1. Softmax: exp(x − max) ≤ 1, whose
   * argument is rounded by |x − max|·u, over a sum of the last axis, then Σ dY·y over it again.
   */
  tolerances(given, { xs, dY }, expected) {
    const { activation: name } = given.options as ActivationOptions;
    const slope = largest(dY);
    if (name === "linear" || name === "relu")
      return new Map([
        ["y", 0],
        ["dX", 0],
      ]);
    if (name === "sigmoid" || name === "tanh") {
      const ofY = 4 * ROUNDOFF;
      return new Map([
        ["y", ofY],
        ["dX", slope * (2 * ofY + 4 * ROUNDOFF)],
      ]);
    }
    const terms = given.inputs[0][given.inputs[0].length - 1];
    const ofExponent = (2 * largest(xs[0]) + 4) * ROUNDOFF;
    const ofY = (2 * ofExponent + sumError(terms)) * largest(expected.get("y")!);
    // y·(dY − Σ dY·y): Σ y = 1, so each of the two factors is off by its own share.
    const ofSum = slope * (2 * ofExponent + 2 * sumError(terms));
    return new Map([
      ["y", ofY],
      ["dX", 2 * slope * ofY + largest(expected.get("y")!) * (ofSum + 4 * ROUNDOFF * slope)],
    ]);
  },
};
