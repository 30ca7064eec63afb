/** Images that stay in their file until somebody wants them: read to where they are wanted, and still what was checked. */
import { createHash } from "node:crypto";
import { renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { limit } from "../src/data/checks.js";
import { type Dataset, imagesOf, withStoredImages } from "../src/data/dataset.js";
import { shapes } from "../src/data/shapes.js";
import { StoredFile } from "../src/data/storedFile.js";
import { adam, layers, type Model, sequential, weightsSha256 } from "../src/index.js";
import { temporaryFolder } from "./support/temporary.js";

/** Several pieces of what is hashed and of what is read at once, and a rest. */
const BYTES = Uint8Array.from({ length: (9 << 20) + 5 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const sumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function stored(bytes: Uint8Array = BYTES): Promise<{ path: string; file: StoredFile }> {
  const path = join(temporaryFolder(), "images");
  writeFileSync(path, bytes);
  return { path, file: (await StoredFile.open(path, bytes.length, sumOf(bytes)))! };
}

async function readOf(file: StoredFile): Promise<Uint8Array> {
  const target = new Uint8Array(new SharedArrayBuffer(file.byteLength));
  await file.readInto(target);
  return target;
}

/** Another byte in the middle, with the old times. */
function spoil(path: string, bytes: Uint8Array = BYTES): void {
  const spoiled = bytes.slice();
  spoiled[bytes.length >> 1] ^= 1;
  writeFileSync(path, spoiled);
  utimesSync(path, 1, 1);
}

const CHANGED = expect.objectContaining({ code: "DATASET_CHANGED" });

describe("a stored file", () => {
  it("gives its bytes, or a part of them, at once or to a place", async () => {
    const { file } = await stored();
    const [begin, end] = [(4 << 20) - 7, (9 << 20) + 3];
    const part = file.subarray(10, BYTES.length).subarray(begin - 10, end - 10);
    expect(Buffer.compare(file.read(), BYTES)).toBe(0);
    expect(Buffer.compare(await readOf(file), BYTES)).toBe(0);
    expect(Buffer.compare(part.read(), BYTES.subarray(begin, end))).toBe(0);
    expect(Buffer.compare(await readOf(part), BYTES.subarray(begin, end))).toBe(0);
    const target = new Uint8Array(part.byteLength);
    expect(part.readSomeInto(target, [4096, 11], 3)).toBe(true);
    const expected = new Uint8Array(part.byteLength);
    for (const at of [4096, 11]) expected.set(BYTES.subarray(begin + at, begin + at + 3), at);
    expect(Buffer.compare(target, expected)).toBe(0);
  });

  it("is none when its sum is another, and an error when it is too short", async () => {
    const { path } = await stored();
    expect(await StoredFile.open(path, BYTES.length, sumOf(BYTES.subarray(1)))).toBeUndefined();
    await expect(StoredFile.open(path, BYTES.length + 1, sumOf(BYTES))).rejects.toThrow(
      `it ends at byte ${BYTES.length}`,
    );
  });

  it("may be touched, copied over or replaced, as long as its bytes stay", async () => {
    const { path, file } = await stored();
    for (const change of [
      () => utimesSync(path, 7, 7),
      () => writeFileSync(path, BYTES),
      () => {
        writeFileSync(`${path}.new`, BYTES);
        renameSync(`${path}.new`, path);
      },
    ]) {
      change();
      expect(file.readSomeInto(new Uint8Array(BYTES.length), [0], 1)).toBe(false); // not without looking at all of it
      expect(Buffer.compare(file.read(), BYTES)).toBe(0);
      expect(Buffer.compare(await readOf(file), BYTES)).toBe(0);
      expect(file.readSomeInto(new Uint8Array(BYTES.length), [0], 1)).toBe(true);
    }
  });

  it.each<[string, (path: string) => void]>([
    ["another byte", spoil],
    ["a byte less", (path) => truncateSync(path, BYTES.length - 1)],
    ["no file", (path) => rmSync(path)],
  ])("%s: an error, of the whole and of each part", async (_what, change) => {
    const { path, file } = await stored();
    const first = file.subarray(0, 100);
    change(path);
    await expect(readOf(file)).rejects.toEqual(CHANGED);
    await expect(readOf(first)).rejects.toEqual(CHANGED);
    expect(() => file.read()).toThrow(CHANGED);
    expect(() => first.read()).toThrow(CHANGED);
  });
});

const PAIR = shapes({ train: 300, test: 70 });

async function storedDataset(dataset: Dataset): Promise<{ path: string; dataset: Dataset }> {
  const { images, ...rest } = dataset;
  const { path, file } = await stored(images as Uint8Array);
  return { path, dataset: withStoredImages(rest, file, () => file.read()) };
}

describe("a dataset with stored images", () => {
  it("reads them when somebody looks, and once", async () => {
    const { path, dataset } = await storedDataset(PAIR.train);
    const few = limit(dataset, 7);
    expect(ArrayBuffer.isView(imagesOf(few))).toBe(false);
    expect(
      Buffer.compare(few.images as Uint8Array, PAIR.train.images.subarray(0, 7 * 3072) as Uint8Array),
    ).toBe(0);
    expect(few.images.buffer).toBe(dataset.images.buffer);
    expect(imagesOf(dataset)).toBe(dataset.images);
    spoil(path, PAIR.train.images as Uint8Array);
    expect(dataset.images).toEqual(PAIR.train.images);
  });

  it("is a copy's own affair: other images beside the same labels are those that count", async () => {
    const { dataset } = await storedDataset(PAIR.train);
    const black = new Uint8Array(PAIR.train.images.length);
    expect(imagesOf({ ...dataset, images: black })).toBe(black);
  });
});

describe("training on stored images", () => {
  const model = (): Model =>
    sequential([
      layers.input({ shape: [32, 32, 3] }),
      layers.maxPooling2d({ poolSize: 4 }),
      layers.flatten(),
      layers.dense({ units: 10, activation: "softmax" }),
    ]).compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
  /** More steps than those whose images are fetched one by one. */
  const OPTIONS = { batchSize: 16, epochs: 2, workers: 2 };

  it("gives the same bits as on the same images in memory, whole, limited and split", async () => {
    const train = await storedDataset(PAIR.train);
    const test = await storedDataset(PAIR.test);
    for (const [there, here, options] of [
      [train.dataset, PAIR.train, {}],
      [limit(train.dataset, 211), limit(PAIR.train, 211), {}],
      [train.dataset, PAIR.train, { validationData: undefined, validationSplit: 0.2 }],
    ] as const) {
      const results = [];
      for (const [data, validationData] of [
        [there, test.dataset],
        [here, PAIR.test],
      ]) {
        const net = model();
        const { history } = await net.fit(data, { ...OPTIONS, validationData, ...options });
        results.push({
          history,
          weights: weightsSha256(net.getWeights()),
          evaluation: await net.evaluate(data),
        });
      }
      expect(results[0]).toEqual(results[1]);
    }
  });

  it("ends with an error when they change", async () => {
    const { path, dataset } = await storedDataset(PAIR.train);
    spoil(path, PAIR.train.images as Uint8Array);
    await expect(model().fit(dataset, OPTIONS)).rejects.toEqual(CHANGED);
    await expect(model().evaluate(dataset)).rejects.toEqual(CHANGED);
  });

  it("ends soon when those for validation change: not after an epoch's work", async () => {
    const { path, dataset } = await storedDataset(PAIR.test);
    rmSync(path);
    let validations = 0;
    const onProgress = ({ phase }: { phase: string }) => void (phase === "validation" && validations++);
    const fit = model().fit(PAIR.train, {
      ...OPTIONS,
      batchSize: 1,
      epochs: 1000,
      validationFrequency: 1000,
      validationData: dataset,
      callbacks: [{ onProgress }],
    });
    await expect(fit).rejects.toEqual(CHANGED);
    expect(validations).toBe(0);
  });
});
