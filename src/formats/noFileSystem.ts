/** A page has no files: what would read or write one by its path says so. */
import { FileError } from "../errors.js";
import type * as Node from "./fileSystem.js";

export const writeFileAtomic: typeof Node.writeFileAtomic = async (path) => {
  throw new FileError(
    `${path} cannot be written: a page has no files. Make bytes of it, as encodeModel does, and offer them for download.`,
  );
};

export const withFile: typeof Node.withFile = async (path) => {
  throw new FileError(`${path} cannot be read: a page has no files. Fetch its bytes, and use decodeModel.`, {
    code: "FILE_UNREADABLE",
  });
};
