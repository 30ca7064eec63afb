/** Files that must survive whole, and a reader that believes nothing. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileError } from "../src/errors.js";
import { writeFileAtomic } from "../src/formats/atomicFile.js";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.js";
import { temporaryFolder } from "./support/temporary.js";

const tensors = new Map([
  [
    "a/kernel",
    { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, Number.NaN, Number.POSITIVE_INFINITY, -0) },
  ],
  ["b", { shape: [1], data: Float32Array.of(1e-45) }],
  ["none", { shape: [0], data: new Float32Array(0) }],
]);

/** A file with any header over `dataBytes` zeros. */
function forge(header: unknown, dataBytes = 0): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(temporaryFolder(), "forged.safetensors");
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
  return path;
}

const entry = (shape: number[], begin: number, end: number, dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("safetensors", () => {
  it("reads back the bits that it wrote", async () => {
    const path = join(temporaryFolder(), "new/folder/x.safetensors");
    await writeSafetensors(path, tensors, { note: "ä 🙂" });
    const back = await readSafetensors(path);
    expect(back.metadata).toEqual({ note: "ä 🙂" });
    expect([...back.tensors.keys()]).toEqual([...tensors.keys()]);
    for (const [name, { shape, data }] of tensors) {
      expect(back.tensors.get(name)!.shape).toEqual(shape);
      expect(new Uint32Array(back.tensors.get(name)!.data.buffer)).toEqual(new Uint32Array(data.buffer));
    }
    const bytes = readFileSync(path);
    expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
  });

  it("finds every truncation", async () => {
    const path = join(temporaryFolder(), "x.safetensors");
    await writeSafetensors(path, tensors);
    const bytes = readFileSync(path);
    for (let length = 0; length < bytes.length; length += 3) {
      writeFileSync(path, bytes.subarray(0, length));
      await expect(readSafetensors(path), `${length} bytes`).rejects.toThrow(FileError);
    }
  });

  it.each<[string, string, string]>([
    ["no JSON", forge("{nonsense"), "its header is no JSON object"],
    ["a list", forge("[]"), "its header is no JSON object"],
    ["bytes left over", forge({ a: entry([1], 0, 4) }, 8), "its tensors take 4 bytes, the file has 8"],
    [
      "a gap",
      forge({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12),
      'tensor "b" starts at 8, the one before ends at 4',
    ],
    [
      "an overlap",
      forge({ a: entry([2], 0, 8), b: entry([1], 4, 8) }, 8),
      'tensor "b" starts at 4, the one before ends at 8',
    ],
    ["a wrong size", forge({ a: entry([3], 0, 8) }, 8), 'tensor "a" of shape [3] has 8 bytes'],
    [
      "another type",
      forge({ a: entry([1], 0, 8, "F64") }, 8),
      'tensor "a" has type "F64"; only "F32" is read here',
    ],
    ["a negative size", forge({ a: entry([-1], 0, 4) }, 4), 'tensor "a"'],
    ["no offsets", forge({ a: { dtype: "F32", shape: [1] } }, 4), 'tensor "a"'],
  ])("says what is wrong: %s", async (_what, path, message) => {
    const reading = readSafetensors(path);
    await expect(reading).rejects.toThrow(`${path} is damaged or no safetensors file: `);
    await expect(readSafetensors(path)).rejects.toThrow(message);
  });

  it("does not believe a header's length", async () => {
    const path = join(temporaryFolder(), "long.safetensors");
    writeFileSync(path, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2]));
    await expect(readSafetensors(path)).rejects.toThrow("its header would have");
    await expect(readSafetensors(`${path}x`)).rejects.toThrow("cannot be read: it does not exist.");
  });
});

describe("writeFileAtomic", () => {
  it("replaces a file whole, and leaves nothing else behind", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    await writeFileAtomic(path, "old");
    await writeFileAtomic(path, [Buffer.from("ne"), Buffer.from("w")]);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("keeps the old one when it fails half way, and says so", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    await writeFileAtomic(path, "old");
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const chunks = {
      *[Symbol.iterator]() {
        yield Buffer.from("half");
        throw full;
      },
    };
    await expect(writeFileAtomic(path, chunks as unknown as Uint8Array[])).rejects.toThrow(
      `${path} cannot be written: the disk is full. Make room, and run the same command again. The file that was there is unchanged.`,
    );
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("refuses to take a folder's place", async () => {
    const path = join(temporaryFolder(), "taken");
    mkdirSync(path);
    await expect(writeFileAtomic(path, "x")).rejects.toThrow(FileError);
    expect(existsSync(path)).toBe(true);
  });
});
