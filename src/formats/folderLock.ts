/**
 * One folder, one writer. The lock is a folder `lock` in it that holds one file, named after its owner. It comes into being by
 * a rename, which succeeds only where no lock is, or an empty one; and a dead owner's file is removed by its own name. So of
 * several processes that find a dead owner's lock at the same time, one gets it, and none removes the lock of another.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { FileError, LockError } from "../errors.js";
import { reasonOf, removeLeftovers, temporaryName } from "./atomicFile.js";
import { type Fate, fateOf, ownerOf, pidInUse, tagOf, thisProcess } from "./owner.js";

/** The owner writes to its lock so often, ... */
const HEARTBEAT_MS = 10_000;
/** ... and where nobody can look whether it lives, it counts as dead after so long a silence. */
export const SILENCE_MS = 120_000;

export interface FolderLock {
  /** @throws LockError when the folder has gone over to somebody else */
  check(): Promise<void>;
  /** Gives the folder back. @param folder where it is now, when it has been renamed */
  release(folder?: string): Promise<void>;
}

interface Holder {
  /** Its file's name; undefined when the lock is a file, as the first version made it. */
  readonly entry?: string;
  readonly fate: Fate;
  readonly silentMs: number;
  readonly note: string;
}

/**
 * Takes a folder for this process, makes it when it is missing, and clears away what killed processes left in it.
 * @param found  for tests: called between finding a dead owner's lock and removing it
 * @throws LockError when another living process has it, and says which
 */
export async function lockFolder(folder: string, found?: () => Promise<void>): Promise<FolderLock> {
  const lock = join(folder, "lock");
  const entry = `${tagOf(thisProcess())}.${randomBytes(4).toString("hex")}`;
  const note = `${JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() })}\n`;
  const prepared = temporaryName(lock);
  try {
    await mkdir(prepared, { recursive: true });
    await writeFile(join(prepared, entry), note);
    const now = (await stat(join(prepared, entry))).mtimeMs;
    while (!(await moveInto(prepared, lock))) await clearDead(folder, lock, now, found);
  } catch (cause) {
    await rm(prepared, { recursive: true, force: true }).catch(() => {});
    if (cause instanceof LockError) throw cause;
    throw new FileError(`${folder} cannot be locked: ${reasonOf(cause)}`, { cause });
  }
  await removeLeftovers(folder);
  // r+ writes to the file only if it is still there.
  const beat = () => void writeFile(join(lock, entry), note, { flag: "r+" }).catch(() => {});
  const heartbeat = setInterval(beat, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    async check() {
      if (await stat(join(lock, entry)).catch(() => undefined)) return;
      const [holder] = await holdersOf(lock, Date.now()).catch(() => []);
      const who = holder ? `has gone over to ${holder.note}` : "is no longer locked: its lock was removed";
      throw new LockError(`${folder} ${who}. This process writes nothing more to it.`);
    },
    async release(where = folder) {
      clearInterval(heartbeat);
      await rm(join(where, "lock", entry), { force: true });
      await rmdir(join(where, "lock")).catch(() => {}); // somebody else has it already
    },
  };
}

/** False when a lock is there. */
async function moveInto(prepared: string, lock: string): Promise<boolean> {
  try {
    await rename(prepared, lock);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What the platforms say when the target is a folder with something in it, or a file.
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR") return false;
    if (process.platform === "win32" && (code === "EPERM" || code === "EACCES")) return false;
    throw error;
  }
}

/** Removes what a dead owner left. @throws LockError when the owner lives, or may live */
async function clearDead(
  folder: string,
  lock: string,
  now: number,
  found?: () => Promise<void>,
): Promise<void> {
  const holders = await holdersOf(lock, now);
  const living = holders.find(
    ({ fate, silentMs }) => fate === "alive" || (fate === "unknown" && silentMs < SILENCE_MS),
  );
  if (living) {
    const wait =
      living.fate === "alive"
        ? "Wait for it"
        : `It cannot be seen from here whether it lives: its lock lapses ${SILENCE_MS / 60_000} minutes after its last sign of life. Wait`;
    throw new LockError(
      `the run folder ${folder} is in use by ${living.note}. ${wait}, or choose another folder with --run.`,
    );
  }
  await found?.();
  for (const { entry } of holders) {
    await rm(entry === undefined ? lock : join(lock, entry), { force: true });
  }
  await rmdir(lock).catch(() => {}); // somebody was faster; the next rename tells
}

async function holdersOf(lock: string, now: number): Promise<Holder[]> {
  const info = await stat(lock).catch(() => undefined);
  if (!info) return [];
  if (!info.isDirectory()) {
    const pid = Number(await readFile(lock, "utf8").catch(() => ""));
    const fate = pidInUse(pid) ? "alive" : "dead";
    return [{ fate, silentMs: now - info.mtimeMs, note: `process ${pid}` }];
  }
  const holders: Holder[] = [];
  for (const entry of await readdir(lock).catch(() => [])) {
    const path = join(lock, entry);
    const file = await stat(path).catch(() => undefined);
    if (!file) continue; // it has just been given back
    const owner = ownerOf(entry.slice(0, entry.lastIndexOf(".")));
    const silentMs = now - file.mtimeMs;
    holders.push({
      entry,
      fate: owner ? fateOf(owner) : "unknown",
      silentMs,
      note: await noteOf(path, silentMs),
    });
  }
  return holders;
}

/** `process 4242 on myhost, since 2026-11-24 20:43:03 UTC (12 min), last seen 3 s ago` */
async function noteOf(path: string, silentMs: number): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  const seen = `last seen ${duration(silentMs)} ago`;
  const unknown = `another process, ${seen}`;
  try {
    const { pid, host, since } = JSON.parse(text) as Record<string, unknown>;
    if (!Number.isInteger(pid) || typeof host !== "string" || typeof since !== "string") return unknown;
    const age = duration(Date.now() - Date.parse(since));
    return `process ${pid} on ${host}, since ${since.slice(0, 19).replace("T", " ")} UTC (${age}), ${seen}`;
  } catch {
    return unknown;
  }
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
