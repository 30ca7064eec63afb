/** Many takers of one folder's lock at the same time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LockError } from "../../src/errors.js";
import { lockFolder } from "../../src/formats/folderLock.js";
import { tagOf, thisProcess } from "../../src/formats/owner.js";

/** @param left what they find: 0 a dead owner's lock, 1 an empty one, 2 none */
export async function takersRace(folder: string, takers: number, left: number) {
  const lock = join(folder, "lock");
  if (left < 2) mkdirSync(lock);
  if (left < 1) writeFileSync(join(lock, `${tagOf({ ...thisProcess(), start: "zz" })}.00c0ffee`), "");
  const outcomes = await Promise.allSettled(Array.from({ length: takers }, () => lockFolder(folder)));
  let refused = 0;
  const won = [];
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") won.push(outcome.value);
    else if (outcome.reason instanceof LockError) refused++;
    else throw outcome.reason;
  }
  for (const held of won) {
    await held.check(); // nobody has taken it from the winner
    await held.release();
  }
  return { winners: won.length, refused };
}
