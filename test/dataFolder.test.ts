import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { folder, loadDataset } from "../src/data/index.js";
import { DataError, OptionError } from "../src/errors.js";

type Colour = readonly [number, number, number];

let home: string;
let cache: string;
let warnings: string[];
const onWarning = (warning: string) => void warnings.push(warning);

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "cbapd-test-"));
  warnings = [];
  cache = await mkdtemp(join(tmpdir(), "cbapd-test-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
  vi.doUnmock("sharp");
  vi.resetModules();
  await rm(home, { recursive: true, force: true });
});

/** A picture of one colour; the ending says which kind. */
async function paint(name: string, [r, g, b]: Colour, width = 5, height = 3): Promise<string> {
  const path = join(home, name);
  await mkdir(dirname(path), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: { r, g, b } } }).toFile(path);
  return path;
}

/** The first pixel of each image, and its label. */
function firstPixels({
  count,
  images,
  labels,
  imageShape: [h, w, c],
}: Awaited<ReturnType<typeof folder>>["train"]) {
  return Array.from({ length: count }, (_, i) => [
    labels[i],
    ...images.subarray(i * h * w * c, i * h * w * c + c),
  ]);
}

describe("layouts", () => {
  test("train/ and test/: sorted by code point, classes in turn", async () => {
    await paint("train/ä/1.png", [1, 1, 1]);
    await paint("train/Z/b.png", [2, 2, 2]);
    await paint("train/Z/B.png", [3, 3, 3]);
    await paint("train/Z/10.png", [4, 4, 4]);
    await paint("train/a/x.png", [5, 5, 5]);
    await paint("train/a/y.webp", [6, 6, 6]);
    await paint("test/ä/1.png", [7, 7, 7]);
    await paint("test/a/1.png", [8, 8, 8]);
    const { train, test: part } = await folder(home, { imageShape: [2, 3, 3] });
    expect(train.classes).toEqual(["Z", "a", "ä"]);
    expect(part.classes).toEqual(train.classes);
    const expected = [
      [0, 4],
      [1, 5],
      [2, 1],
      [0, 3],
      [1, 6],
      [0, 2],
    ];
    expect(firstPixels(train).map(([label, r]) => [label, r])).toEqual(expected);
    expect(firstPixels(part)).toEqual([
      [1, 8, 8, 8],
      [2, 7, 7, 7],
    ]);
    expect(train.images).toHaveLength(6 * 2 * 3 * 3);
    expect(train.source).toBe(home);
  });

  test("no test/: a seeded fifth of each class, never a class's only image", async () => {
    for (let i = 0; i < 10; i++) await paint(`a/${i}.png`, [i, 0, 0]);
    for (let i = 0; i < 4; i++) await paint(`b/${i}.png`, [i, 1, 0]);
    await paint("c/only.png", [0, 2, 0]);
    const { train, test: part } = await folder(home);
    expect([train.count, part.count]).toEqual([8 + 3 + 1, 2 + 1]);
    expect(train.imageShape).toEqual([32, 32, 3]);
    const all = [...firstPixels(train), ...firstPixels(part)].map(String);
    expect(new Set(all).size).toBe(15);
    const again = await loadDataset(`folder:${home}`, { seed: 0, limit: 5 });
    expect(firstPixels(again.train)).toEqual(firstPixels(train).slice(0, 5));
    expect(firstPixels(again.test)).toEqual(firstPixels(part));
    const others = await Promise.all([1, 2, 3].map((seed) => folder(home, { seed })));
    expect(others.some((other) => String(firstPixels(other.test)) !== String(firstPixels(part)))).toBe(true);
    expect((await folder(home, { testSplit: 0.5 })).test.count).toBe(5 + 2);
  });

  test("what is no image is ignored, and said", async () => {
    await paint("a/1.png", [1, 0, 0]);
    await paint("b/1.jpg", [1, 0, 0]);
    await mkdir(join(home, "a/deeper"));
    for (const name of ["a/notes.txt", "readme.md", "b/.hidden"]) await writeFile(join(home, name), "x");
    await folder(home, { onWarning });
    expect(warnings).toEqual([
      `folder: 3 entries that are no JPEG, PNG or WebP were ignored: ${join(home, "readme.md")}, ` +
        `${join(home, "a/notes.txt")}, ${join(home, "a/deeper")}.`,
    ]);
  });

  test("folders that do not fit", async () => {
    await expect(folder(join(home, "nowhere"))).rejects.toThrow(/folder: cannot read .*nowhere: ENOENT/);
    await paint("a/1.png", [1, 0, 0]);
    await expect(folder(home)).rejects.toThrow(
      /must hold a folder for each of at least two classes; got \["a"\]/,
    );
    await mkdir(join(home, "b"));
    await expect(folder(home)).rejects.toThrow(/folder: .*b holds no JPEG, PNG or WebP\./);
    for (const name of ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"])
      await paint(name, [1, 2, 3]);
    await expect(folder(home)).rejects.toThrow(/test has classes that train lacks: c\./);
  });
});

describe("pixels", () => {
  test("stretched, upright, transparent parts white, grey or colour", async () => {
    // Left half red, right half blue; stored turned by 90°, as EXIF orientation 6 says.
    const halves = Buffer.from([255, 0, 0, 0, 0, 255]);
    const wide = sharp(halves, { raw: { width: 2, height: 1, channels: 3 } }).resize(16, 8, {
      kernel: "nearest",
    });
    await mkdir(join(home, "a"));
    await wide.clone().png().toFile(join(home, "a/plain.png"));
    await sharp(await wide.png().toBuffer())
      .rotate(-90)
      .withMetadata({ orientation: 6 })
      .png()
      .toFile(join(home, "a/turned.png"));
    await paint("b/1.png", [0, 0, 0]);
    const clear = { r: 10, g: 20, b: 30, alpha: 0 };
    await sharp({ create: { width: 4, height: 4, channels: 4, background: clear } })
      .png()
      .toFile(join(home, "b/2.png"));
    for (const name of ["train", "test"]) await mkdir(join(home, name));
    for (const name of ["a", "b"]) {
      await symlink(join(home, name), join(home, "train", name));
      await symlink(join(home, name), join(home, "test", name));
    }
    const { train } = await folder(home, { imageShape: [1, 2, 3] });
    const pixels = [...train.images];
    const image = (i: number) => pixels.slice(i * 6, i * 6 + 6);
    for (const i of [0, 2]) {
      // Lanczos overshoots where the halves meet: red stays red and blue blue within a few levels.
      const [r0, g0, b0, r1, g1, b1] = image(i);
      expect(Math.min(r0, b1)).toBeGreaterThan(240);
      expect(Math.max(g0, b0, r1, g1)).toBeLessThan(15);
    }
    expect(image(3)).toEqual([255, 255, 255, 255, 255, 255]);
    const grey = await folder(home, { imageShape: [4, 4, 1] });
    expect(grey.train.images).toHaveLength(4 * 16);
    expect([...grey.train.images.subarray(16, 32)]).toEqual(new Array(16).fill(0));
  });

  test("damaged and empty images are named and counted, and left out only on request", async () => {
    const noisy = Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 97) & 255));
    const raw = { raw: { width: 64, height: 64, channels: 3 as const } };
    for (const name of ["train/a", "train/b", "test/a", "test/b"]) await paint(`${name}/good.png`, [9, 9, 9]);
    const jpeg = await sharp(noisy, raw).jpeg().toBuffer();
    await writeFile(join(home, "train/a/cut.jpg"), jpeg.subarray(0, jpeg.length >> 1));
    await writeFile(join(home, "train/b/empty.png"), "");
    await writeFile(join(home, "train/b/text.webp"), "no picture");
    await symlink(join(home, "gone.png"), join(home, "test/b/link.png"));
    const error = await folder(home).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    const { message } = error as DataError;
    expect(message).toMatch(/^folder: 4 of 8 images cannot be read: /);
    for (const name of ["cut.jpg (", "empty.png (empty)", "text.webp (", "link.png (ENOENT"])
      expect(message).toContain(name);
    expect(message).toMatch(/leave them out with --skip-bad\.$/);

    const { train, test: part } = await folder(home, { skipBad: true, onWarning });
    expect(firstPixels(train)).toEqual([
      [0, 9, 9, 9],
      [1, 9, 9, 9],
    ]);
    expect(part.count).toBe(2);
    expect(train.images).toHaveLength(2 * 3072);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^folder: 4 of 8 images cannot be read: .*empty\.png \(empty\).*; left out\.$/,
    );

    for (let i = 0; i < 12; i++) await writeFile(join(home, `train/a/bad${i}.png`), "");
    const many = await folder(home).catch((reason: Error) => reason.message);
    expect(many).toMatch(/^folder: 16 of 20 .* and 6 more\. Mend/);
  });

  test("nothing left", async () => {
    for (const name of ["a/1.png", "b/1.png"]) {
      await paint(name, [0, 0, 0]);
      await writeFile(join(home, name), (await readFile(join(home, name))).subarray(0, 20));
    }
    await expect(folder(home, { skipBad: true, onWarning })).rejects.toThrow(
      /^folder: no image of .* can be read\.$/,
    );
  });
});

test("wrong options", async () => {
  await expect(folder(home, { imageShape: [32, 32, 2] })).rejects.toThrow(
    "folder: imageShape must be [height, width, channels] with 1 or 3 channels; got [32, 32, 2].",
  );
  await expect(folder(home, { imageShape: [0, 32, 3] })).rejects.toThrow(OptionError);
  for (const testSplit of [0, 1, Number.NaN]) {
    await expect(folder(home, { testSplit })).rejects.toThrow("folder: testSplit must lie between 0 and 1");
  }
});

test("without sharp: what to install", async () => {
  vi.resetModules();
  vi.doMock("sharp", () => {
    throw new Error("Cannot find package 'sharp'");
  });
  const fresh = await import("../src/data/folder.js");
  await expect(fresh.folder(home)).rejects.toThrow(
    /image folders need the optional package sharp.*npm install sharp/,
  );
});
