/** A file as a reader's source of bytes. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { FileError } from "../errors.js";
import type { ByteSource } from "./byteSource.js";

/**
 * Opens a file for `use`, and closes it whatever happens. Only regular files: a pipe would wait for ever.
 * @throws FileError
 */
export async function withFile<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const refuse = (cause: NodeJS.ErrnoException): never => {
    const missing = cause.code === "ENOENT";
    const why = missing ? "it does not exist" : cause.message;
    throw new FileError(`${path} cannot be read: ${why}.`, {
      cause,
      code: missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE",
    });
  };
  const requireRegular = (isFile: boolean) => {
    if (isFile) return;
    throw new FileError(`${path} cannot be read: it is no regular file.`, { code: "FILE_NOT_REGULAR" });
  };
  requireRegular((await stat(path).catch(refuse)).isFile());
  const file = await open(path, "r").catch(refuse);
  try {
    const info = await file.stat();
    requireRegular(info.isFile());
    return await use({
      name: path,
      size: info.size,
      read: (position, length) => readFully(file, path, position, length),
    });
  } finally {
    await file.close();
  }
}

async function readFully(
  file: FileHandle,
  path: string,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    // One call reads at most 2 GiB.
    const { bytesRead } = await file
      .read(bytes, done, Math.min(length - done, 1 << 30), position + done)
      .catch((cause: Error) => {
        throw new FileError(`${path} cannot be read: ${cause.message}.`, { cause, code: "FILE_UNREADABLE" });
      });
    if (bytesRead === 0) {
      throw new FileError(`${path} became shorter while it was read: it ends at byte ${position + done}.`, {
        code: "FILE_CHANGED",
      });
    }
    done += bytesRead;
  }
  return bytes;
}
