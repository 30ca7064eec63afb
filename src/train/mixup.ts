/** Mixup's λ: how much of an image is its own, and how much its neighbour's. One for each step. */
import { exp, log } from "../elementary.js";
import { mustBe, OptionError } from "../errors.js";
import { Purpose, philox } from "../random.js";

/** Jöhnk's method accepts ever fewer draws as alpha grows: one in seventy at 4. */
const MAX_ALPHA = 4;
/** Apart from what augmentation draws, whose last counter is 0. */
const STREAM = 1;

/** Undefined when there is to be none. @throws OptionError */
export function resolveMixup(alpha: number | undefined): number | undefined {
  if (alpha === undefined || alpha === 0) return undefined;
  if (!(typeof alpha === "number" && alpha > 0 && alpha <= MAX_ALPHA)) {
    throw new OptionError(mustBe("fit", "mixup", `lie in [0, ${MAX_ALPHA}]`, alpha));
  }
  return alpha;
}

/**
 * λ ~ Beta(alpha, alpha), a function of seed and step alone. With U, V uniform in (0, 1), X = U^(1/α) and Y = V^(1/α),
 * drawn until X + Y ≤ 1, it is X/(X + Y); taken from the logarithms, as X and Y may be too small for a number.
 * Source: Jöhnk 1964; mixup: Zhang et al. 2018, arXiv:1710.09412.
 */
export function mixtureAt(seed: number, step: number, alpha: number): number {
  for (let attempt = 0; ; attempt++) {
    const words = philox(attempt, step, 0, STREAM, seed, Purpose.Augmentation);
    const [logX, logY] = words.slice(0, 2).map((word) => log((word + 0.5) / 0x100000000) / alpha);
    if (exp(logX) + exp(logY) <= 1) return 1 / (1 + exp(logY - logX));
  }
}
