/**
 * cos, log, exp and powers from + − × ÷ alone: Math's own may differ in their last bit from engine to engine, these never
 * do. Each is off by a few times 2⁻⁵³ at most (exp and power: relative; cos: absolute), which test/elementary.test.ts holds.
 */

const { PI, LN2, SQRT1_2 } = Math; // the language gives their bits

/** cos(π·x), x in [0, 1]. Taylor: at π/2 the first term left out, (π/2)²⁴/24!, is 8e-20. */
export function cosPi(x: number): number {
  if (x > 0.5) return -cosPi(1 - x);
  const square = PI * x * (PI * x);
  let sum = 0;
  for (let n = 22; n > 0; n -= 2) sum = ((1 + sum) * -square) / (n * (n - 1));
  return 1 + sum;
}

/** log(x), x > 0 and finite. x = m·2ᵏ with m in [√½, √2), log m = 2·artanh((m − 1)/(m + 1)): the 12th term is 1e-19. */
export function log(x: number): number {
  let m = x;
  let k = 0;
  for (; m >= 2 * SQRT1_2; k++) m /= 2;
  for (; m < SQRT1_2; k--) m *= 2;
  const s = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 23; n > 0; n -= 2) sum = sum * s * s + 1 / n;
  return 2 * s * sum + k * LN2;
}

/** eˣ; 0 below −745 and infinite above 710. x = r + k·log 2, |r| ≤ log 2/2: the first term left out is 1e-19. */
export function exp(x: number): number {
  if (x < -746) return 0;
  if (x > 710) return Number.POSITIVE_INFINITY;
  const k = Math.floor(x / LN2 + 0.5);
  const r = x - k * LN2;
  let sum = 1;
  for (let n = 14; n > 0; n--) sum = 1 + (sum * r) / n;
  for (let i = 0; i < k; i++) sum *= 2;
  for (let i = 0; i > k; i--) sum /= 2;
  return sum;
}

/** base^exponent, base > 0. */
export function power(base: number, exponent: number): number {
  return exp(exponent * log(base));
}
