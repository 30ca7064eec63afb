import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { packTar } from "modern-tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readArchive } from "../src/data/archive.js";
import { philox } from "../src/random.js";

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "cbapd-test-")), "archive");
});
afterEach(() => rm(join(path, ".."), { recursive: true, force: true }));

/** Bytes that gzip cannot shorten, so that an entry spans as many chunks packed as plain. */
function noise(count: number, seed: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(count / 16) * 4 }, (_, i) => (i % 4 ? 0 : i));
  for (let i = 0; i < words.length; i += 4) words.set(philox(i, 0, 0, 0, seed, 0), i);
  return new Uint8Array(words.buffer, 0, count);
}

interface Entry {
  readonly name: string;
  readonly size: number;
}

async function write(entries: readonly Entry[], zip: boolean): Promise<Uint8Array> {
  const bytes = await packTar(
    entries.map(({ name, size }, i) => ({ header: { name, size }, body: noise(size, i) })),
  );
  await writeFile(path, zip ? gzipSync(bytes, { level: 1 }) : bytes);
  return bytes;
}

async function read(names: readonly string[]): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  await readArchive(path, new Map(names.map((name) => [name, { maximumBytes: 1 << 22 }])), (name, bytes) => {
    found.set(name, bytes);
  });
  return found;
}

describe("readArchive", () => {
  // A small entry that is left out, before one that spans many chunks.
  test.each([false, true])("leaves out some entries and reads the others whole (gzip: %s)", async (zip) => {
    const entries = [
      { name: "package/package.json", size: 670 },
      { name: "package/large.png", size: 3_000_001 },
      { name: "package/none", size: 0 },
      { name: "package/other.png", size: 2_000_000 },
      { name: "package/small.json", size: 513 },
    ];
    await write(entries, zip);
    const found = await read(["large.png", "small.json"]);
    expect([...found.keys()]).toEqual(["large.png", "small.json"]);
    expect(Buffer.compare(found.get("large.png")!, noise(3_000_001, 1))).toBe(0);
    expect(Buffer.compare(found.get("small.json")!, noise(513, 4))).toBe(0);
  });

  test("any sizes, any choice", async () => {
    const sizes = fc.constantFrom(
      0,
      1,
      511,
      512,
      513,
      (1 << 18) - 512,
      1 << 18,
      (1 << 18) + 1,
      700_001,
      1_500_000,
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 9 }),
        fc.boolean(),
        async (chosen, zip) => {
          const entries = chosen.map(([size], i) => ({ name: `some/${i}`, size }));
          await write(entries, zip);
          const wanted = chosen.flatMap(([, take], i) => (take ? [String(i)] : []));
          const found = await read(wanted);
          expect([...found.keys()]).toEqual(wanted);
          for (const [name, bytes] of found) {
            expect(Buffer.compare(bytes, noise(chosen[Number(name)][0], Number(name)))).toBe(0);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("cut anywhere, it is an error and never waits", async () => {
    const bytes = await write(
      [
        { name: "a", size: 1000 },
        { name: "b", size: 300_000 },
      ],
      false,
    );
    const whole = bytes.length - 1024; // the last two blocks are the end mark
    for (const cut of [1, 511, 512, 1000, 1536, 2048, 2100, 2560, 100_000, whole - 513, whole - 1]) {
      await writeFile(path, bytes.subarray(0, cut));
      await expect(read(["b"])).rejects.toThrow(/archive (is damaged or incomplete|lacks b)/);
    }
    const packed = gzipSync(bytes);
    for (const cut of [3, 20, 2000, packed.length >> 1, packed.length - 8]) {
      await writeFile(path, packed.subarray(0, cut));
      await expect(read(["b"])).rejects.toThrow(/archive (is damaged or incomplete|lacks b)/);
    }
  });

  test.each(["symlink", "link", "fifo", "directory"] as const)(
    "a %s of an expected name is not the file",
    async (type) => {
      const header = { name: "x/data", size: 0, type, linkname: "/etc/passwd" };
      await writeFile(path, await packTar([{ header }]));
      await expect(read(["data"])).rejects.toThrow("data is a link, a folder or a device.");
    },
  );

  test("what is no archive", async () => {
    await writeFile(path, noise(5000, 1));
    await expect(read(["a"])).rejects.toThrow(/the archive is damaged or incomplete/);
    await writeFile(path, "");
    await expect(read(["a"])).rejects.toThrow("the archive is empty.");
    await rm(path);
    await expect(read(["a"])).rejects.toThrow(/ENOENT/);
  });
});
