/**
 * A disk whose power fails. It writes down what is done to it; `images` then gives every state in which it may be found when
 * the power fails after so many operations. What was synced is there. Of what was not, anything may be: a file's new bytes in
 * full, in part or not at all; and of the folders' changes each one or none, in any order.
 */
import { basename, dirname } from "node:path";
import type { Files } from "../../src/formats/files.js";

type Operation =
  | { kind: "folder"; path: string }
  | { kind: "create"; path: string; id: number }
  | { kind: "write"; id: number; bytes: Uint8Array }
  | { kind: "sync"; id: number }
  | { kind: "rename"; from: string; to: string }
  | { kind: "remove"; path: string }
  | { kind: "syncFolder"; path: string };

/** What a reader would find: the contents by path. */
export type Image = ReadonlyMap<string, Uint8Array>;

const NOT_THERE = () => Object.assign(new Error("no such file"), { code: "ENOENT" });

export class ForgetfulDisk implements Files {
  readonly operations: Operation[] = [];
  #files = 0;
  /** As a program sees it while the power is on. */
  readonly #names = new Map<string, number>();
  readonly #folders = new Set<string>(["/"]);

  async makeFolder(path: string): Promise<string | undefined> {
    const missing: string[] = [];
    for (let at = path; !this.#folders.has(at); at = dirname(at)) missing.unshift(at);
    for (const folder of missing) {
      this.#folders.add(folder);
      this.operations.push({ kind: "folder", path: folder });
    }
    return missing[0];
  }

  async create(path: string) {
    if (this.#names.has(path)) throw Object.assign(new Error("file exists"), { code: "EEXIST" });
    const id = this.#files++;
    this.#names.set(path, id);
    this.operations.push({ kind: "create", path, id });
    return {
      write: async (bytes: Uint8Array) => {
        this.operations.push({ kind: "write", id, bytes: bytes.slice() });
        return bytes.length;
      },
      sync: async () => void this.operations.push({ kind: "sync", id }),
      close: async () => {},
    };
  }

  async rename(from: string, to: string): Promise<void> {
    const id = this.#names.get(from);
    if (id === undefined) throw NOT_THERE();
    this.#names.delete(from);
    this.#names.set(to, id);
    this.operations.push({ kind: "rename", from, to });
  }

  async remove(path: string): Promise<void> {
    if (this.#names.delete(path)) this.operations.push({ kind: "remove", path });
  }

  async list(folder: string): Promise<string[]> {
    return [...this.#names.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path));
  }

  async modified(): Promise<number> {
    return Date.now();
  }

  async syncFolder(path: string): Promise<void> {
    this.operations.push({ kind: "syncFolder", path });
  }

  /** Every image after the first `count` operations; temporary files are left out. */
  *images(count: number): Generator<Image> {
    const contents = new Map<number, { bytes: Uint8Array; synced: boolean }>();
    /** Changes of names that no syncFolder has made sure of, and whether each is certain. */
    const changes: { operation: Operation; id: number; certain: boolean }[] = [];
    const names = new Map<string, number>();
    for (const operation of this.operations.slice(0, count)) {
      const { kind } = operation;
      if (kind === "create") {
        contents.set(operation.id, { bytes: new Uint8Array(0), synced: false });
        names.set(operation.path, operation.id);
        changes.push({ operation, id: operation.id, certain: false });
      } else if (kind === "write") {
        const { bytes } = contents.get(operation.id)!;
        contents.set(operation.id, { bytes: Buffer.concat([bytes, operation.bytes]), synced: false });
      } else if (kind === "sync") {
        contents.get(operation.id)!.synced = true;
      } else if (kind === "rename") {
        const id = names.get(operation.from)!;
        names.delete(operation.from);
        names.set(operation.to, id);
        changes.push({ operation, id, certain: false });
      } else if (kind === "remove" || kind === "folder") {
        names.delete(operation.path);
        changes.push({ operation, id: -1, certain: false });
      } else {
        for (const change of changes)
          if (folderOf(change.operation) === operation.path) change.certain = true;
      }
    }
    const open = changes.filter(({ certain }) => !certain);
    if (open.length > 12) throw new Error(`${open.length} changes of names are not synced: too many to try`);
    for (let subset = 0; subset < 2 ** open.length; subset++) {
      const happened = changes.filter((change) => change.certain || (subset >> open.indexOf(change)) & 1);
      for (const share of [0, 0.5, 1]) yield image(happened, contents, share);
    }
  }
}

function folderOf(operation: Operation): string {
  if (operation.kind === "rename") return dirname(operation.to);
  return "path" in operation ? dirname(operation.path) : "";
}

function image(
  changes: readonly { operation: Operation; id: number }[],
  contents: ReadonlyMap<number, { bytes: Uint8Array; synced: boolean }>,
  share: number,
): Image {
  const names = new Map<string, number>();
  const folders = new Set<string>(["/"]);
  for (const { operation, id } of changes) {
    if (operation.kind === "folder") folders.add(operation.path);
    else if (operation.kind === "create") names.set(operation.path, id);
    else if (operation.kind === "remove") names.delete(operation.path);
    else if (operation.kind === "rename") {
      names.delete(operation.from);
      names.set(operation.to, id);
    }
  }
  const found = new Map<string, Uint8Array>();
  for (const [path, id] of names) {
    if (path.endsWith(".tmp") || !reachable(path, folders)) continue;
    const { bytes, synced } = contents.get(id)!;
    found.set(path, synced ? bytes : bytes.subarray(0, Math.floor(bytes.length * share)));
  }
  return found;
}

function reachable(path: string, folders: ReadonlySet<string>): boolean {
  for (let at = dirname(path); ; at = dirname(at)) {
    if (!folders.has(at)) return false;
    if (at === "/") return true;
  }
}
