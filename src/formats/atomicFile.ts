/** Replaces a file as a whole or not at all: a reader, a crash or a full disk never sees half of it. */
import { randomBytes } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { FileError } from "../errors.js";
import { type Files, nodeFiles, type WritableFile } from "./files.js";
import { fateOf, ownerOf, TAG, tagOf, thisProcess } from "./owner.js";

/** One call of write takes no more than 2 GiB. */
const PIECE_BYTES = 64 * 2 ** 20;
/** Longer than any write takes. */
const STALE_MS = 24 * 60 * 60 * 1000;
/** name.owner.random.tmp */
const TEMPORARY = new RegExp(`^(.+)\\.(${TAG.source})\\.[0-9a-f]+\\.tmp$`);

/**
 * Writes to a new file beside it, flushes that to the disk, and renames it over the old one; then flushes the folder, so
 * that the new name survives a power cut too. Creates missing folders. What a killed process left behind of an earlier
 * attempt is removed.
 * @throws FileError when it cannot; the old file is intact
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | readonly Uint8Array[],
  files: Files = nodeFiles,
): Promise<void> {
  const target = resolve(path);
  const folder = dirname(target);
  const temporary = temporaryName(target);
  let file: WritableFile | undefined;
  let renamed = false;
  try {
    await makeFolder(folder, files);
    await removeLeftovers(folder, { of: basename(target), files });
    file = await files.create(temporary);
    for (const chunk of typeof data === "string" || data instanceof Uint8Array ? [data] : data) {
      await writeAll(file, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    }
    await file.sync();
    await file.close();
    file = undefined;
    await files.rename(temporary, target);
    renamed = true;
    await files.syncFolder(folder);
  } catch (cause) {
    await file?.close().catch(() => {});
    if (!renamed) await files.remove(temporary).catch(() => {});
    const outcome = renamed
      ? "The new file is there, but a power cut may bring the old one back."
      : "The file that was there is unchanged.";
    throw new FileError(`${path} cannot be written: ${reasonOf(cause)} ${outcome}`, { cause });
  }
}

/** A name beside `target` that nobody else takes, and that says who took it. */
export function temporaryName(target: string): string {
  return `${target}.${tagOf(thisProcess())}.${randomBytes(4).toString("hex")}.tmp`;
}

/**
 * Removes the temporary files that killed processes left in a folder: all, or those `of` one file. Those of living
 * processes stay; those of machines where we cannot look stay for a day.
 */
export async function removeLeftovers(
  folder: string,
  { of, files = nodeFiles }: { of?: string; files?: Files } = {},
): Promise<void> {
  const names = await files.list(folder).catch(() => []); // a folder that must not be read can still be written
  for (const name of names) {
    const [, target, tag] = TEMPORARY.exec(name) ?? [];
    if (target === undefined || (of !== undefined && target !== of)) continue;
    const path = join(folder, name);
    const fate = fateOf(ownerOf(tag)!);
    const stale = async () => Date.now() - (await files.modified(path)) > STALE_MS;
    // Another process may remove the file in between: then there is nothing left to do.
    const gone = fate === "dead" || (fate === "unknown" && (await stale().catch(() => false)));
    if (gone) await files.remove(path).catch(() => {});
  }
}

/** A file that cannot be written: why, and what to do, in words. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
      return "the disk is full. Make room, and run the same command again.";
    case "EDQUOT":
      return "the disk quota is used up. Make room, and run the same command again.";
    case "EFBIG":
      return "the file would be larger than the system allows.";
    case "EIO":
      return "the disk reports an error (EIO).";
    case "EACCES":
    case "EPERM":
      return "permission is missing.";
    case "EROFS":
      return "the disk is read-only.";
    default:
      return `${message}.`;
  }
}

/** New folders are lost in a power cut as long as the folder above has not been flushed. */
async function makeFolder(folder: string, files: Files): Promise<void> {
  const first = await files.makeFolder(folder);
  if (first === undefined) return;
  const above = dirname(resolve(first));
  for (let made = dirname(folder); ; made = dirname(made)) {
    await files.syncFolder(made);
    if (made === above || made === dirname(made)) return;
  }
}

async function writeAll(file: WritableFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const written = await file.write(bytes.subarray(at, at + PIECE_BYTES));
    if (written === 0) throw new Error(`the disk took ${at} of ${bytes.length} bytes and no more`);
    at += written;
  }
}
