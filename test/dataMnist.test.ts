import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadMnist, mnist } from "../src/data/mnist.js";
import type { Pinned } from "../src/data/pinned.js";

const TRAIN = 3;
const TEST = 2;
const values = (count: number, step: number) =>
  Uint8Array.from({ length: count }, (_, i) => (i * step) & 255);
const idx = (shape: readonly number[], bytes: Uint8Array) => {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x800 + shape.length);
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  return Buffer.concat([header, bytes]);
};
const trainImages = values(TRAIN * 784, 5);
const testImages = values(TEST * 784, 3);
const trainLabels = Uint8Array.of(7, 0, 9);
const testLabels = Uint8Array.of(1, 2);
const FILES: Readonly<Record<string, Buffer>> = {
  "train-images-idx3-ubyte": idx([TRAIN, 28, 28], trainImages),
  "train-labels-idx1-ubyte": idx([TRAIN], trainLabels),
  "t10k-images-idx3-ubyte": idx([TEST, 28, 28], testImages),
  "t10k-labels-idx1-ubyte": idx([TEST], testLabels),
};
const hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const pins: Pinned = {
  name: "mnist",
  npmPackage: { name: "digits", version: "1.0.0", integrity: "" },
  imageShape: [28, 28, 1],
  trainCount: TRAIN,
  testCount: TEST,
  sha256: {
    "train-images": hex(trainImages),
    "train-labels": hex(trainLabels),
    "test-images": hex(testImages),
    "test-labels": hex(testLabels),
  },
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  licence: "",
  dataDirTakes: "the original files",
};

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "cbapd-test-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

async function writeFiles(changes: Readonly<Record<string, Buffer>> = {}): Promise<void> {
  for (const [name, bytes] of Object.entries({ ...FILES, ...changes }))
    await writeFile(join(home, name), bytes);
}

function expectOurs({ train, test: part }: Awaited<ReturnType<typeof mnist>>): void {
  expect(train.imageShape).toEqual([28, 28, 1]);
  expect([...train.labels, ...part.labels]).toEqual([7, 0, 9, 1, 2]);
  expect(Buffer.compare(train.images as Uint8Array, trainImages)).toBe(0);
  expect(Buffer.compare(part.images as Uint8Array, testImages)).toBe(0);
}

describe("mnist", () => {
  test("the original files, plain or packed; CBAPD_DATA is not for it", async () => {
    vi.stubEnv("CBAPD_DATA", join(home, "elsewhere"));
    await writeFiles();
    const name = "t10k-images-idx3-ubyte";
    expectOurs(await loadMnist({ dataDir: home }, pins));
    await rm(join(home, name));
    await writeFile(join(home, `${name}.gz`), gzipSync(FILES[name]));
    expectOurs(await loadMnist({ dataDir: home }, pins));
  });

  test("the npm package, then the cache", async () => {
    const entries = Object.entries(FILES).map(([name, body]) => ({
      header: { name: `package/data/${name}`, size: body.length },
      body,
    }));
    const readme = { header: { name: "package/readme.md", size: 3 }, body: "abc" };
    const archive = gzipSync(await packTar([readme, ...entries, readme]));
    await writeFile(join(home, "packed.tgz"), archive);
    await writeFile(
      join(home, "npm-cli.js"),
      `const [command, ...args] = process.argv.slice(2);
       if (command === "view") console.log("null");
       else require("fs").copyFileSync(process.env.PACKED, args.at(-1) + "/digits-1.0.0.tgz");`,
    );
    vi.stubEnv("npm_execpath", join(home, "npm-cli.js"));
    vi.stubEnv("PACKED", join(home, "packed.tgz"));
    const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
    const ours = { ...pins, npmPackage: { ...pins.npmPackage, integrity } };
    const cacheDir = join(home, "cache");
    expectOurs(await loadMnist({ cacheDir }, ours));
    vi.stubEnv("npm_execpath", join(home, "nothing", "npm-cli.js"));
    expectOurs(await loadMnist({ cacheDir }, ours));
  });

  test("damage names the file", async () => {
    const images = FILES["train-images-idx3-ubyte"];
    const load = () => loadMnist({ dataDir: home }, pins);
    await expect(load()).rejects.toThrow(/^mnist: cannot read .*train-images-idx3-ubyte\.gz: ENOENT/);
    await writeFiles({ "train-images-idx3-ubyte": images.subarray(0, 1000) });
    await expect(load()).rejects.toThrow(/train-images-idx3-ubyte must have 2368 bytes; got 1000\./);
    await writeFiles({
      "train-labels-idx1-ubyte": Buffer.concat([
        Buffer.from([0, 0, 8, 3]),
        FILES["train-labels-idx1-ubyte"].subarray(4),
      ]),
    });
    await expect(load()).rejects.toThrow(
      /train-labels-idx1-ubyte must be an IDX file of bytes \[3\]; got \[3\]/,
    );
    await writeFiles({ "train-images-idx3-ubyte": idx([TRAIN, 14, 56], trainImages) });
    await expect(load()).rejects.toThrow(/must be an IDX file of bytes \[3, 28, 28\]; got \[3, 14, 56\]/);
    await writeFiles({ "t10k-labels-idx1-ubyte": idx([TEST], Uint8Array.of(1, 3)) });
    await expect(load()).rejects.toThrow(
      /t10k-labels-idx1-ubyte is not the original file: its values have SHA-256/,
    );
    await writeFiles();
    await expect(mnist({ dataDir: home })).rejects.toThrow(/must have 47040016 bytes; got 2368/);
  });
});
