/** `cbapd train`, killed 1,000 times: CBAPD_COUNT=100 CBAPD_SEED=2 npm run test:soak -- kill. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { killAgain } from "../support/killing.js";
import { soakCount, soakReport, soakSeed } from "../support/soak.js";
import { temporaryFolder } from "../support/temporary.js";

/** Kills of one run, before another begins. */
const CHAIN = 50;

it("kills", async () => {
  const count = soakCount(1000);
  const started = performance.now();
  const sums = { starting: 0, writing: 0, steps: 0, epochs: 0 };
  for (let done = 0; done < count; done += CHAIN) {
    const kills = Math.min(CHAIN, count - done);
    // One process a run, as a user starts it.
    const run = join(temporaryFolder(), "run");
    const tally = await killAgain([run], kills, soakSeed() * 1000 + done);
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += tally[key];
  }
  expect(sums.steps).toBeGreaterThan(count / 10);
  const { starting, writing, steps, epochs } = sums;
  const kinds = `${starting} while starting, ${writing} with a half-written file`;
  soakReport(`kills (${kinds}; ${steps} steps, ${epochs} epochs)`, count, started);
});
