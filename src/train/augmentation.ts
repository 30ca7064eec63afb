/** What users say about augmentation, checked. The work itself is done by kernels, as images enter the batch. */
import { mustBe, OptionError, rejectUnknownKeys, show } from "../errors.js";
import type { Augmentation } from "../reference/augmentation.js";
import type { Shape } from "../shape.js";

const KEYS = ["crop", "flip", "color", "cutout"];

/**
 * Complete and in one order; undefined when nothing is to be done.
 * @param image the network's input shape
 * @throws OptionError
 */
export function resolveAugmentation(given: Augmentation | undefined, image: Shape): Augmentation | undefined {
  if (given === undefined) return undefined;
  const where = "augment";
  rejectUnknownKeys(where, given, KEYS);
  const { crop = 0, flip = false, color = 0, cutout = 0 } = given;
  if (!(Number.isInteger(crop) && crop >= 0)) {
    throw new OptionError(mustBe(where, "crop", "be a whole number of pixels", crop));
  }
  if (typeof flip !== "boolean") throw new OptionError(mustBe(where, "flip", "be true or false", flip));
  if (!(typeof color === "number" && color >= 0 && color <= 1)) {
    throw new OptionError(mustBe(where, "color", "lie in [0, 1]", color));
  }
  if (!(Number.isInteger(cutout) && cutout >= 0)) {
    throw new OptionError(mustBe(where, "cutout", "be a whole number of pixels", cutout));
  }
  const wanted = {
    ...(crop > 0 && { crop }),
    ...(flip && { flip }),
    ...(color > 0 && { color }),
    ...(cutout > 0 && { cutout }),
  };
  if (Object.keys(wanted).length === 0) return undefined;
  if (image.length !== 3) {
    throw new OptionError(
      mustBe(where, "the network's input", "be images, [height, width, channels]", image),
    );
  }
  const side = Math.min(image[0], image[1]);
  const context = `images ${show(image)}`;
  if (crop >= side) throw new OptionError(mustBe(where, "crop", `be less than ${side}`, crop, context));
  if (cutout > side) throw new OptionError(mustBe(where, "cutout", `be at most ${side}`, cutout, context));
  return wanted;
}
