/** The real files, but one call fails: no space, a disk error, a missing permission, half a write. */
import { type Files, nodeFiles } from "../../src/formats/files.js";

export const FAULTS = ["ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT"] as const;
export type Fault = (typeof FAULTS)[number];

export class FaultyFiles implements Files {
  /** Names of the calls so far. */
  readonly calls: string[] = [];
  readonly #fails: (call: number) => Fault | undefined;
  /** What one write takes at most. */
  readonly #mostBytes: number;

  constructor(fails: (call: number) => Fault | undefined = () => undefined, mostBytes = Infinity) {
    this.#fails = fails;
    this.#mostBytes = mostBytes;
  }

  makeFolder = (path: string) => this.#call("makeFolder", () => nodeFiles.makeFolder(path));
  rename = (from: string, to: string) => this.#call("rename", () => nodeFiles.rename(from, to));
  remove = (path: string) => this.#call("remove", () => nodeFiles.remove(path));
  list = (folder: string) => this.#call("list", () => nodeFiles.list(folder));
  modified = (path: string) => this.#call("modified", () => nodeFiles.modified(path));
  syncFolder = (folder: string) => this.#call("syncFolder", () => nodeFiles.syncFolder(folder));

  async create(path: string) {
    const file = await this.#call("create", () => nodeFiles.create(path));
    return {
      // A disk that fills up takes a part first, and only then refuses.
      write: (bytes: Uint8Array) =>
        this.#call(
          "write",
          () => file.write(bytes.subarray(0, this.#mostBytes)),
          () => file.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => this.#call("sync", () => file.sync()),
      close: () =>
        this.#call(
          "close",
          () => file.close(),
          () => file.close(), // the handle is gone, whatever close() says
        ),
    };
  }

  async #call<T>(name: string, work: () => Promise<T>, before?: () => Promise<unknown>): Promise<T> {
    const fault = this.#fails(this.calls.push(name) - 1);
    if (!fault) return work();
    await before?.();
    throw Object.assign(new Error(`${fault}: made up, ${name}`), { code: fault });
  }
}
