/**
 * Central differences in float64, the judge of every backward: for f = ⟨dY, y(v)⟩ and a direction u,
 *   ⟨df/dv, u⟩ ≈ ⟨dY, 8·(y(v + hu) − y(v − hu)) − (y(v + 2hu) − y(v − 2hu))⟩ / 12h.
 * Outputs are subtracted before they are summed, so that only what changed is rounded. With h = 2⁻¹⁴:
 *   truncation  h⁴/30·f⁽⁵⁾ ≈ 5·10⁻¹⁹·f⁽⁵⁾,    rounding  1.5·2⁻⁵³·√Σ(dY·y)²/h ≈ 3·10⁻¹²·√Σ(dY·y)².
 * Where a kink lies within 2h (relu's, a pooling tie) the formula is no derivative: a probe that disagrees is tried again with
 * smaller steps, which round more. A wrong gradient disagrees with all of them.
 */
import { CbapdError } from "../errors.js";
import type { NDArray } from "../reference/ndarray.js";
import { largest, randomValues } from "./values.js";

export const STEP = 2 ** -14;
const STEPS = [STEP, 2 ** -18, 2 ** -22];
/** What the chain of proof promises, relative to the gradient's largest element. */
export const RELATIVE_TOLERANCE = 1e-7;
/** Arrays up to this size are checked in every element. */
const ALL_ELEMENTS = 48;
const SAMPLED_ELEMENTS = 16;
const DIRECTIONS = 3;

export interface Disagreement {
  /** Of the element; undefined for a random direction, which is a sum over all elements. */
  readonly index: number | undefined;
  readonly analytic: number;
  readonly numeric: number;
  readonly error: number;
  readonly tolerance: number;
}

export interface GradientCheckOptions {
  readonly seed?: number; // 0
  /** Relative to the gradient's largest element. */
  readonly tolerance?: number; // 1e-7
}

/**
 * Holds a gradient against central differences: every element of a small array; of a larger one some elements, and random
 * directions of ±1 that sum over all.
 * @param forward  computes the output y from what `at` holds at the moment
 * @param at       the input or parameter, changed while it is probed, and put back
 * @param gradient of ⟨dY, y⟩ with respect to `at`
 * @returns        the probe with the largest error relative to its tolerance
 * @throws CbapdError when the gradient has another size than `at`
 */
export function gradientCheck(
  forward: () => NDArray,
  at: NDArray,
  dY: NDArray,
  gradient: NDArray,
  { seed = 0, tolerance = RELATIVE_TOLERANCE }: GradientCheckOptions = {},
): Disagreement {
  const count = at.data.length;
  if (gradient.data.length !== count) {
    throw new CbapdError(
      `the gradient must have ${count} values, as its tensor has; got ${gradient.data.length}.`,
    );
  }
  const held = Float64Array.from(at.data);
  const outputAt = (t: number, direction: ArrayLike<number> | number) => {
    if (typeof direction === "number") at.data[direction] = held[direction] + t;
    else for (let i = 0; i < count; i++) at.data[i] = held[i] + t * direction[i];
    const { data } = forward();
    if (typeof direction === "number") at.data[direction] = held[direction];
    else at.data.set(held);
    return data;
  };
  const base = forward().data;
  const roundings = 4 * 2 ** -53 * Math.sqrt(base.reduce((sum, y, i) => sum + (y * dY.data[i]) ** 2, 0));
  const scale = largest(gradient);
  let worst: Disagreement | undefined;
  const probe = (direction: ArrayLike<number> | number) => {
    const single = typeof direction === "number";
    const analytic = single ? gradient.data[direction] : dotProduct(gradient.data, direction);
    let probed: Disagreement | undefined;
    for (const step of STEPS) {
      const numeric = slope(outputAt, direction, dY.data, step);
      // A direction adds up `count` errors of either sign.
      const allowed = (scale * tolerance + roundings / step) * (single ? 1 : Math.sqrt(count));
      const error = Math.abs(analytic - numeric);
      const tried = { index: single ? direction : undefined, analytic, numeric, error, tolerance: allowed };
      probed ??= tried;
      if (!agrees(tried)) continue;
      probed = tried;
      break;
    }
    if (probed && (!worst || isWorse(probed, worst))) worst = probed;
  };
  for (const index of probedElements(count, seed)) probe(index);
  if (count > ALL_ELEMENTS) {
    for (let d = 0; d < DIRECTIONS; d++)
      probe(randomValues(count, seed + 1 + d).map((v) => (v < 0 ? -1 : 1)));
  }
  if (!worst) throw new CbapdError("a gradient check needs a tensor with at least one element.");
  return worst;
}

/** Zero against zero is no error; and NaN, which no comparison orders, is the worst there is. */
function isWorse(a: Disagreement, b: Disagreement): boolean {
  return !(a.error * b.tolerance <= b.error * a.tolerance);
}

/** Whether a probe is within its tolerance. Written so that NaN is not. */
export function agrees({ error, tolerance }: Disagreement): boolean {
  return error <= tolerance;
}

function slope(
  outputAt: (t: number, direction: ArrayLike<number> | number) => Float64Array,
  direction: ArrayLike<number> | number,
  dY: Float64Array,
  step: number,
): number {
  const [above, below] = [outputAt(step, direction), outputAt(-step, direction)];
  const [above2, below2] = [outputAt(2 * step, direction), outputAt(-2 * step, direction)];
  let sum = 0;
  for (let i = 0; i < dY.length; i++) {
    sum += dY[i] * (8 * (above[i] - below[i]) - (above2[i] - below2[i]));
  }
  return sum / (12 * step);
}

function probedElements(count: number, seed: number): number[] {
  if (count <= ALL_ELEMENTS) return Array.from({ length: count }, (_, i) => i);
  return Array.from(randomValues(SAMPLED_ELEMENTS, seed), (value) => Math.floor(((value + 1) / 2) * count));
}

function dotProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
