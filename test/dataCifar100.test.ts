/** CIFAR-100's binary archive, with fewer classes and images than the authors'. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { describe, expect, it } from "vitest";
import { cifar100, loadCifar100 } from "../src/data/cifar100.js";
import { loadDataset } from "../src/data/index.js";
import { temporaryFolder } from "./support/temporary.js";

const COUNTS = {
  fine: 4,
  coarse: 2,
  train: 3,
  test: 1,
  sha256: {
    train: "929642b6c63efb8b100d41605768a4bf24ad5f6b02b7f36f4c624b9da8a60b03",
    test: "4e9d4aeb28f6ee151214dc9bc3ca375e4d284e1f8ac965bc519bf02bd1631b81",
  },
};
const COARSE_OF = [1, 0, 1, 0];

/** Record i: its fine class is i mod 4; red of its pixel p is i + p, green and blue the next ones. */
function records(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      Buffer.from([
        COARSE_OF[i % 4],
        i % 4,
        ...Array.from({ length: 3072 }, (_, at) => (i + (at % 1024) + (at >> 10)) & 255),
      ]),
    ),
  );
}

const FILES: Readonly<Record<string, Buffer>> = {
  "train.bin": records(12),
  "test.bin": records(4),
  "fine_label_names.txt": Buffer.from("apple\naquarium_fish\nbaby\nbear\n\n"),
  "coarse_label_names.txt": Buffer.from("people\r\nfish\r\n"),
};

function folderOf(changes: Readonly<Record<string, Buffer>> = {}): string {
  const folder = join(temporaryFolder(), "cifar-100-binary");
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries({ ...FILES, ...changes }))
    writeFileSync(join(folder, name), bytes);
  return folder;
}

/** A pixel of the third training image, which no other check can know. */
function otherPixel(): Buffer {
  const bytes = Buffer.from(FILES["train.bin"]);
  bytes[2 * 3074 + 2 + 7] ^= 1;
  return bytes;
}

const load = (dataDir: string, labels?: "fine" | "coarse") => loadCifar100({ dataDir, labels }, COUNTS);

describe("cifar100", () => {
  it("reads the folder, the archive and the folder around it, to the same; fine labels or coarse ones", async () => {
    const folder = folderOf();
    const entries = Object.entries(FILES).map(([name, body]) => ({
      header: { name: `cifar-100-binary/${name}`, size: body.length },
      body,
    }));
    const archive = join(temporaryFolder(), "cifar-100-binary.tar.gz");
    writeFileSync(archive, gzipSync(await packTar(entries)));
    const pair = await load(folder);
    for (const place of [join(folder, ".."), archive, join(archive, "..")]) {
      expect((await load(place)).train.images).toEqual(pair.train.images);
      expect((await load(place)).test.labels).toEqual(pair.test.labels);
    }
    const { train, test } = pair;
    expect([train.count, test.count, train.classes]).toEqual([
      12,
      4,
      ["apple", "aquarium_fish", "baby", "bear"],
    ]);
    expect([...train.labels]).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    const pixel = (i: number, p: number) => [
      ...train.images.subarray(i * 3072 + p * 3, i * 3072 + p * 3 + 3),
    ];
    expect([pixel(0, 0), pixel(5, 9), pixel(11, 1023)]).toEqual([
      [0, 1, 2],
      [14, 15, 16],
      [10, 11, 12],
    ]);
    const coarse = await load(folder, "coarse");
    expect([coarse.train.classes, [...coarse.test.labels]]).toEqual([["people", "fish"], COARSE_OF]);
    expect(coarse.train.images).toEqual(train.images);
  });

  const labels = (image: number, coarse: number, fine: number) => {
    const bytes = Buffer.from(FILES["train.bin"]);
    bytes[image * 3074] = coarse;
    bytes[image * 3074 + 1] = fine;
    return { "train.bin": bytes };
  };
  it.each<[string, Readonly<Record<string, Buffer>>, RegExp]>([
    [
      "CIFAR100_FILE",
      { "test.bin": FILES["test.bin"].subarray(1) },
      /^cifar100: test\.bin in .* must have 12296 bytes; got 12295\.$/,
    ],
    ["CIFAR100_FILE", { "train.bin": records(13) }, /train\.bin must have at most 36888 bytes; got 39962\.$/],
    ["CIFAR100_LABELS", labels(3, 2, 3), /^cifar100: train\.bin: image 3 has the labels 2 and 3\.$/],
    ["CIFAR100_LABELS", labels(3, 0, 4), /image 3 has the labels 0 and 4\.$/],
    ["CIFAR100_LABELS", labels(7, 1, 3), /image 7 has the labels 1 and 3\.$/], // 3 was of coarse class 0
    ["CIFAR100_LABELS", labels(3, 0, 1), /train\.bin has 4 images of class 1 instead of 3\.$/],
    [
      "CIFAR100_NAMES",
      { "fine_label_names.txt": Buffer.from("a\nb\nc\n") },
      /fine_label_names\.txt must hold 4 different names/,
    ],
    ["CIFAR100_NAMES", { "coarse_label_names.txt": Buffer.from("a\na\n") }, /must hold 2 different names/],
    [
      "CIFAR100_NAMES",
      { "coarse_label_names.txt": Buffer.from("a\n\x1b[2J\n") },
      /must hold 2 different names/,
    ],
  ])("%s", async (code, changes, message) => {
    const error = await load(folderOf(changes)).catch((reason) => reason);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it("refuses other bytes than the authors', unless told to take them", async () => {
    const other = folderOf({ "train.bin": otherPixel() });
    const error = await load(other).catch((reason) => reason);
    expect(error.message).toMatch(
      /^cifar100: train\.bin from .* must have SHA-256 \w{64}; got \w{64}\. .* --unchecked takes it/,
    );
    expect(error.code).toBe("DATASET_SHA256");
    const { train } = await loadCifar100({ dataDir: other, unchecked: true }, COUNTS);
    expect(train.count).toBe(12);
    await expect(loadDataset("shapes", { unchecked: true })).rejects.toThrow(
      'unchecked is for cifar100, whose files may be others; got "shapes".',
    );
  });

  it("says where it is to be had, and what is missing", async () => {
    await expect(loadDataset("cifar100")).rejects.toThrow(
      /^cifar100: no npm package has it\. Get cifar-100-binary\.tar\.gz \(161 MB\) from https:.*--data-dir\.$/,
    );
    const empty = temporaryFolder();
    await expect(loadDataset("cifar100-coarse", { dataDir: empty })).rejects.toThrow(
      `cifar100: ${empty} must hold cifar-100-binary or cifar-100-binary.tar.gz or cifar-100-binary.tar.`,
    );
    await expect(cifar100({ dataDir: folderOf() })).rejects.toThrow(
      /train\.bin in .* must have 153700000 bytes; got 36888/,
    );
    await expect(cifar100({ labels: "middle" as never })).rejects.toThrow(
      'must be "fine" or "coarse"; got "middle".',
    );
    await expect(load(join(empty, "nowhere"))).rejects.toThrow(
      /cannot read the data folder .*nowhere: ENOENT/,
    );
    expect(existsSync(join(empty, "nowhere"))).toBe(false);
    expect(readFileSync(join(folderOf(), "train.bin"))).toEqual(FILES["train.bin"]);
  });
});
