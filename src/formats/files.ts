/**
 * The few file operations that a save is made of, as one object. Tests put another in its place: one that fails at a chosen
 * call, or one that forgets whatever was not synced.
 */
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";

export interface WritableFile {
  /** Resolves with how many of the bytes were taken; fewer than given is no error. */
  write(bytes: Uint8Array): Promise<number>;
  /** Flushes to the disk what was written. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Files {
  /** Makes a folder and those above it. Resolves with the uppermost one made; undefined when all were there. */
  makeFolder(path: string): Promise<string | undefined>;
  /** A new, empty file. Rejects with EEXIST when the name is taken. */
  create(path: string): Promise<WritableFile>;
  /** Replaces `to` when it is there. */
  rename(from: string, to: string): Promise<void>;
  /** A file or a whole folder; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** When it was last written to, in ms since 1970. */
  modified(path: string): Promise<number>;
  /** Flushes to the disk the folder's names. */
  syncFolder(folder: string): Promise<void>;
}

export const nodeFiles: Files = {
  makeFolder: (path) => mkdir(path, { recursive: true }),
  async create(path) {
    const file = await open(path, "wx");
    return {
      write: async (bytes) => (await file.write(bytes)).bytesWritten,
      sync: () => file.sync(),
      close: () => file.close(),
    };
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  list: (folder) => readdir(folder),
  modified: async (path) => (await stat(path)).mtimeMs,
  async syncFolder(folder) {
    // Windows cannot open a folder; it needs no such flush either.
    if (process.platform === "win32") return;
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
