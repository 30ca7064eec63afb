/** IDX and npz files as datasets: those that Python and NumPy wrote (test/fixtures/data/write.py), and bad ones, each refused with its code. */
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it, test } from "vitest";
import { idx, loadDataset, npz } from "../src/data/index.js";
import { partsOf } from "../src/data/npzData.js";
import { type Dataset, type NpyArray, writeNpz } from "../src/index.js";
import * as forge from "./hostile/forge.js";
import { temporaryFolder } from "./support/temporary.js";

const FIXTURES = join(import.meta.dirname, "fixtures/data");
const IMAGES = Uint8Array.from({ length: 120 }, (_, i) => (i * 7) % 256);
const NAMES = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
];
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "accepted",
    (error) => `${error.code}: ${error.message}`,
  );

function expectFixture({ train, test: part }: { train: Dataset; test: Dataset }): void {
  expect(train.imageShape).toEqual([5, 4, 1]);
  expect([train.scale, part.scale]).toEqual([1 / 255, 1 / 255]);
  expect([...train.images]).toEqual([...IMAGES]);
  expect([...part.images]).toEqual([...IMAGES.subarray(0, 40)]);
  expect([...train.labels, ...part.labels]).toEqual([0, 1, 2, 0, 1, 2, 1, 2]);
  expect(train.classes).toEqual(["0", "1", "2"]);
}

describe("idx", () => {
  /** Plain files of these contents, or what the changes say. */
  function written(changes: Readonly<Record<string, Buffer | undefined>> = {}, prefix = ""): string {
    const folder = temporaryFolder();
    const plain = Object.fromEntries(
      NAMES.map((name) => [name, gunzipSync(readFileSync(join(FIXTURES, `${name}.gz`)))]),
    );
    for (const [name, bytes] of Object.entries({ ...plain, ...changes })) {
      if (bytes) writeFileSync(join(folder, prefix + name), bytes);
    }
    return folder;
  }

  test("packed by Python, plain, with dots in the names, of four dimensions, with names for the classes", async () => {
    expectFixture(await idx(FIXTURES));
    expectFixture(await idx(written()));
    const folder = temporaryFolder();
    NAMES.forEach((name, i) => {
      const other = name.replace("t10k", "test").replace(/-idx/, ".idx");
      copyFileSync(join(FIXTURES, `${name}.gz`), join(folder, i % 2 ? `${other}.gz` : other)); // packed, whatever it is called
    });
    expectFixture(await loadDataset(`idx:${folder}`));
    const colour = forge.idx([2, 2, 5, 3], Buffer.from(IMAGES.subarray(0, 60)), 0x804);
    const few = { "train-images-idx3-ubyte": undefined, "train-images-idx4-ubyte": colour };
    const two = forge.idx([2], Buffer.from([3, 3]), 0x801);
    const none = { "t10k-images-idx3-ubyte": undefined, "t10k-labels-idx1-ubyte": undefined };
    const { train, test: part } = await idx(written({ ...few, ...none, "train-labels-idx1-ubyte": two }), {
      classNames: ["a", "b", "c", "d"],
    });
    expect([train.imageShape, train.classes, part.count]).toEqual([[2, 5, 3], ["a", "b", "c", "d"], 1]);
    const different = forge.idx([2], Buffer.from([3, 1]), 0x801);
    await expect(idx(written({ ...few, ...none, "train-labels-idx1-ubyte": different }))).rejects.toThrow(
      "idx train: no class has two images, so that none can be set aside.",
    );
  });

  test("without a test part a share of each class becomes one; several sets in a folder need a name", async () => {
    const none = { "t10k-images-idx3-ubyte": undefined, "t10k-labels-idx1-ubyte": undefined };
    const { train, test: part } = await loadDataset(`idx:${written(none)}`, { testSplit: 0.5, splitSeed: 2 });
    expect([train.count, part.count, [...part.labels].sort()]).toEqual([3, 3, [0, 1, 2]]);
    const folder = written({}, "emnist-letters-");
    expectFixture(await idx(folder));
    for (const name of NAMES)
      copyFileSync(join(FIXTURES, `${name}.gz`), join(folder, `emnist-mnist-${name}.gz`));
    await expect(idx(folder)).rejects.toThrow(
      `idx: ${folder} has several sets: "${folder}/emnist-letters", "${folder}/emnist-mnist". Name one of them.`,
    );
    expectFixture(await idx(join(folder, "emnist-mnist")));
  });

  const images = (shape: number[], bytes: number, magic = 0x803) => ({
    "train-images-idx3-ubyte": forge.idx(shape, Buffer.alloc(bytes), magic),
  });
  const bomb = gzipSync(Buffer.alloc(40 << 20));
  it.each<[string, string, Readonly<Record<string, Buffer | undefined>>]>([
    ["nothing there", "FILE_NOT_FOUND", Object.fromEntries(NAMES.map((name) => [name, undefined]))],
    ["labels missing", "FILE_NOT_FOUND", { "train-labels-idx1-ubyte": undefined }],
    ["test labels missing", "FILE_NOT_FOUND", { "t10k-labels-idx1-ubyte": undefined }],
    ["an empty file", "IDX_MAGIC", { "train-images-idx3-ubyte": Buffer.alloc(0) }],
    ["floats", "IDX_MAGIC", images([6, 5, 4], 480, 0xd03)],
    ["labels in place of images", "IDX_MAGIC", images([6], 6, 0x801)],
    ["a header cut short", "IDX_SIZE", { "train-images-idx3-ubyte": Buffer.from([0, 0, 8, 3, 0, 0]) }],
    ["too few values", "IDX_SIZE", images([6, 5, 4], 119)],
    ["too many values", "IDX_SIZE", images([6, 5, 4], 121)],
    ["sizes whose product overflows", "IDX_SIZE", images([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 31], 120)],
    ["a size of 0", "IDX_SHAPE", images([0, 5, 4], 0)],
    ["two channels", "IDX_SHAPE", images([6, 5, 2, 2], 120, 0x804)],
    ["damaged gzip", "IDX_GZIP", { "train-images-idx3-ubyte": Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]) }],
    [
      "gzip cut short",
      "IDX_GZIP",
      { "train-images-idx3-ubyte": gzipSync(Buffer.from(IMAGES)).subarray(0, 40) },
    ],
    ["a gzip bomb", "IDX_GZIP", { "train-images-idx3-ubyte": bomb }],
    ["fewer labels than images", "DATASET_COUNT", images([5, 5, 4], 100)],
    ["test images of another size", "DATASET_ARRAY_SHAPE", images([6, 4, 5], 120)],
  ])("%s: %s", async (_, code, changes) => {
    const message = await codeOf(idx(written(changes)));
    expect(message).toMatch(new RegExp(`^${code}: idx: `));
    expect(message).not.toContain("\n");
  });

  test("a folder under a file's name, and nowhere at all", async () => {
    const folder = written({ "train-images-idx3-ubyte": undefined });
    mkdirSync(join(folder, "train-images-idx3-ubyte"));
    expect(await codeOf(idx(folder))).toMatch(/^FILE_NOT_REGULAR: /);
    expect(await codeOf(idx(join(folder, "no/where")))).toMatch(
      /^FILE_NOT_FOUND: idx: cannot read the folder/,
    );
    const linked = temporaryFolder();
    for (const name of NAMES) symlinkSync("/dev/zero", join(linked, name));
    expect(await codeOf(idx(linked))).toMatch(/^FILE_NOT_REGULAR: /);
  });

  test("misuse", async () => {
    await expect(idx(FIXTURES, { classNames: ["a", "b"] })).rejects.toThrow(
      `idx: ${FIXTURES} has the label 2; got 2 class names, the last for label 1.`,
    );
    await expect(loadDataset("idx:")).rejects.toThrow('the dataset "idx:" lacks its path. Write "idx:PATH".');
    await expect(loadDataset("shapes", { classNames: ["a"] })).rejects.toThrow(
      'classNames are for idx: and npz: data, whose files have none; got "shapes".',
    );
    await expect(idx(FIXTURES, { testSplt: 1 } as never)).rejects.toThrow('Did you mean "testSplit"?');
  });
});

describe("npz", () => {
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);

  test("as Keras' mnist.npz, written by NumPy, packed", async () => {
    expectFixture(await npz(join(FIXTURES, "keras.npz")));
    expectFixture(await loadDataset(`npz:${join(FIXTURES, "keras.npz")}`));
  });

  test("x and y: floats as they are, first index fastest, labels [N, 1], what is not used is said", async () => {
    const { train, test: part } = await npz(join(FIXTURES, "floats.npz"), { testSplit: 0.5, onWarning });
    expect(warnings.splice(0)).toEqual([
      `npz: ${join(FIXTURES, "floats.npz")}: arrays that are not used: extra.`,
    ]);
    expect([train.imageShape, train.scale, train.classes.length]).toEqual([[2, 3, 3], 1, 4]);
    const both = [train, part].flatMap(({ images }) => [...images]).sort((a, b) => a - b);
    expect(both).toEqual(Array.from({ length: 72 }, (_, i) => i / 64 - 0.25));
    for (const side of [train, part]) expect([...side.labels].sort()).toEqual([0, 3]);
    // Image n begins at 18·n/64 − 0.25, and has label 3 where n is even.
    const first = Math.round((train.images[0] + 0.25) * 64) / 18;
    expect(train.labels[0]).toBe(first % 2 === 0 ? 3 : 0);
    expect([...train.images.subarray(0, 18)]).toEqual(
      Array.from({ length: 18 }, (_, i) => (first * 18 + i) / 64 - 0.25),
    );
  });

  test("train_images, train_labels …, big-endian labels", async () => {
    const { train, test: part } = await npz(join(FIXTURES, "medical.npz"), { onWarning });
    expect([...train.labels, ...part.labels]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect([...part.images]).toEqual([...IMAGES.subarray(60)]);
    expect(warnings.splice(0)[0]).toMatch(/arrays that are not used: val_images, val_labels\.$/);
  });

  const u1 = (shape: number[]): NpyArray => ({
    type: "u1",
    shape,
    data: new Uint8Array(shape.reduce((a, b) => a * b, 1)),
  });
  const i4 = (...values: number[]): NpyArray => ({
    type: "i4",
    shape: [values.length],
    data: Int32Array.from(values),
  });
  const x = u1([2, 3, 3]);
  const y = i4(0, 1);
  const f4: NpyArray = { type: "f4", shape: [1, 1, 2], data: Float32Array.of(1, Number.NaN) };
  const f8: NpyArray = { type: "f8", shape: [1, 1, 1], data: Float64Array.of(1e39) };
  const big: NpyArray = { type: "u8", shape: [2], data: BigUint64Array.of(1n, 2n ** 63n) };
  it.each<[string, Readonly<Record<string, NpyArray>>, string]>([
    ["DATASET_ARRAY_MISSING", {}, "must have arrays x and y, or x_train, y_train, x_test, y_test; got none."],
    ["DATASET_ARRAY_MISSING", { X: x, y_: y }, 'got "X", "y_".'],
    ["DATASET_ARRAY_MISSING", { x }, "lacks the array y."],
    ["DATASET_ARRAY_MISSING", { x_train: x, y_train: y, x_test: x }, "lacks the array y_test."],
    ["DATASET_ARRAY_SHAPE", { x: u1([2, 9]), y }, "must have shape [N, H, W] or [N, H, W, C]"],
    ["DATASET_ARRAY_SHAPE", { x: u1([2, 3, 5, 5]), y }, "Channels come last here: x.transpose(0, 2, 3, 1)."],
    ["DATASET_ARRAY_SHAPE", { x: u1([0, 3, 3]), y: i4() }, "got [0, 3, 3]."],
    ["DATASET_ARRAY_SHAPE", { x, y: u1([2, 10]) }, "One-hot labels: y.argmax(axis=1)."],
    [
      "DATASET_ARRAY_SHAPE",
      { x_train: x, y_train: y, x_test: u1([2, 3, 4]), y_test: y },
      "test images [3, 4, 1]",
    ],
    ["DATASET_ARRAY_SHAPE", { x: i4(1, 2), y }, "must have shape"],
    [
      "DATASET_ARRAY_TYPE",
      { x: { ...i4(1, 2), shape: [2, 1, 1] }, y },
      "must be uint8, float32 or float64; got i4.",
    ],
    ["DATASET_ARRAY_TYPE", { x: u1([1, 1, 1]), y: { ...f8, shape: [1] } }, "must be whole numbers; got f8."],
    ["DATASET_ARRAY_VALUE", { x: f4, y: i4(0) }, "must hold finite float32 values; got NaN at 1."],
    ["DATASET_ARRAY_VALUE", { x: f8, y: i4(0) }, "got 1e+39 at 0."],
    ["DATASET_LABEL", { x, y: i4(0, -1) }, "y[1] must be a whole number in 0 … 9999; got -1."],
    ["DATASET_LABEL", { x, y: i4(10_000, 0) }, "y[0] must be a whole number in 0 … 9999; got 10000."],
    ["DATASET_LABEL", { x, y: big }, "y[1] must be a whole number"],
    ["DATASET_COUNT", { x, y: i4(0, 1, 1) }, "train has 2 images and 3 labels."],
  ])("%s", async (code, arrays, message) => {
    const path = join(temporaryFolder(), "a.npz");
    await writeNpz(path, new Map(Object.entries(arrays)));
    const got = await codeOf(npz(path));
    expect(got).toContain(message);
    expect(got).toMatch(new RegExp(`^${code}: npz: `));
  });

  test("one that unpacks to more than 64 times its size is refused; names come from arrays, not paths", async () => {
    const path = join(temporaryFolder(), "a.npz");
    await writeNpz(
      path,
      new Map([
        ["x", u1([20, 1000, 1000])],
        ["y", i4(...new Array(20).fill(0))],
      ]),
      { compressed: true },
    );
    expect(await codeOf(npz(path))).toMatch(/^NPZ_BOMB: /);
    expect(await codeOf(npz(join(FIXTURES, "write.py")))).toMatch(/^NPZ_END: /);
    expect(
      partsOf(
        "",
        new Map([
          ["x", x],
          ["y", y],
        ]),
      ).others,
    ).toEqual([]);
  });
});
