/** No checkpoint is ever lost: `kill -9` at random moments. The large figure is test/soak/kill.soak.ts. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { killAgain } from "./support/killing.js";
import { temporaryFolder } from "./support/temporary.js";

it("50 kills: what is found is whole, is the last save or the one before, and nothing is left over", async () => {
  const folder = temporaryFolder();
  const runs = [1, 2, 3, 4, 5].map((run) => join(folder, `run-${run}`));
  const { starting, steps } = await killAgain(runs, 10, 1);
  expect(starting).toBeLessThan(30);
  expect(steps).toBeGreaterThanOrEqual(40);
}, 300_000);
