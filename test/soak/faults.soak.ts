/**
 * A fault at every file call of a run, of each kind; and a disk that stays full from each call on:
 * CBAPD_COUNT=100 CBAPD_SEED=1 npm run test:soak -- faults.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { FileError } from "../../src/errors.js";
import { FAULTS, type Fault, FaultyFiles } from "../support/faultyFiles.js";
import { type SavedRun, savedRun } from "../support/savedRun.js";
import { soakCount, soakReport, soakSeed } from "../support/soak.js";
import { temporaryFolder } from "../support/temporary.js";

/** What a disk without room refuses; it removes, lists and closes as ever. */
const TAKES_ROOM = ["makeFolder", "create", "write", "sync", "rename", "syncFolder"];

/** SHA-256 of each file. */
type Contents = Readonly<Record<string, string>>;

function contents(path: string): Contents {
  const digest = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(path, name)))
      .digest("hex");
  return Object.fromEntries(readdirSync(path).map((name) => [name, digest(name)]));
}

interface Whole {
  readonly calls: readonly string[];
  readonly state: SavedRun["state"];
  readonly files: Contents;
}

/** What an undisturbed run does and leaves. */
async function undisturbed(): Promise<Whole> {
  const path = join(temporaryFolder(), "run");
  const files = new FaultyFiles();
  const { state } = await savedRun(path, files);
  return { calls: files.calls, state, files: contents(path) };
}

/** Runs with the fault, goes on without it, and looks whether all is there, and nothing else. */
async function tryFault(
  whole: Whole,
  fails: (call: number, name: string) => Fault | undefined,
): Promise<void> {
  const parent = temporaryFolder();
  const path = join(parent, "run");
  const files: FaultyFiles = new FaultyFiles((call) => fails(call, files.calls[call]));
  const run = await savedRun(path, files).catch((error: unknown) => error as Error);
  if (run instanceof Error) {
    expect(run).toBeInstanceOf(FileError);
  } else {
    expect(run.state).toEqual(whole.state);
    await run.saver.finish(run.model.graph, run.state).catch((error: unknown) => {
      expect(error).toBeInstanceOf(FileError);
    });
  }
  const after = await savedRun(path);
  expect(after.state).toEqual(whole.state);
  expect(contents(path)).toEqual(whole.files);
  rmSync(parent, { recursive: true });
}

const whole = await undisturbed();

/** Cases are numbered from 1; CBAPD_SEED is the first one's number, and after the last comes the first again. */
async function tryCases(what: string, total: number, one: (number: number) => Promise<void>): Promise<void> {
  const started = performance.now();
  const count = Math.min(total, soakCount(total));
  for (let i = 0; i < count; i++) {
    const number = (soakSeed() - 1 + i) % total;
    const call = number % whole.calls.length;
    try {
      await one(number);
    } catch (error) {
      throw new Error(`case ${number + 1}: call ${call}, ${whole.calls[call]}`, { cause: error });
    }
  }
  soakReport(`${what}, of ${total}`, count, started, soakSeed() + count);
}

it("every call, every kind of fault", async () => {
  const { length } = whole.calls;
  await tryCases("file calls that fail", length * FAULTS.length, (number) => {
    const fault = FAULTS[Math.floor(number / length)];
    return tryFault(whole, (call) => (call === number % length ? fault : undefined));
  });
});

it("a disk that is full from some call on, until the run is started again", async () => {
  await tryCases("disks that stay full", whole.calls.length, (number) =>
    tryFault(whole, (call, name) => (call >= number && TAKES_ROOM.includes(name) ? "ENOSPC" : undefined)),
  );
});
