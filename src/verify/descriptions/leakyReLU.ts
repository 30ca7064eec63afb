import fc from "fast-check";
import { leakyReLU as layer } from "../../layers/leakyReLU.js";
import { type LayerDescription, ROUNDOFF, randomLayerValues } from "../description.js";
import { largest, tieFree } from "../values.js";
import { sizeUpTo } from "./arbitraries.js";

export const leakyReLU: LayerDescription = {
  name: "leakyReLU",
  cases({ batch, size, channels }) {
    const flat = fc.tuple(sizeUpTo(size * channels));
    const picture = fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels));
    return fc
      .record({
        alpha: fc.constantFrom(0, 0.01, 0.3, 1, 1.7),
        input: fc.oneof(flat, picture),
        batch: sizeUpTo(batch),
      })
      .map(({ alpha, input, batch }) => ({
        layer,
        options: layer.options({ alpha }),
        inputs: [input],
        batch,
        training: true,
      }));
  },
  /** Away from the kink at 0. */
  values: (given, seed) => randomLayerValues(given, seed, tieFree),
  /** alpha is rounded to float32, and so is the product. */
  tolerances({ options }, { xs, dY }) {
    const { alpha } = options as { alpha: number };
    return new Map([
      ["y", 2 * ROUNDOFF * alpha * largest(xs[0])],
      ["dX", 2 * ROUNDOFF * alpha * largest(dY)],
    ]);
  },
};
