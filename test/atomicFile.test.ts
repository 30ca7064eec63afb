/** A file is replaced whole or not at all: whatever fails, and whenever the power does. */
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileError } from "../src/errors.js";
import { removeLeftovers, temporaryName, writeFileAtomic } from "../src/formats/atomicFile.js";
import { fateOf, ownerOf, tagOf, thisProcess } from "../src/formats/owner.js";
import { FAULTS, FaultyFiles } from "./support/faultyFiles.js";
import { ForgetfulDisk, type Image } from "./support/forgetfulDisk.js";
import { temporaryFolder } from "./support/temporary.js";

const OLD = Buffer.from("the old text");
const NEW = [Buffer.from("a new text, "), Buffer.from("and a longer one")];
const BOTH = Buffer.concat(NEW);
/** Linux gives no process so high a number. */
const NOBODY = 2 ** 22 + 1;

async function calls(): Promise<string[]> {
  const path = join(temporaryFolder(), "file");
  writeFileSync(path, OLD);
  const files = new FaultyFiles();
  await writeFileAtomic(path, NEW, files);
  return files.calls;
}

describe("a fault at each call", () => {
  it("is tried at all of them", async () => {
    const expected = [
      "makeFolder",
      "list",
      "create",
      "write",
      "write",
      "sync",
      "close",
      "rename",
      "syncFolder",
    ];
    expect(await calls()).toEqual(expected);
  });

  it.each(FAULTS)("%s: an error that says so, the old file as it was, nothing left over", async (fault) => {
    const names = await calls();
    for (const [failing, name] of names.entries()) {
      const folder = temporaryFolder();
      const path = join(folder, "file");
      writeFileSync(path, OLD);
      const files = new FaultyFiles((call) => (call === failing ? fault : undefined));
      const error = await writeFileAtomic(path, NEW, files).then(
        () => undefined,
        (thrown: unknown) => thrown as FileError,
      );
      // Leftovers are cleared when they can be seen; a folder that must not be read can still be written.
      const survives = name === "list";
      const replaced = survives || name === "syncFolder";
      expect(error instanceof FileError, name).toBe(!survives);
      if (error) {
        expect(error.message).toContain(`${path} cannot be written: `);
        expect(error.message).toMatch(/disk is full|reports an error|permission|read-only|quota/);
        expect(error.message).toContain(
          replaced ? "a power cut may bring the old one back." : "The file that was there is unchanged.",
        );
      }
      expect(readFileSync(path), name).toEqual(replaced ? BOTH : OLD);
      expect(readdirSync(folder), name).toEqual(["file"]);
      await writeFileAtomic(path, NEW);
      expect(readFileSync(path)).toEqual(BOTH);
    }
  });

  it("everything fails from some call on, cleaning up too: still the first error, still the old file", async () => {
    const names = await calls();
    for (const first of names.keys()) {
      if (names[first] === "list") continue;
      const path = join(temporaryFolder(), "file");
      writeFileSync(path, OLD);
      const files = new FaultyFiles((call) => (call >= first ? "EIO" : undefined));
      await expect(writeFileAtomic(path, NEW, files)).rejects.toThrow("the disk reports an error (EIO)");
      expect(readFileSync(path)).toEqual(names[first] === "syncFolder" ? BOTH : OLD);
    }
  });

  it("short writes are gone on with; a disk that takes nothing is an error", async () => {
    const path = join(temporaryFolder(), "file");
    for (const most of [1, 5, 11]) {
      const files = new FaultyFiles(() => undefined, most);
      await writeFileAtomic(path, NEW, files);
      expect(readFileSync(path)).toEqual(BOTH);
      expect(files.calls.filter((name) => name === "write").length).toBeGreaterThan(2);
    }
    const none = new FaultyFiles(() => undefined, 0);
    await expect(writeFileAtomic(path, NEW, none)).rejects.toThrow("the disk took 0 of 12 bytes and no more");
  });
});

describe("a power cut after each operation, with anything lost that was not synced", () => {
  const text = (image: Image, path: string) => Buffer.from(image.get(path) ?? "").toString();

  it("the file is the old one or the new one; once it counts as written, the new one", async () => {
    const disk = new ForgetfulDisk();
    const path = "/runs/lenet5/checkpoint";
    await writeFileAtomic(path, OLD, disk);
    const begun = disk.operations.length;
    for (const image of disk.images(begun)) expect(text(image, path)).toBe(String(OLD));
    await writeFileAtomic(path, NEW, disk);
    const ended = disk.operations.length;
    const seen = new Set<string>();
    for (let count = begun; count <= ended; count++) {
      for (const image of disk.images(count)) seen.add(text(image, path));
    }
    expect([...seen].sort()).toEqual([String(BOTH), String(OLD)].sort());
    for (const image of disk.images(ended)) expect(text(image, path)).toBe(String(BOTH));
  });

  it("a first file is there, or not: never a part of it", async () => {
    const disk = new ForgetfulDisk();
    await writeFileAtomic("/runs/file", NEW, disk);
    const seen = new Set<string>();
    for (let count = 0; count <= disk.operations.length; count++) {
      for (const image of disk.images(count)) seen.add(text(image, "/runs/file"));
    }
    expect([...seen].sort()).toEqual(["", String(BOTH)]);
  });
});

describe("leftovers", () => {
  const left = (owner: Partial<ReturnType<typeof thisProcess>>) =>
    `file.${tagOf({ ...thisProcess(), ...owner })}.0a.tmp`;

  it("of dead processes go, those of living ones and everything else stay", async () => {
    const folder = temporaryFolder();
    const dead = [left({ pid: NOBODY }), left({ start: "zz" }), left({ boot: "00000000", pid: 1 })];
    const kept = ["file.tmp", "other.txt", left({}), left({ host: "00000000", pid: NOBODY })].sort();
    for (const name of [...dead, ...kept]) writeFileSync(join(folder, name), "x");
    mkdirSync(join(folder, `lock.${tagOf({ ...thisProcess(), pid: NOBODY })}.1.tmp`));
    await removeLeftovers(folder);
    expect(readdirSync(folder)).toEqual(kept);
  });

  it("of another machine go after a day", async () => {
    const folder = temporaryFolder();
    const path = join(folder, left({ host: "00000000" }));
    writeFileSync(path, "x");
    const yesterday = Date.now() / 1000 - 25 * 3600;
    utimesSync(path, yesterday, yesterday);
    await removeLeftovers(folder);
    expect(existsSync(path)).toBe(false);
  });

  it("of the same file go when it is written again", async () => {
    const folder = temporaryFolder();
    const others = `another.${tagOf({ ...thisProcess(), pid: NOBODY })}.0a.tmp`;
    for (const name of [left({ pid: NOBODY }), others]) writeFileSync(join(folder, name), "x");
    await writeFileAtomic(join(folder, "file"), "new");
    expect(readdirSync(folder)).toEqual([others, "file"]);
  });

  it("carry their owner in their name", () => {
    const name = temporaryName("/runs/file");
    const owner = ownerOf(name.split(".")[1]);
    expect(owner).toEqual(thisProcess());
    expect(fateOf(owner!)).toBe("alive");
    expect(ownerOf("4242")).toBeUndefined();
  });
});
