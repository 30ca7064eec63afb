import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { decode } from "fast-png";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dataCommand } from "../src/cli/data.js";
import { imageRgb, terminalImage } from "../src/cli/terminalImage.js";
import { type Dataset, shapes } from "../src/data/index.js";

function dataset(
  imageShape: readonly [number, number, number],
  images: Uint8Array | Float32Array,
  scale = 1 / 255,
): Dataset {
  return { name: "drawn", count: 1, imageShape, images, scale, labels: Uint8Array.of(0), classes: ["it"] };
}

describe("terminalImage", () => {
  const black = [0, 0, 0];
  const white = [255, 255, 255];
  const red = [255, 0, 0];

  test("colour: the upper pixel in front, the lower one behind; an odd last row stands alone", () => {
    const image = dataset(
      [3, 2, 3],
      Uint8Array.from([...black, ...white, ...red, ...black, ...white, ...red]),
    );
    expect(terminalImage(image, 0, { colour: true })).toBe(
      "\x1b[38;2;0;0;0m\x1b[48;2;255;0;0m▀\x1b[38;2;255;255;255m\x1b[48;2;0;0;0m▀\x1b[0m\n" +
        "\x1b[38;2;255;255;255m\x1b[49m▀\x1b[38;2;255;0;0m\x1b[49m▀\x1b[0m",
    );
  });

  test("shades, of bytes and of floats", () => {
    // Means of the two rows: 0, 60, 120, 180, 255, 0.
    const rows = [0, 60, 100, 200, 255, 0, 0, 60, 140, 160, 255, 0];
    expect(terminalImage(dataset([2, 6, 1], Uint8Array.from(rows)), 0, { colour: false })).toBe(" ░▒▓█");
    const floats = Float32Array.from(rows, (value) => value / 255);
    expect(terminalImage(dataset([2, 6, 1], floats, 1), 0, { colour: false })).toBe(" ░▒▓█");
  });

  test("enlarged by nearest neighbour; grey becomes colour", () => {
    const image = dataset([1, 2, 1], Uint8Array.of(7, 9));
    const row = [7, 7, 7, 7, 7, 7, 9, 9, 9, 9, 9, 9];
    expect([...imageRgb(image, 0, 2)]).toEqual([...row, ...row]);
  });
});

describe("cbapd data", () => {
  let home: string;
  let output: string;
  let errors: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "cbapd-test-"));
    output = "";
    errors = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      output += text;
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      errors += text;
      return true;
    });
    vi.stubEnv("XDG_CACHE_HOME", join(home, "cache"));
    vi.stubEnv("CBAPD_DATA", undefined);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await rm(home, { recursive: true, force: true });
  });

  async function run(...args: string[]): Promise<string> {
    const program = new Command("cbapd").exitOverride();
    dataCommand(program.command("data").exitOverride());
    output = "";
    await program.parseAsync(["data", ...args], { from: "user" });
    return output;
  }

  test("describes both parts", async () => {
    const text = await run("shapes", "--limit", "25");
    expect(text).toContain("dataset   shapes\nsource    drawn by code, seed 0\nlicence   MIT");
    expect(text).toContain("training  25 images, 32×32×3\n          SHA-256 images ");
    expect(text).toMatch(/\n {2}class +train +test\n {2}disc +3 +3\n {2}square +3 +3\n/);
    expect(text).toMatch(/\n {2}bars +2 +2\n$/);
  });

  test("--json is one object", async () => {
    const lines = (await run("shapes", "--limit", "10", "--json")).split("\n");
    expect(lines).toHaveLength(2);
    const { dataset, train, classes } = JSON.parse(lines[0]);
    expect([dataset, train.count, train.imageShape, classes.length]).toEqual(["shapes", 10, [32, 32, 3], 10]);
    expect(train.classCounts.triangle).toBe(1);
    expect(train.labelsSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test("--show draws, and writes the image eightfold", async () => {
    const out = join(home, "picture.png");
    const text = await run("shapes", "--show", "12", "--test", "--out", out);
    expect(text).toContain(`shapes test, image 12: triangle (2), written to ${out}\n`);
    expect(text.match(/^[ ░▒▓█]*$/gmu)?.length).toBeGreaterThanOrEqual(16);
    const { width, height, channels, data } = decode(await readFile(out));
    expect([width, height, channels]).toEqual([256, 256, 3]);
    const { images } = shapes().test;
    for (const [y, x] of [
      [0, 0],
      [7, 8],
      [130, 77],
      [255, 255],
    ]) {
      const from = 12 * 3072 + ((y >> 3) * 32 + (x >> 3)) * 3;
      expect([...data.subarray((y * 256 + x) * 3, (y * 256 + x) * 3 + 3)]).toEqual([
        ...images.subarray(from, from + 3),
      ]);
    }
  });

  test("the picture's name without --out", async () => {
    const before = process.cwd();
    process.chdir(home);
    await run("shapes", "--limit", "10", "--show", "3", "--json");
    await run("shapes", "--limit", "10", "--show", "3", "--test", "--json");
    process.chdir(before);
    expect((await readdir(home)).filter((name) => name.endsWith(".png"))).toEqual([
      "shapes-3.png",
      "shapes-test-3.png",
    ]);
  });

  test("misuse", async () => {
    await expect(run("shapes", "--show", "2000")).rejects.toThrow(
      "data: --show must lie in 0 … 1999; got 2000 (shapes train has 2000 images).",
    );
    await expect(run("shapes", "--show", "x")).rejects.toThrow(
      '--show must be a whole number from 0 on; got "x".',
    );
    await expect(run("shapes", "--limit", "0")).rejects.toThrow(
      '--limit must be a whole number from 1 on; got "0".',
    );
    await expect(run("shape")).rejects.toThrow('unknown dataset "shape". Did you mean "shapes"?');
    await expect(run("cifar10", "--offline")).rejects.toThrow(/does not have it yet.*--data shapes/);
    await expect(run("cifar10", "--data-dir", home)).rejects.toThrow(/must hold cifar-10-batches-bin/);
    const nowhere = join(home, "no", "such.png");
    await expect(run("shapes", "--show", "0", "--out", nowhere)).rejects.toThrow(
      /^cannot write .*such\.png: ENOENT/,
    );
  });

  test("--skip-bad warns on stderr", async () => {
    for (const name of ["a", "b"]) {
      await mkdir(join(home, "pets", name), { recursive: true });
      for (const file of ["1.png", "2.png"]) {
        await sharp({ create: { width: 4, height: 4, channels: 3, background: "red" } }).toFile(
          join(home, "pets", name, file),
        );
      }
    }
    await writeFile(join(home, "pets/a/0.png"), "");
    await expect(run(`folder:${join(home, "pets")}`)).rejects.toThrow(
      /1 of 5 images cannot be read: .*0\.png \(empty\)/,
    );
    const { train, test: part } = JSON.parse(
      await run(`folder:${join(home, "pets")}`, "--skip-bad", "--json"),
    );
    expect(train.count + part.count).toBe(4);
    expect(errors).toMatch(/^warning: folder: 1 of 5 images cannot be read/);
  });
});
