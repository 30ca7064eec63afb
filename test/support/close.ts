/** The one comparator. Written `!(error <= tolerance)`, so that NaN fails. */
export interface Tolerance {
  /** Relative to the largest absolute value expected: what float32 sums of that size can promise. */
  readonly rtol?: number;
  readonly atol?: number;
}

/** @throws Error naming the worst element: index, both values, error, tolerance and context. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 0, atol = 0 }: Tolerance,
  context = "",
): void {
  if (actual.length !== expected.length) {
    throw new Error(`expected ${expected.length} values, got ${actual.length} ${context}`);
  }
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  const tolerance = atol + rtol * largest;
  let worst = -1;
  let worstError = -1;
  for (let i = 0; i < expected.length; i++) {
    const error = Object.is(actual[i], expected[i]) ? 0 : Math.abs(actual[i] - expected[i]);
    if (!(error <= worstError)) {
      worst = i;
      worstError = error;
      if (Number.isNaN(error)) break;
    }
  }
  if (worst >= 0 && !(worstError <= tolerance)) {
    throw new Error(
      `element ${worst}: got ${actual[worst]}, expected ${expected[worst]}, error ${worstError} > ${tolerance} ${context}`,
    );
  }
}

/** Unit roundoff of float32: each rounded operation has a relative error of at most this. */
export const FLOAT32_EPSILON = 2 ** -24;

/**
 * Relative tolerance for a float32 sum of `length` products: errors of rounding grow with √length when they are
 * independent, and with length at worst; 4·√length + 8 roundings leaves room without hiding a lost term.
 */
export function sumTolerance(length: number): number {
  return (4 * Math.sqrt(length) + 8) * FLOAT32_EPSILON;
}
