/** `cbapd train`, killed 1,000 times: CBAPD_COUNT=100 CBAPD_SEED=2 npm run test:soak -- kill. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { killAgain } from "../support/killing.js";
import { soakCount, soakReport, soakSeed } from "../support/soak.js";
import { temporaryFolder } from "../support/temporary.js";

/** Kills of one run, one process a life as a user starts it, before another run begins. */
const CHAIN = 50;
const COUNT = soakCount(1000);
const chains = Array.from({ length: Math.ceil(COUNT / CHAIN) }, (_, chain) => chain);

it.each(chains)("kills, chain %i", async (chain) => {
  const kills = Math.min(CHAIN, COUNT - chain * CHAIN);
  const started = performance.now();
  const run = join(temporaryFolder(), "run");
  const { starting, writing, steps, epochs } = await killAgain([run], kills, soakSeed() * 1000 + chain);
  expect(steps).toBeGreaterThan(kills / 10);
  const kinds = `${starting} while starting, ${writing} with a half-written file`;
  soakReport(
    `kills (chain ${chain}: ${kinds}; ${steps} steps, ${epochs} epochs)`,
    kills,
    started,
    soakSeed() + 1,
  );
});
