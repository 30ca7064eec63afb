/** Each of the six networks, resumed from 20 random steps: npm run test:soak -- resume. */
import { describe, expect, it } from "vitest";
import { Purpose, randomWords } from "../../src/random.js";
import { resumed, SCENES, stepsOf, uninterrupted } from "../support/resuming.js";
import { soakCount, soakReport, soakSeed } from "../support/soak.js";
import { temporaryFolder } from "../support/temporary.js";

const WORKERS = [1, 2, 3, 5, "inline"] as const;

describe("resumed from random steps, with another number of workers", () => {
  it.each(SCENES)("$network", async (given) => {
    const scene = { ...given, width: given.width * 2, images: 75, epochs: 6 };
    const started = performance.now();
    const folder = temporaryFolder();
    const whole = await uninterrupted(scene, folder, 2);
    const next = randomWords(soakSeed(), Purpose.Shuffle, SCENES.indexOf(given));
    const count = soakCount(20);
    for (let i = 0; i < count; i++) {
      const from = 1 + (next() % stepsOf(scene));
      const workers = WORKERS[next() % WORKERS.length];
      expect(await resumed(scene, folder, from, workers), `step ${from}, ${workers} workers`).toEqual(whole);
    }
    soakReport(`${scene.network} resumed`, count, started, soakSeed() + 1);
  });
});
