/** Many takers of one lock at the same time, in one process and in several: npm run test:soak -- lock. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takersRace } from "../support/lockRace.js";
import { soakCount, soakReport } from "../support/soak.js";
import { temporaryFolder } from "../support/temporary.js";

it("races in one process", async () => {
  const folder = temporaryFolder();
  const count = soakCount(5000);
  const started = performance.now();
  for (let round = 0; round < count; round++) {
    expect(await takersRace(folder, 16, round % 3)).toEqual({ winners: 1, refused: 15 });
    expect(readdirSync(folder)).toEqual([]);
  }
  soakReport("races of 16 takers", count, started);
});

/** Takes the lock as often as it can, and says so when it finds somebody else's mark inside. */
const TAKER = `
  const [library, folder, rounds] = process.argv.slice(1);
  const { lockFolder, LockError } = await import(library);
  const { openSync, closeSync, unlinkSync } = await import("node:fs");
  let won = 0;
  for (let round = 0; round < Number(rounds); round++) {
    const lock = await lockFolder(folder).catch((error) => {
      if (!(error instanceof LockError)) throw error;
    });
    if (!lock) continue;
    won++;
    closeSync(openSync(folder + "/mark", "wx")); // throws when another holder's is there
    unlinkSync(folder + "/mark");
    if (round % 2) await lock.release();
    else process.env.LEAVE ? process.kill(process.pid, "SIGKILL") : await lock.release();
  }
  console.log(won);
`;

it("races of several processes, some of which die holding the lock", async () => {
  const library = join(import.meta.dirname, "../../dist/index.js");
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  const count = soakCount(200);
  const started = performance.now();
  const take = (leave: boolean) =>
    new Promise<string>((resolve, reject) => {
      const env = { ...process.env, ...(leave && { LEAVE: "1" }) };
      const child = spawn(process.execPath, ["--input-type=module", "-e", TAKER, library, folder, "200"], {
        env,
      });
      let errors = "";
      child.stderr.on("data", (data) => {
        errors += data;
      });
      child.on("close", () => (errors ? reject(new Error(errors)) : resolve("")));
    });
  for (let round = 0; round < count; round += 4) {
    await Promise.all([take(false), take(false), take(true), take(true)]);
  }
  soakReport("processes that took a lock from each other", count, started);
});
