/** Sizes that break kernels: around a tile, prime, one, and any. */
import fc from "fast-check";
import type { ActivationName } from "../../layers/activations.js";
import type { Padding, Pair, Shape } from "../../shape.js";
import type { CaseBounds } from "../description.js";

/** Tiles are 5 rows by 8 columns. */
const AWKWARD = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17];

export function sizeUpTo(max: number): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(...AWKWARD.filter((size) => size <= max)), fc.integer({ min: 1, max }));
}

export const padding = fc.constantFrom<Padding>("same", "valid");
export const elementwise = fc.constantFrom<ActivationName>("linear", "linear", "relu", "sigmoid", "tanh");

/** A window and a picture that it fits into: with padding "same" the picture may be smaller than the window. */
export interface WindowedPicture {
  readonly window: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
  readonly picture: Shape;
}

export function windowedPicture(bounds: CaseBounds): fc.Arbitrary<WindowedPicture> {
  const window = fc.integer({ min: 1, max: bounds.kernel });
  const stride = fc.integer({ min: 1, max: 3 });
  return fc
    .record({
      window: fc.tuple(window, window),
      strides: fc.tuple(stride, stride),
      padding,
      size: fc.tuple(sizeUpTo(bounds.size), sizeUpTo(bounds.size)),
      channels: sizeUpTo(bounds.channels),
    })
    .map(({ size, channels, ...rest }) => {
      const least = rest.padding === "valid" ? rest.window : [1, 1];
      return { ...rest, picture: [size[0] + least[0] - 1, size[1] + least[1] - 1, channels] };
    });
}
