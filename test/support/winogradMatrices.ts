/** The matrices of Winograd's forms along one axis, written out as docs/winograd.md derives them, and what they do to roundings. */
import { amplification, transpose } from "./convolutionSums.js";

/** F(4, 3), at 0, ±√½, ±√2 and ∞. */
const a = Math.SQRT1_2;
const b = Math.SQRT2;
const B_TRANSPOSED = [
  [1, 0, -5 / 2, 0, 1, 0],
  [0, -2 * a, -2, a, 1, 0],
  [0, 2 * a, -2, -a, 1, 0],
  [0, -b, -1, 2 * b, 2, 0],
  [0, b, -1, -2 * b, 2, 0],
  [0, 1, 0, -5 / 2, 0, 1],
];
const G = [
  [1, 0, 0],
  [-2 / 3, (-2 / 3) * a, -1 / 3],
  [-2 / 3, (2 / 3) * a, -1 / 3],
  [1 / 12, b / 12, 1 / 6],
  [1 / 12, -b / 12, 1 / 6],
  [0, 0, 1],
];
const A_TRANSPOSED = [
  [1, 1, 1, 1, 1, 0],
  [0, a, -a, b, -b, 0],
  [0, 1 / 2, 1 / 2, 2, 2, 0],
  [0, a / 2, -a / 2, 2 * b, -2 * b, 1],
];

/** Those of F(2, 5): the same points, so the same Bᵀ. */
const G5 = [
  [1, 0, 0, 0, 0],
  [-2 / 3, (-2 / 3) * a, -1 / 3, -a / 3, -1 / 6],
  [-2 / 3, (2 / 3) * a, -1 / 3, a / 3, -1 / 6],
  [1 / 12, b / 12, 1 / 6, b / 6, 1 / 3],
  [1 / 12, -b / 12, 1 / 6, -b / 6, 1 / 3],
  [0, 0, 0, 0, 1],
];
const A5_TRANSPOSED = [
  [1, 1, 1, 1, 1, 0],
  [0, a, -a, b, -b, 1],
];

/** And those of F(4, 5), at 0, ±½, ±1, ±2 and ∞. */
const B8_TRANSPOSED = [
  [1, 0, -21 / 4, 0, 21 / 4, 0, -1, 0],
  [0, 2, 4, -5 / 2, -5, 1 / 2, 1, 0],
  [0, -2, 4, 5 / 2, -5, -1 / 2, 1, 0],
  [0, 1, 1, -17 / 4, -17 / 4, 1, 1, 0],
  [0, -1, 1, 17 / 4, -17 / 4, -1, 1, 0],
  [0, 1 / 2, 1 / 4, -5 / 2, -5 / 4, 2, 1, 0],
  [0, -1 / 2, 1 / 4, 5 / 2, -5 / 4, -2, 1, 0],
  [0, -1, 0, 21 / 4, 0, -21 / 4, 0, 1],
];
const powers = (x: number, count: number, weight = 1) =>
  Array.from({ length: count }, (_, i) => weight * x ** i);
const G8 = [
  [1, 0, 0, 0, 0],
  powers(1 / 2, 5, 32 / 45),
  powers(-1 / 2, 5, 32 / 45),
  powers(1, 5, -2 / 9),
  powers(-1, 5, -2 / 9),
  powers(2, 5, 1 / 90),
  powers(-2, 5, 1 / 90),
  [0, 0, 0, 0, 1],
];
const A8_TRANSPOSED = transpose([
  [1, 0, 0, 0],
  ...[1 / 2, -1 / 2, 1, -1, 2, -2].map((x) => powers(x, 4)),
  [0, 0, 0, 1],
]);

/** Aᵀ, Bᵀ and G along one axis, by outputs and taps. */
export const MATRICES = {
  "F(4, 3)": [A_TRANSPOSED, B_TRANSPOSED, G],
  "F(2, 5)": [A5_TRANSPOSED, B_TRANSPOSED, G5],
  "F(4, 5)": [A8_TRANSPOSED, B8_TRANSPOSED, G8],
} as const;
export type WinogradForm = keyof typeof MATRICES;

/** How the form along one axis amplifies roundings, taken as the root of what it does to variances along two. */
export function axisFactors(form: WinogradForm) {
  const [outer, input, kernel] = MATRICES[form];
  return {
    forward: amplification(outer, input, kernel, kernel[0].length),
    gradient: amplification(transpose(kernel), input, transpose(outer), outer.length),
  };
}
