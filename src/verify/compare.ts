/** Their numbers against ours, one tensor at a time. */
import type { NDArray } from "../reference/ndarray.js";
import { largest } from "./values.js";

/** How far a tensor may be off. */
export interface Allowance {
  /** Absolute: of every element, or of each its own. */
  readonly tolerance: number | Float64Array;
  /** What a relative error is relative to, where that is not our largest element. */
  readonly scale?: number;
  /** Also enough: ‖theirs − ours‖ up to this. For tensors that a unit near a kink may legitimately change. */
  readonly norm?: number;
  /** The tensor is 0, or left out, because of this. */
  readonly remark?: string;
  /** Not compared at all. */
  readonly skip?: boolean;
}

export interface Comparison {
  /** The largest error, relative to our largest element, and absolute. */
  readonly relative: number;
  readonly absolute: number;
  /** Of the element with the largest error relative to its tolerance. */
  readonly index: readonly number[];
  readonly theirs: number;
  readonly ours: number;
  /** ‖theirs − ours‖/‖ours‖ */
  readonly norm: number;
  readonly verdict: Verdict;
  readonly remark?: string;
}

/** "norm": single elements are off as units near a kink may make them, the whole is not. "left out": nothing to compare. */
export type Verdict = "ok" | "norm" | "wrong" | "left out";

export function compareTensor(theirs: NDArray, ours: NDArray, allowance: Allowance): Comparison {
  const { tolerance, norm, remark, skip } = allowance;
  const scale = allowance.scale ?? largest(ours);
  let worst = 0;
  let worstExcess = -1;
  let absolute = 0;
  let error2 = 0;
  let size2 = 0;
  for (let i = 0; i < ours.data.length; i++) {
    const a = theirs.data[i];
    const b = ours.data[i];
    const error = Object.is(a, b) ? 0 : Math.abs(a - b);
    const allowed = typeof tolerance === "number" ? tolerance : tolerance[i];
    // Written so that NaN is the worst of all, and stays.
    if (!(error <= absolute)) absolute = Number.isNaN(absolute) ? absolute : error;
    const excess = error === 0 ? 0 : error / allowed;
    if (!(excess <= worstExcess) && !Number.isNaN(worstExcess)) {
      worst = i;
      worstExcess = excess;
    }
    error2 += error * error;
    size2 += b * b;
  }
  let verdict: Verdict = "ok";
  if (skip) verdict = "left out";
  else if (!(worstExcess <= 1)) verdict = norm !== undefined && Math.sqrt(error2) <= norm ? "norm" : "wrong";
  return {
    relative: absolute === 0 ? 0 : absolute / scale,
    absolute,
    index: indexOf(worst, ours.shape),
    theirs: theirs.data[worst],
    ours: ours.data[worst],
    norm: error2 === 0 ? 0 : Math.sqrt(error2 / size2),
    verdict,
    remark,
  };
}

/** Row-major: 7 of [2, 5] is [1, 2]. */
function indexOf(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (const size of [...shape].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}
