/**
 * The reference with every result of every operation rounded to float32: how far single roundings are carried through a network
 * is its condition, and bounds what any float32 implementation can promise for that batch and these weights.
 */
import type { Backend } from "../backend/backend.js";
import type { NDArray } from "../reference/ndarray.js";

export function roundedBackend(backend: Backend<NDArray>): Backend<NDArray> {
  const rounded = Object.entries(backend).map(([name, operation]) => [
    name,
    (...args: unknown[]) => roundAll((operation as (...args: unknown[]) => unknown)(...args)),
  ]);
  return Object.fromEntries(rounded) as Backend<NDArray>;
}

/** Arrays, lists and records of arrays; in place, as results are new. */
function roundAll<Result>(result: Result): Result {
  if (result instanceof Float64Array) result.set(result.map(Math.fround));
  else if (typeof result === "object" && result !== null) Object.values(result).forEach(roundAll);
  return result;
}
