/** Whether two settings are the same: numbers, text, lists and plain objects of them. node:util has it, but not in a page. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const [old, current] = [a, b] as Record<string, unknown>[];
  const keys = Object.keys(old);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(current).length &&
    keys.every((key) => key in current && sameValue(old[key], current[key]))
  );
}
