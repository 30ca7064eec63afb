/** Replaces a file as a whole or not at all: a reader, a crash or a full disk never sees half of it. */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FileError } from "../errors.js";

/**
 * Writes to a new file beside it, flushes that to the disk, and renames it over the old one; then flushes the folder, so
 * that the new name survives a power cut too. Creates missing folders.
 * @throws FileError when it cannot; the old file is intact
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | readonly Uint8Array[],
): Promise<void> {
  const target = resolve(path);
  const temporary = `${target}.${randomUUID().slice(0, 8)}.tmp`;
  let file: FileHandle | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    file = await open(temporary, "wx");
    for (const chunk of typeof data === "string" || data instanceof Uint8Array ? [data] : data) {
      await file.writeFile(chunk);
    }
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (cause) {
    await file?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    throw new FileError(`${path} cannot be written: ${reason(cause)} The file that was there is unchanged.`, {
      cause,
    });
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; it needs no such flush either.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function reason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
      return "the disk is full. Make room, and run the same command again.";
    case "EACCES":
    case "EPERM":
      return "permission is missing.";
    case "EROFS":
      return "the disk is read-only.";
    default:
      return `${message}.`;
  }
}
