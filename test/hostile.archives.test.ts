/** Bad archives, made by hand: tar, tar.gz, and what CIFAR-10 and MNIST are in them. Each refused with a code of its own. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { describe, expect, it } from "vitest";
import { readArchive, readArchiveStream } from "../src/data/archive.js";
import { loadCifar10, readLabels } from "../src/data/cifar10.js";
import { loadMnist, readIdx } from "../src/data/mnist.js";
import { ERROR_CODES } from "../src/errorCodes.js";
import { idx, pax, tar, tarEnd, tarEntry } from "./hostile/forge.js";
import { binaries, tar as packed } from "./support/cifar10Files.js";
import { temporaryFolder } from "./support/temporary.js";

const MEGA = 1 << 20;
const EXPECTED = new Map([["data", { maximumBytes: 4096 }]]);
const body = Buffer.alloc(700, 1);
const good = { name: "x/data", body };
const extension = (type: string, text: string) => ({ name: "extension", type, body: Buffer.from(text) });
const zipped = gzipSync(tar(good));
const flipped = Buffer.from(zipped);
flipped[zipped.length >> 1] ^= 0xff;
const wrongSum = Buffer.from(zipped);
wrongSum[zipped.length - 8] ^= 1;

/** What is wrong with it, the code that it is refused with, the file. */
const BAD: readonly (readonly [string, string, Buffer])[] = [
  ["an empty file", "ARCHIVE_EMPTY", Buffer.alloc(0)],
  ["gzip's magic number alone", "ARCHIVE_GZIP_CUT", zipped.subarray(0, 2)],
  ["gzip cut in the middle", "ARCHIVE_GZIP_CUT", zipped.subarray(0, zipped.length - 20)],
  ["gzip cut within its checksum", "ARCHIVE_GZIP_CUT", zipped.subarray(0, zipped.length - 3)],
  ["a damaged byte in gzip", "ARCHIVE_GZIP", flipped],
  ["a wrong checksum of gzip", "ARCHIVE_GZIP", wrongSum],
  ["half a header", "ARCHIVE_CUT", tar(good).subarray(0, 300)],
  ["half a body", "ARCHIVE_CUT", tar(good).subarray(0, 900)],
  ["no end mark", "ARCHIVE_CUT", tarEntry(good)],
  ["a size beyond the file", "ARCHIVE_CUT", tar({ ...good, name: "other", size: 100_000 })],
  ["noise", "ARCHIVE_CHECKSUM", Buffer.alloc(5000, 0x55)],
  ["a wrong checksum", "ARCHIVE_CHECKSUM", tar({ ...good, checksum: 1 })],
  ["a size in letters", "ARCHIVE_NUMBER", tar({ ...good, sizeText: "twelve\0" })],
  ["a negative size", "ARCHIVE_NUMBER", tar({ ...good, sizeText: "-0000000001\0" })],
  ["a size of 2^80", "ARCHIVE_SIZE", tar({ ...good, sizeText: `\x80\0${"\xff".repeat(10)}` })],
  ["a sparse file", "ARCHIVE_TYPE", tar({ ...good, type: "S" })],
  ["a part of several volumes", "ARCHIVE_TYPE", tar({ ...good, type: "M" })],
  ["a sparse file of the pax kind", "ARCHIVE_TYPE", tar(extension("x", pax("GNU.sparse.major", "1")), good)],
  ["a pax extension of 1 GiB", "ARCHIVE_EXTENSION_SIZE", tar({ name: "x", type: "x", size: 1 << 30 })],
  ["a GNU name of 1 MiB", "ARCHIVE_EXTENSION_SIZE", tar({ name: "x", type: "L", body: Buffer.alloc(MEGA) })],
  ["a pax record without its end", "ARCHIVE_EXTENSION", tar(extension("x", "99 path=a\n"), good)],
  ["a pax record of length 0", "ARCHIVE_EXTENSION", tar(extension("x", "0 path=a\n"), good)],
  ["a pax size below 0", "ARCHIVE_EXTENSION", tar(extension("x", pax("size", "-1")), good)],
  ["an extension of nothing", "ARCHIVE_EXTENSION", tar(good, extension("x", pax("path", "a")))],
  ["10,001 entries", "ARCHIVE_TOO_MANY_ENTRIES", tar(...Array(10_001).fill({ name: "a" }))],
  [
    "a bomb: 200 MB of zeros in 200 kB",
    "ARCHIVE_TOO_LARGE",
    gzipSync(tar({ name: "a", body: Buffer.alloc(200 * MEGA) }), { level: 9 }),
  ],
  ["a name that climbs", "ARCHIVE_NAME_PATH", tar({ name: "../../data" }, good)],
  ["an absolute name", "ARCHIVE_NAME_PATH", tar({ name: "/etc/data" }, good)],
  ["a name of Windows", "ARCHIVE_NAME_PATH", tar({ name: "..\\..\\data" }, good)],
  ["a prefix that climbs", "ARCHIVE_NAME_PATH", tar({ name: "data", prefix: "../.." }, good)],
  ["a pax name that climbs", "ARCHIVE_NAME_PATH", tar(extension("x", pax("path", "../data")), good)],
  ["a GNU name that climbs", "ARCHIVE_NAME_PATH", tar(extension("L", "a/../../data\0"), good)],
  ["a symbolic link", "ARCHIVE_LINK", tar({ name: "x/data", type: "2", linkname: "/etc/passwd" })],
  ["a hard link", "ARCHIVE_LINK", tar({ name: "x/data", type: "1", linkname: "../secret" })],
  ["a device", "ARCHIVE_LINK", tar({ name: "x/data", type: "3" })],
  ["a folder", "ARCHIVE_LINK", tar({ name: "x/data", type: "5" })],
  ["a file twice", "ARCHIVE_ENTRY_TWICE", tar(good, { ...good, name: "y/data" })],
  ["a file too long", "ARCHIVE_ENTRY_TOO_LONG", tar({ ...good, body: Buffer.alloc(4097) })],
  ["a file too long by a pax size", "ARCHIVE_ENTRY_TOO_LONG", tar(extension("x", pax("size", "5000")), good)],
  ["a file missing", "ARCHIVE_ENTRY_MISSING", tar({ ...good, name: "x/other" })],
  ["an end mark alone", "ARCHIVE_ENTRY_MISSING", tarEnd],
  ["something behind the end", "ARCHIVE_AFTER_END", Buffer.concat([tar(good), tarEntry(good)])],
];

async function take(bytes: Buffer): Promise<Buffer[]> {
  const found: Buffer[] = [];
  const stream = Readable.from(bytes.length > 0 ? [bytes] : []);
  await readArchiveStream("bad.tar", stream, EXPECTED, (_name, content) => found.push(Buffer.from(content)));
  return found;
}
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as Error & { code: string },
  );

describe("bad archives", () => {
  it.each(BAD)("%s: %s", async (_what, code, bytes) => {
    const error = await refusal(take(bytes));
    expect(error).toMatchObject({ name: "DataError", code });
    expect(error!.message).toMatch(/^bad\.tar: [^\n\r]{1,600}\.$/);
  });

  it("a bomb among entries that nobody wants, and an archive larger than any dataset", async () => {
    const bytes = await refusal(take(gzipSync(tar({ name: "a", body: Buffer.alloc(8 * MEGA) }, good))));
    expect(bytes).toMatchObject({ code: "ARCHIVE_TOO_LARGE" });
    expect(await take(gzipSync(tar({ name: "a", body: Buffer.alloc(MEGA) }, good)))).toEqual([body]);
    const plain = await refusal(take(tar({ name: "a", body: Buffer.alloc(65 * MEGA) }, good)));
    expect(plain).toMatchObject({ code: "ARCHIVE_TOO_LARGE" });
  });

  it("covers at least 15 codes: each of the reader's own", () => {
    const own = Object.keys(ERROR_CODES).filter((code) => code.startsWith("ARCHIVE_"));
    expect(new Set(BAD.map(([, code]) => code))).toEqual(new Set(own));
    expect(own.length).toBeGreaterThanOrEqual(15);
  });

  it("what is no file", async () => {
    const folder = temporaryFolder();
    const read = (path: string) => refusal(readArchive(path, EXPECTED, () => {}));
    expect(await read(join(folder, "none"))).toMatchObject({ code: "FILE_NOT_FOUND" });
    expect(await read(folder)).toMatchObject({ code: "FILE_NOT_REGULAR" });
  });
});

describe("good archives", () => {
  it.each([
    ["plain", tar(good)],
    ["with one zero block", Buffer.concat([tarEntry(good), Buffer.alloc(512)])],
    ["in a record of 10 KiB", Buffer.concat([tarEntry(good), Buffer.alloc(10_240 - 1536)])],
    ["of the old kind of file", tar({ ...good, type: "\0" })],
    ["with a prefix", tar({ ...good, name: "data", prefix: "x" })],
    [
      "with a pax name",
      tar(extension("x", pax("path", `${"long/".repeat(60)}data`)), { ...good, name: "a" }),
    ],
    ["with a GNU name", tar(extension("L", `${"long/".repeat(60)}data\0`), { ...good, name: "a" })],
    ["with a global pax header", tar(extension("g", pax("comment", "a commit")), good)],
    ["with a pax size", tar(extension("x", pax("size", "700")), { ...good, size: 0 })],
    [
      "with links and folders beside it",
      tar({ name: "x/", type: "5" }, { name: "l", type: "2", linkname: "/" }, good),
    ],
    ["gzip of two members", Buffer.concat([gzipSync(tarEntry(good)), gzipSync(tarEnd)])],
  ])("%s", async (_what, bytes) => {
    expect(await take(bytes)).toEqual([body]);
  });

  it("of another program's making, with names that need extensions", async () => {
    const name = `${"ä".repeat(120)}/data`;
    const bytes = await packTar([{ header: { name, size: body.length, mtime: new Date(0) }, body }]);
    expect(await take(Buffer.from(bytes))).toEqual([body]);
  });
});

const SHAPE = [3, 2, 2];
const PIXELS = Buffer.alloc(12, 9);

describe("bad datasets", () => {
  it.each<[string, string, () => unknown]>([
    ["labels that are no JSON", "CIFAR10_LABELS", () => readLabels("x", Buffer.from("[1,2"), 2)],
    ["too few labels", "CIFAR10_LABELS", () => readLabels("x", Buffer.from("[1]"), 2)],
    ["a label of 10", "CIFAR10_LABELS", () => readLabels("x", Buffer.from("[1,10]"), 2)],
    ["a label that is text", "CIFAR10_LABELS", () => readLabels("x", Buffer.from('[1,"2"]'), 2)],
    ["labels as an object", "CIFAR10_LABELS", () => readLabels("x", Buffer.from('{"length":2}'), 2)],
    ["100,000 brackets", "CIFAR10_LABELS", () => readLabels("x", Buffer.from("[".repeat(100_000)), 2)],
    ["an IDX file cut short", "IDX_SIZE", () => readIdx("x", idx(SHAPE, PIXELS).subarray(0, 20), SHAPE)],
    ["an IDX file without a byte", "IDX_SIZE", () => readIdx("x", Buffer.alloc(0), SHAPE)],
    ["an IDX file with a byte too much", "IDX_SIZE", () => readIdx("x", idx(SHAPE, Buffer.alloc(13)), SHAPE)],
    ["IDX floats", "IDX_MAGIC", () => readIdx("x", idx(SHAPE, PIXELS, 0xd03), SHAPE)],
    ["IDX of two dimensions", "IDX_MAGIC", () => readIdx("x", idx(SHAPE, PIXELS, 0x802), SHAPE)],
    [
      "IDX dimensions that multiply to the same",
      "IDX_SHAPE",
      () => readIdx("x", idx([2, 3, 2], PIXELS), SHAPE),
    ],
    [
      "IDX dimensions beyond the file",
      "IDX_SHAPE",
      () => readIdx("x", idx([2 ** 32 - 1, 2, 2], PIXELS), SHAPE),
    ],
  ])("%s: %s", (_what, code, read) => {
    expect(read).toThrow(expect.objectContaining({ name: "DataError", code }));
  });

  const pins = {
    name: "mnist",
    npmPackage: { name: "digits", version: "1.0.0", integrity: "" },
    imageShape: [2, 2, 1],
    trainCount: 3,
    testCount: 3,
    sha256: { "train-images": "", "train-labels": "", "test-images": "", "test-labels": "" },
    classes: ["0"],
    licence: "",
    dataDirTakes: "files",
  } as const;

  it("a gzip bomb in place of MNIST, and files of the right form with other numbers", async () => {
    const dataDir = temporaryFolder();
    expect(await refusal(loadMnist({ dataDir }, pins))).toMatchObject({ code: "FILE_NOT_FOUND" });
    const path = join(dataDir, "train-images-idx3-ubyte.gz");
    writeFileSync(path, gzipSync(Buffer.alloc(100 * MEGA)));
    expect(await refusal(loadMnist({ dataDir }, pins))).toMatchObject({ code: "IDX_GZIP" });
    writeFileSync(path, Buffer.from("not gzip"));
    expect(await refusal(loadMnist({ dataDir }, pins))).toMatchObject({ code: "IDX_GZIP" });
    writeFileSync(path, gzipSync(idx(SHAPE, PIXELS)));
    expect(await refusal(loadMnist({ dataDir }, pins))).toMatchObject({ code: "DATASET_SHA256" });
    mkdirSync(path.slice(0, -3));
    expect(await refusal(loadMnist({ dataDir }, pins))).toMatchObject({ code: "FILE_UNREADABLE" });
  });

  it("an archive of the right form with other numbers than the authors'; nothing is written", async () => {
    const dataDir = temporaryFolder();
    writeFileSync(join(dataDir, "cifar-10-binary.tar"), await packed(binaries()));
    const cifar = {
      ...pins,
      imageShape: [32, 32, 3],
      trainCount: 10,
      testCount: 2,
      batchCount: 2,
      batchSha256: Array(6).fill("0"),
    } as const;
    expect(await refusal(loadCifar10({ dataDir }, cifar))).toMatchObject({ code: "CIFAR10_FILE" });
    expect(readdirSync(dataDir)).toEqual(["cifar-10-binary.tar"]);
  });
});
