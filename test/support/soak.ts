/** How much of a soak test to run: all of it, or a piece. Pieces with different seeds add up. */

/** CBAPD_COUNT, or the whole figure. */
export function soakCount(whole: number): number {
  return numberFrom("CBAPD_COUNT", whole);
}

/** CBAPD_SEED, or 1: where the random cases start. */
export function soakSeed(): number {
  return numberFrom("CBAPD_SEED", 1);
}

/**
 * One line for docs/reliability.md: what was reached, and how long it took.
 * @param nextSeed the CBAPD_SEED with which the next piece goes on; where pieces do not add up there is none
 */
export function soakReport(what: string, count: number, startedMs: number, nextSeed?: number): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  const next = nextSeed === undefined ? "" : `; the next piece: CBAPD_SEED=${nextSeed}`;
  process.stdout.write(`soak: ${what}: ${count} from seed ${soakSeed()} in ${seconds} s${next}\n`);
}

function numberFrom(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number; got ${JSON.stringify(text)}.`);
  return Number(text);
}
