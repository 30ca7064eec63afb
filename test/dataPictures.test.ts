/** What happens to a picture on its way in: orientation, grey, transparency, depth; the cache; splits; sizes. */
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { folder, imageFiles, loadDataset, splitStratified } from "../src/data/index.js";
import { PictureCache } from "../src/data/pictureCache.js";
import type { Dataset } from "../src/index.js";
import { type NpyArray, readNpz, writeNpz } from "../src/index.js";
import { temporaryFolder } from "./support/temporary.js";

let home: string;
let cacheHome: string;

beforeEach(() => {
  home = temporaryFolder();
  cacheHome = temporaryFolder();
  vi.stubEnv("XDG_CACHE_HOME", cacheHome);
});
afterEach(() => void vi.unstubAllEnvs());

async function paint(name: string, value: number): Promise<string> {
  const path = join(home, name);
  await mkdir(dirname(path), { recursive: true });
  const background = { r: value, g: 0, b: 0 };
  await sharp({ create: { width: 3, height: 2, channels: 3, background } })
    .png()
    .toFile(path);
  return path;
}

/** The red of each image's first pixel. */
const reds = ({ count, images, imageShape: [h, w, c] }: Dataset) =>
  Array.from({ length: count }, (_, i) => images[i * h * w * c]);

describe("one picture", () => {
  /** Quarters: red, green / blue, white. JPEG smears their edges, and Lanczos overshoots: within 60 levels. */
  const quarters = () =>
    sharp(Buffer.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]), {
      raw: { width: 2, height: 2, channels: 3 },
    }).resize(64, 64, { kernel: "nearest" });

  // The transform that a viewer applies is the inverse of the one that the camera's sensor had.
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "JPEG with EXIF orientation %i is turned upright",
    async (orientation) => {
      const upright = await quarters().png().toBuffer();
      const turn = { 1: 0, 2: 0, 3: 180, 4: 180, 5: 90, 6: 270, 7: 270, 8: 90 }[orientation]!;
      // 5: mirrored, then turned by 270° clockwise, says the standard; so backwards: turned by 90°, then mirrored.
      const turned = sharp(await sharp(upright).rotate(turn).png().toBuffer());
      const stored = [2, 4, 5, 7].includes(orientation) ? turned.flop() : turned;
      const path = join(home, `${orientation}.jpg`);
      await stored
        .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
        .withMetadata({ orientation })
        .toFile(path);
      expect((await sharp(path).metadata()).orientation).toBe(orientation);
      const { images } = await imageFiles([path], [2, 2, 3]);
      const expected = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
      expected.forEach((value, i) => void expect(Math.abs(images[i] - value), `value ${i}`).toBeLessThan(60));
    },
  );

  test("grey, grey with alpha, palette, 16 bits, CMYK: as colour and as grey", async () => {
    const grey = { raw: { width: 1, height: 1, channels: 1 as const } };
    const files: [string, ReturnType<typeof sharp>][] = [
      [
        "grey.png",
        sharp(Buffer.from([128]), grey)
          .toColourspace("b-w")
          .png(),
      ],
      [
        "grey.jpg",
        sharp(Buffer.from([128]), grey)
          .resize(16, 16)
          .toColourspace("b-w")
          .jpeg(),
      ],
      [
        // Half transparent black on white is grey.
        "alpha.png",
        sharp(Buffer.from([0, 127]), { raw: { width: 1, height: 1, channels: 2 } }).png(),
      ],
      [
        "palette.png",
        sharp(Buffer.from([128, 128, 128]), { raw: { width: 1, height: 1, channels: 3 } }).png({
          palette: true,
        }),
      ],
      [
        "deep.png",
        sharp(Buffer.from([128]), grey)
          .toColourspace("grey16")
          .png(),
      ],
    ];
    for (const [name, picture] of files) {
      const path = join(home, name);
      await picture.toFile(path);
      for (const channels of [1, 3]) {
        const { images } = await imageFiles([path], [1, 1, channels]);
        expect(images, name).toHaveLength(channels);
        for (const value of images)
          expect(Math.abs(value - 128), `${name} ${[...images]}`).toBeLessThanOrEqual(1);
      }
    }
    expect((await sharp(join(home, "deep.png")).metadata()).depth).toBe("ushort");
    expect((await sharp(join(home, "grey.jpg")).metadata()).channels).toBe(1);
    const cmyk = join(home, "cmyk.jpg");
    await sharp({ create: { width: 16, height: 16, channels: 3, background: "red" } })
      .toColourspace("cmyk")
      .jpeg()
      .toFile(cmyk);
    const [r, g, b] = (await imageFiles([cmyk], [1, 1, 3])).images;
    expect([r > 200, g < 90, b < 90]).toEqual([true, true, true]);
  });

  test("a bad one among good ones: an error that names it, or, on request, left out", async () => {
    const good = await paint("good.png", 9);
    const bad = join(home, "bad.png");
    writeFileSync(bad, "no picture");
    await expect(imageFiles([good, bad], [2, 3, 3])).rejects.toThrow(
      /^cannot be read as images: .*bad\.png \(neither/,
    );
    const told: string[] = [];
    const { count, files } = await imageFiles([bad, good], [2, 3, 3], (path, error) => {
      told.push(`${path}: ${error.message} ${error.code}`);
    });
    expect([count, files]).toEqual([1, [good]]);
    expect(told).toEqual([`${bad}: neither JPEG nor PNG nor WebP IMAGE_FORMAT`]);
  });
});

describe("the cache", () => {
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  const kept = () =>
    readdirSync(join(cacheHome, "cbapd/folders")).map((name) => join(cacheHome, "cbapd/folders", name));
  beforeEach(async () => {
    warnings.length = 0;
    for (let i = 1; i <= 3; i++) {
      await paint(`a/${i}.png`, i);
      await paint(`b/${i}.png`, 10 + i);
    }
  });
  const load = (more = {}) => folder(home, { imageShape: [2, 3, 3], onWarning, ...more });
  /** What is kept, with other pixels: whoever gets these has not decoded anything. */
  async function plant(): Promise<void> {
    const [path] = kept();
    const arrays = await readNpz(path);
    const { data, ...pixels } = arrays.get("pixels")!;
    const other = Uint8Array.from(data as Uint8Array, (value) => value + 100);
    await writeNpz(
      path,
      new Map<string, NpyArray>([...arrays, ["pixels", { ...pixels, data: other } as NpyArray]]),
    );
  }

  it("gives what was decoded before; what was changed or is new is decoded, and joins it", async () => {
    const first = await load();
    expect(
      reds(first.train)
        .concat(reds(first.test))
        .sort((a, b) => a - b),
    ).toEqual([1, 2, 3, 11, 12, 13]);
    const again = await load();
    expect(again).toEqual(first);
    await plant();
    const planted = await load();
    expect(reds(planted.train)).toEqual(reds(first.train).map((red) => red + 100));
    await paint("a/2.png", 77); // another picture under the same name
    await paint("b/4.png", 88);
    await rm(join(home, "b/1.png"));
    const { train, test: part } = await load();
    expect(
      reds(train)
        .concat(reds(part))
        .sort((a, b) => a - b),
    ).toEqual([77, 88, 101, 103, 112, 113]);
    expect((await readNpz(kept()[0])).get("pixels")!.shape).toEqual([6, 2, 3, 3]);
    expect(await load()).toEqual({ train, test: part });
  });

  it("is one for each size, and keeps what a smaller load did not ask for", async () => {
    await load();
    await load({ imageShape: [1, 1, 1] });
    expect(kept()).toHaveLength(2);
    await rm(join(cacheHome, "cbapd"), { recursive: true });
    await load();
    await paint("a/9.png", 9);
    await load({ train: 1, test: 1 });
    await plant();
    const { train, test: part } = await load();
    const all = reds(train)
      .concat(reds(part))
      .sort((a, b) => a - b);
    expect(all.filter((red) => red > 100)).toHaveLength(6);
  });

  it("a damaged one is made anew; one that cannot be written is a warning", async () => {
    const first = await load();
    await writeFile(kept()[0], "rubbish");
    expect(await load()).toEqual(first);
    await plant();
    expect(reds((await load()).train)).not.toEqual(reds(first.train));
    await rm(join(cacheHome, "cbapd"), { recursive: true });
    await writeFile(join(cacheHome, "cbapd"), "in the way");
    expect(await load()).toEqual(first);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^folder: decoded images could not be kept for the next time: /);
  });

  it("is bounded: a large folder is not kept, the one used longest ago goes first", async () => {
    const limits = { folderBytes: 6 * 18, totalBytes: 1500 };
    const pictures = ["a/1.png", "a/2.png", "a/3.png"].map((name) => join(home, name));
    const fill = async (decoder: string, count: number) => {
      const cache = await PictureCache.open(home, [2, 3, 3], decoder, { cacheDir: cacheHome, limits });
      for (const path of pictures) {
        await cache.get(path);
        for (let i = 0; i < count; i++) cache.add(path, new Uint8Array(18));
      }
      await cache.save(pictures, onWarning);
    };
    await fill("1", 1);
    const folder = join(cacheHome, "folders");
    const [first] = readdirSync(folder);
    utimesSync(join(folder, first), 1000, 1000);
    await fill("2", 1);
    expect(readdirSync(folder)).toHaveLength(2);
    await fill("3", 1);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(existsSync(join(folder, first))).toBe(false);
    const small = { ...limits, folderBytes: 2 * 18 };
    const cache = await PictureCache.open(home, [2, 3, 3], "4", { cacheDir: cacheHome, limits: small });
    for (const path of pictures) {
      await cache.get(path);
      cache.add(path, new Uint8Array(18));
    }
    await cache.save(pictures, onWarning);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(warnings).toEqual(["folder: 1 MiB of decoded images are more than is kept (1 MiB)."]);
  });

  it("more than a run could hold is refused before anything is decoded", async () => {
    await expect(load({ imageShape: [20_000, 20_000, 3] })).rejects.toThrow(
      "folder: 6 images of 20000×20000×3 are 6.7 GiB once decoded, more than 3 GiB. Choose a smaller --image-size, or fewer images with --limit.",
    );
  });
});

describe("splits", () => {
  const labels = Uint8Array.from({ length: 60 }, (_, i) => (i % 6 === 0 ? 1 : i === 7 ? 2 : 0));
  const dataset: Dataset = {
    name: "some train",
    count: 60,
    imageShape: [1, 1, 1],
    images: Uint8Array.from({ length: 60 }, (_, i) => i),
    scale: 1,
    labels,
    classes: ["often", "rarely", "once", "never"],
    files: Array.from({ length: 60 }, (_, i) => `${i}.png`),
  };

  test("a share of each class, never its only image; the order stays; the bits are pinned", () => {
    const { train, test: part } = splitStratified(dataset, 0.2, 3);
    const count = ({ labels }: Dataset, label: number) =>
      labels.filter((other: number) => other === label).length;
    expect([0, 1, 2].map((label) => count(part, label))).toEqual([10, 2, 0]);
    expect([train.count, part.count, part.name]).toEqual([48, 12, "some validation"]);
    for (const side of [train, part]) {
      expect([...side.images]).toEqual([...side.images].sort((a, b) => a - b));
      side.images.forEach((image: number, i: number) => {
        expect([side.labels[i], side.files![i]]).toEqual([labels[image], `${image}.png`]);
      });
    }
    expect([...train.images, ...part.images].sort((a, b) => a - b)).toEqual([...dataset.images]);
    expect([...part.images]).toEqual([1, 4, 6, 11, 17, 20, 36, 37, 43, 49, 51, 58]);
    expect([...splitStratified(dataset, 0.2, 4).test.images]).not.toEqual([...part.images]);
    expect(() => splitStratified(dataset, 1)).toThrow(
      "split: validationSplit must lie between 0 and 1; got 1.",
    );
  });

  test("of data with a test part of its own, and of a folder with train/ and test/, instead of that", async () => {
    const { train, test: part } = await loadDataset("shapes", {
      train: 50,
      test: 5,
      validationSplit: 0.2,
      splitSeed: 1,
    });
    expect([train.count, part.count, part.name]).toEqual([40, 10, "shapes validation"]);
    expect([...part.labels].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const name of ["a", "b"]) {
      for (let i = 0; i < 4; i++) await paint(`train/${name}/${i}.png`, i);
      await paint(`test/${name}/0.png`, 200);
    }
    const own = await loadDataset(`folder:${home}`, { testSplit: 0.25 });
    expect([own.train.count, reds(own.test), own.test.name]).toEqual([8, [200, 200], "folder test"]);
    // What is set aside has one name, whichever of the two options asked for it.
    const { test: aside } = await loadDataset(`folder:${join(home, "train")}`, { testSplit: 0.25 });
    expect([aside.count, aside.name]).toEqual([2, "folder validation"]);
    const split = await loadDataset(`folder:${home}`, { validationSplit: 0.25 });
    expect([split.train.count, split.test.count, split.test.name]).toEqual([6, 2, "folder validation"]);
    expect(Math.max(...reds(split.test))).toBeLessThan(4);
    expect(split.test.files!.every((path) => path.startsWith(join(home, "train")))).toBe(true);
  });
});
