/** Where fetched datasets are kept, and how a file gets there whole or not at all. */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";

const PARTIAL = ".partial";
const STALE_MS = 24 * 60 * 60 * 1000;

/** `$XDG_CACHE_HOME/cbapd`, or `~/.cache/cbapd`. A relative XDG_CACHE_HOME is void, says the XDG specification. */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base && isAbsolute(base) ? base : join(homedir(), ".cache"), "cbapd");
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Writes a file so that `path` is either as before or complete, even when the power fails: temporary file, fsync,
 * rename, fsync of the folder. The temporary name is unique, so two processes may write the same path at once.
 */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const partial = join(folder, `.${basename(path)}.${randomUUID()}${PARTIAL}`);
  try {
    const file = await open(partial, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  if (process.platform !== "win32") {
    // Windows cannot open a folder, and needs no fsync for it.
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** Removes what killed processes left behind; a day is longer than any write takes. */
export async function removeStalePartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(PARTIAL)) continue;
    const path = join(folder, name);
    // Another process may rename or remove the file in between: then there is nothing left to do.
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
}
