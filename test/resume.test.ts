/** A run that was killed goes on as if it had not been: the same bits. The large figures are in test/soak/resume.soak.ts. */
import { describe, expect, it } from "vitest";
import { Purpose, randomWords } from "../src/random.js";
import { resumed, SCENES, type Scene, stepsOf, uninterrupted } from "./support/resuming.js";
import { temporaryFolder } from "./support/temporary.js";

it("LeNet5, from each of its 50 steps", async () => {
  // Ten steps an epoch.
  const scene: Scene = { network: "lenet5", width: 1 / 4, images: 75, epochs: 5 };
  const folder = temporaryFolder();
  const whole = await uninterrupted(scene, folder, 2);
  expect(stepsOf(scene)).toBe(50);
  expect(whole.rest).toMatchObject({ step: 50, epoch: 5, learningRate: 0.0000625 });
  for (let from = 1; from <= 50; from++) {
    expect(await resumed(scene, folder, from, "inline"), `from step ${from}`).toEqual(whole);
    if (from % 10 > 0) continue;
    expect(await resumed(scene, folder, from, "inline", "epoch"), `from step ${from}`).toEqual(whole);
  }
});

describe("each of the six networks, from three random steps, with another number of workers", () => {
  it.each(SCENES)("$network", async (scene) => {
    const folder = temporaryFolder();
    const whole = await uninterrupted(scene, folder, 3);
    const next = randomWords(SCENES.indexOf(scene), Purpose.Shuffle, 0);
    for (let i = 0; i < 3; i++) {
      const from = 1 + (next() % stepsOf(scene));
      expect(await resumed(scene, folder, from, "inline"), `from step ${from}`).toEqual(whole);
    }
  });
});
