/** One run folder, one writer: who holds it is said, the dead are taken over from, and of several takers one wins. */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LockError } from "../src/errors.js";
import { type FolderLock, lockFolder, SILENCE_MS } from "../src/formats/folderLock.js";
import { fateOf, type Owner, tagOf, thisProcess } from "../src/formats/owner.js";
import { takersRace } from "./support/lockRace.js";
import { temporaryFolder } from "./support/temporary.js";

/** Linux gives no process so high a number. */
const NOBODY = 2 ** 22 + 1;

/** A run folder that `owner` has locked. */
function lockedBy(owner: Partial<Owner>, silentMs = 0): string {
  const folder = temporaryFolder();
  const whole = { ...thisProcess(), ...owner };
  mkdirSync(join(folder, "lock"));
  const path = join(folder, "lock", `${tagOf(whole)}.00c0ffee`);
  const since = new Date(Date.now() - 3 * 3_600_000).toISOString();
  writeFileSync(path, JSON.stringify({ pid: whole.pid, host: "elsewhere", since }));
  const seen = (Date.now() - silentMs) / 1000;
  utimesSync(path, seen, seen);
  return folder;
}

describe("a lock", () => {
  it("is there while it is held, and leaves nothing behind", async () => {
    const folder = join(temporaryFolder(), "new", "run");
    const lock = await lockFolder(folder);
    expect(readdirSync(folder)).toEqual(["lock"]);
    await lock.check();
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says who holds it, since when, and what to do", async () => {
    const folder = temporaryFolder();
    const lock = await lockFolder(folder);
    const refused = lockFolder(folder);
    await expect(refused).rejects.toThrow(LockError);
    await expect(refused).rejects.toThrow(
      `the run folder ${folder} is in use by process ${process.pid} on ${hostname()}, since `,
    );
    await expect(refused).rejects.toThrow(
      /since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(0 s\), last seen \d s ago\. Wait for it, or choose another folder with --run\.$/,
    );
    await lock.release();
    await (await lockFolder(folder)).release();
  });

  it("notices when it is gone, and touches neither the folder nor the new owner's lock", async () => {
    const folder = temporaryFolder();
    const lock = await lockFolder(folder);
    rmSync(join(folder, "lock"), { recursive: true });
    await expect(lock.check()).rejects.toThrow(
      "its lock was removed. This process writes nothing more to it.",
    );
    const other = await lockFolder(folder);
    await expect(lock.check()).rejects.toThrow(`has gone over to process ${process.pid} on `);
    await lock.release();
    await other.check();
    await other.release();
  });

  it("moves with its folder", async () => {
    const folder = temporaryFolder();
    const lock = await lockFolder(folder);
    renameSync(folder, `${folder}.1`);
    await lock.release(`${folder}.1`);
    expect(readdirSync(`${folder}.1`)).toEqual([]);
    rmSync(`${folder}.1`, { recursive: true });
  });

  it("cannot be had where no folder can be", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    await expect(lockFolder(join(file, "run"))).rejects.toThrow("cannot be locked: ");
  });
});

describe("a lock left behind", () => {
  it.each<[string, Partial<Owner>, number]>([
    ["by a process that is no more", { pid: NOBODY }, 0],
    ["by a process whose number another has now", { start: "zz" }, 0],
    ["before the machine was started again", { boot: "00000000" }, 0],
    ["on another machine, silent for long", { host: "00000000" }, SILENCE_MS + 5000],
    ["in another container, silent for long", { space: "00000000" }, SILENCE_MS + 5000],
  ])("%s is taken over", async (_who, owner, silentMs) => {
    const folder = lockedBy(owner, silentMs);
    const lock = await lockFolder(folder);
    expect(readdirSync(join(folder, "lock"))).toEqual([expect.stringMatching(`^${tagOf(thisProcess())}\\.`)]);
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each<[string, Partial<Owner>, number]>([
    ["a living process", {}, SILENCE_MS + 5000],
    ["another machine, seen a minute ago", { host: "00000000", pid: NOBODY }, 60_000],
    ["another container, seen a minute ago", { space: "00000000", pid: NOBODY }, 60_000],
  ])("by %s is not", async (_who, owner, silentMs) => {
    const folder = lockedBy(owner, silentMs);
    const { pid } = { ...thisProcess(), ...owner };
    await expect(lockFolder(folder)).rejects.toThrow(
      new RegExp(
        `in use by process ${pid} on elsewhere, since .* UTC \\(3 h\\), last seen (6\\d s|2 min) ago`,
      ),
    );
    expect(readdirSync(join(folder, "lock"))).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(["lock"]);
  });

  it("empty, or as the first version wrote it, is taken over; a living process' file is not", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "lock"));
    await (await lockFolder(folder)).release();
    writeFileSync(join(folder, "lock"), String(NOBODY));
    await (await lockFolder(folder)).release();
    writeFileSync(join(folder, "lock"), String(process.pid));
    await expect(lockFolder(folder)).rejects.toThrow(`is in use by process ${process.pid}. Wait for it`);
    expect(readFileSync(join(folder, "lock"), "utf8")).toBe(String(process.pid));
  });

  it.runIf(process.platform === "linux")(
    "by a killed process that its parent has not asked after",
    async () => {
      // Sleep, which the shell becomes, never asks after the shell's child: killed then, that is a zombie.
      const parent = spawn("sh", ["-c", "sleep 20 & echo $!; exec sleep 20"]);
      try {
        const pid = await new Promise<number>((resolve) => {
          parent.stdout.once("data", (data) => resolve(Number(data)));
        });
        const until = async (holds: () => boolean) => {
          for (let i = 0; i < 1000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
        };
        await until(() => readFileSync(`/proc/${parent.pid}/cmdline`, "utf8").startsWith("sleep"));
        process.kill(pid, "SIGKILL");
        const stat = () => readFileSync(`/proc/${pid}/stat`, "utf8");
        await until(() => stat().includes(") Z "));
        const start = Number(stat().split(") ")[1].split(" ")[19]).toString(36);
        expect(fateOf({ ...thisProcess(), pid, start })).toBe("dead");
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );
});

it("who is slow to remove a dead owner's lock does not remove that of one who was faster", async () => {
  const folder = lockedBy({ pid: NOBODY });
  let faster: FolderLock | undefined;
  const slow = lockFolder(folder, async () => {
    faster ??= await lockFolder(folder);
  });
  await expect(slow).rejects.toThrow(`is in use by process ${process.pid} on ${hostname()}`);
  await faster!.check();
  await faster!.release();
  expect(readdirSync(folder)).toEqual([]);
});

it("of many that find a dead owner's lock at once, one gets it", async () => {
  const folder = mkdtempSync(join(temporaryFolder(), "race-"));
  for (let round = 0; round < 15; round++) {
    expect(await takersRace(folder, 12, round % 3)).toEqual({ winners: 1, refused: 11 });
    expect(existsSync(join(folder, "lock"))).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  }
});
