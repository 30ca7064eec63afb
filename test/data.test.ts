import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { cacheDirectory } from "../src/data/cache.js";
import type { Dataset } from "../src/data/dataset.js";
import { checkLabels, classCounts, limit, loadDataset, shapes } from "../src/data/index.js";
import { DataError, OptionError } from "../src/errors.js";

const hex = (bytes: Uint8Array | Float32Array | Int32Array) =>
  createHash("sha256")
    .update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .digest("hex");

/** Two rows, one column, two channels: image i is [4i, 4i + 1, 4i + 2, 4i + 3]. */
function tiny(labels: readonly number[], classes = 3): Dataset {
  return {
    name: "tiny",
    count: labels.length,
    imageShape: [2, 1, 2],
    images: Uint8Array.from({ length: labels.length * 4 }, (_, i) => i),
    scale: 1 / 255,
    labels: Int32Array.from(labels),
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
  };
}

afterEach(() => vi.unstubAllEnvs());

describe("limit and checkLabels", () => {
  test("the first n, sharing memory", () => {
    const all = tiny([0, 1, 2, 1]);
    const two = limit(all, 2);
    expect(two.count).toBe(2);
    expect([...two.images]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...two.labels]).toEqual([0, 1]);
    expect(two.images.buffer).toBe(all.images.buffer);
    expect(limit(all, 4)).toBe(all);
    expect(limit(all, 5)).toBe(all);
    checkLabels(two, 3);
    for (const wrong of [0, -1, 1.5, Number.NaN]) expect(() => limit(all, wrong)).toThrow(OptionError);
  });

  test("a label out of range names image, value and number of classes", () => {
    checkLabels(tiny([0, 2, 1]), 3);
    for (const [labels, image, value] of [
      [[0, 1, 3, 7], 2, 3],
      [[0, -1], 1, -1],
    ] as const) {
      expect(() => checkLabels(tiny(labels), 3)).toThrow(DataError);
      expect(() => checkLabels(tiny(labels), 3)).toThrow(
        `tiny: the label of image ${image} must lie in 0 … 2; got ${value} (the network has 3 classes).`,
      );
    }
    expect(() => checkLabels({ ...tiny([0, 1]), count: 3 }, 3)).toThrow(
      "tiny: must have one label and 4 values for each of its 3 images; got 2 labels and 8 values.",
    );
    expect(() => checkLabels({ ...tiny([0, 1]), images: new Uint8Array(7) }, 3)).toThrow(
      "2 labels and 7 values",
    );
  });
});

describe("shapes", () => {
  test("the same bytes everywhere", () => {
    const { train, test: part } = shapes();
    expect([train.count, part.count]).toEqual([2000, 500]);
    expect(hex(train.images)).toBe("68d510760fcbecc445511a492c6ead59aec0b9f8bf437ce9356c5d09567acbdc");
    expect(hex(part.images)).toBe("d5d9db584488ed47007f10ef4bfe830584ab5311e07005434cdbc26e024a8f9c");
    expect(classCounts(train)).toEqual(new Array(10).fill(200));
    checkLabels(train, 10);
    checkLabels(part, 10);
  });

  test("an image depends on seed and index alone, and no two are alike", () => {
    const small = shapes({ train: 13, test: 7, seed: 5 });
    const large = shapes({ train: 31, test: 17, seed: 5 });
    expect(hex(limit(large.train, 13).images)).toBe(hex(small.train.images));
    expect(hex(limit(large.test, 7).images)).toBe(hex(small.test.images));
    const other = shapes({ train: 31, test: 17, seed: 6 });
    const sums = [large.train, large.test, other.train, other.test].flatMap(({ images, count }) =>
      Array.from({ length: count }, (_, i) => hex(images.subarray(i * 3072, (i + 1) * 3072))),
    );
    expect(new Set(sums).size).toBe(96);
  });

  test("wrong options", () => {
    expect(() => shapes({ train: 0 })).toThrow("shapes: train must be a positive integer; got 0.");
    expect(() => shapes({ test: 1.5 })).toThrow(OptionError);
    expect(() => shapes({ seed: 0.5 })).toThrow("shapes: seed must be an integer; got 0.5.");
    expect(() => shapes({ sead: 1 } as object)).toThrow('Did you mean "seed"?');
  });
});

describe("loadDataset", () => {
  test("by name, limited", async () => {
    const { train, test: part } = await loadDataset("shapes", { limit: 20, seed: 1, test: 12 });
    expect([train.count, part.count, train.name]).toEqual([20, 12, "shapes train"]);
    expect(hex(train.images)).toBe(hex(shapes({ train: 20, seed: 1 }).train.images));
  });

  test("unknown names and options", async () => {
    await expect(loadDataset("cifar")).rejects.toThrow('unknown dataset "cifar". Did you mean "cifar10"?');
    await expect(loadDataset("imagenette-large")).rejects.toThrow(
      "Known: cifar10, cifar100, cifar100-coarse, mnist, shapes, folder:PATH, idx:PATH, npz:FILE.",
    );
    await expect(loadDataset("folder:")).rejects.toThrow('Write "folder:PATH".');
    await expect(loadDataset("shapes", { limit: 0 })).rejects.toThrow(OptionError);
    await expect(loadDataset("shapes", { limits: 3 } as object)).rejects.toThrow('Did you mean "limit"?');
  });

  test("offline and an empty cache: what to do instead", async () => {
    const home = await mkdtemp(join(tmpdir(), "cbapd-test-"));
    vi.stubEnv("CBAPD_DATA", undefined);
    vi.stubEnv("XDG_CACHE_HOME", home);
    for (const name of ["cifar10", "mnist"]) {
      await expect(loadDataset(name, { offline: true })).rejects.toThrow(
        /--data shapes needs no file, and --data-dir/,
      );
    }
    await rm(home, { recursive: true });
  });
});

test("the cache's place follows the XDG specification", () => {
  vi.stubEnv("XDG_CACHE_HOME", "/somewhere/cache");
  expect(cacheDirectory()).toBe(join("/somewhere/cache", "cbapd"));
  for (const none of [undefined, "", "relative/cache"]) {
    vi.stubEnv("XDG_CACHE_HOME", none);
    expect(cacheDirectory()).toMatch(/[/\\]\.cache[/\\]cbapd$/);
  }
});
