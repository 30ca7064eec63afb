/** Bad pictures, made by hand: PNG as CIFAR-10 comes, and the headers of JPEG, PNG and WebP in image folders. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { folder, imageFiles } from "../src/data/folder.js";
import { imageHeader } from "../src/data/imageHeader.js";
import { readPng } from "../src/data/png.js";
import { ERROR_CODES } from "../src/errorCodes.js";
import { goodPng, PNG_SIGNATURE, png, pngChunk, pngHeader, pngPixels } from "./hostile/forge.js";
import { temporaryFolder } from "./support/temporary.js";

const FORMAT = { width: 5, height: 4, channels: 3 } as const;
const data = (rows = pngPixels(5, 4)) => pngChunk("IDAT", deflateSync(rows));
const end = pngChunk("IEND");
const head = pngHeader(5, 4);
const flipped = goodPng(5, 4);
flipped[50] ^= 1;

const BAD_PNG: readonly (readonly [string, string, Buffer])[] = [
  ["an empty file", "PNG_SIGNATURE", Buffer.alloc(0)],
  ["a JPEG", "PNG_SIGNATURE", Buffer.from([0xff, 0xd8, 0xff])],
  ["a line end that a text mode changed", "PNG_SIGNATURE", Buffer.from("\x89PNG\n\x1a\n", "latin1")],
  ["a signature alone", "PNG_CHUNK", PNG_SIGNATURE],
  ["pixels before the header", "PNG_CHUNK", png(data(), head, end)],
  ["two headers", "PNG_CHUNK", png(head, head, data(), end)],
  ["a chunk beyond the file", "PNG_CHUNK", png(head, data()).subarray(0, -4)],
  ["no end", "PNG_CHUNK", png(head, data())],
  ["no pixels", "PNG_CHUNK", png(head, end)],
  ["pixels in two places", "PNG_CHUNK", png(head, data(), pngChunk("tIME"), data(), end)],
  ["an end with contents", "PNG_CHUNK", png(head, data(), pngChunk("IEND", Buffer.alloc(1)))],
  ["an animation", "PNG_CHUNK", png(head, pngChunk("acTL", Buffer.alloc(8, 0xff)), data(), end)],
  [
    "a colour profile, which could be a bomb",
    "PNG_CHUNK",
    png(
      head,
      pngChunk("iCCP", Buffer.concat([Buffer.from("a\0\0"), deflateSync(Buffer.alloc(1 << 20))])),
      data(),
      end,
    ),
  ],
  ["compressed text, which could be a bomb", "PNG_CHUNK", png(head, pngChunk("zTXt"), data(), end)],
  ["text without a keyword", "PNG_CHUNK", png(head, pngChunk("tEXt", Buffer.alloc(100, 65)), data(), end)],
  ["a damaged byte", "PNG_CHECKSUM", flipped],
  ["a header of 12 bytes", "PNG_HEADER", png(pngChunk("IHDR", Buffer.alloc(12)), data(), end)],
  ["an unknown compression", "PNG_HEADER", png(pngHeader(5, 4, { compression: 1 }), data(), end)],
  ["an unknown interlace", "PNG_HEADER", png(pngHeader(5, 4, { interlace: 2 }), data(), end)],
  ["2^31 × 2^31 pixels", "PNG_FORMAT", png(pngHeader(2 ** 31, 2 ** 31), data(), end)],
  ["width and height exchanged", "PNG_FORMAT", png(pngHeader(4, 5), data(), end)],
  ["a palette", "PNG_FORMAT", png(pngHeader(5, 4, { colour: 3 }), data(), end)],
  ["16 bits", "PNG_FORMAT", png(pngHeader(5, 4, { depth: 16 }), data(), end)],
  ["interlaced", "PNG_FORMAT", png(pngHeader(5, 4, { interlace: 1 }), data(), end)],
  ["pixels that are no deflate", "PNG_INFLATE", png(head, pngChunk("IDAT", Buffer.alloc(20, 7)), end)],
  [
    "pixels cut short",
    "PNG_INFLATE",
    png(head, pngChunk("IDAT", deflateSync(pngPixels(5, 4)).subarray(0, 20)), end),
  ],
  ["a row too few", "PNG_SIZE", png(head, data(pngPixels(5, 3)), end)],
  ["a bomb of 100 MB", "PNG_SIZE", png(head, data(Buffer.alloc(100 << 20)), end)],
  ["an unknown filter", "PNG_FILTER", png(head, data(pngPixels(5, 4, 3, [0, 5])), end)],
  ["something behind the end", "PNG_TAIL", png(head, data(), end, Buffer.from("<?php"))],
];

const own = (prefix: string) => Object.keys(ERROR_CODES).filter((code) => code.startsWith(prefix));
const refusal = (code: string) => expect.objectContaining({ name: "DataError", code });

describe("bad PNG", () => {
  it.each(BAD_PNG)("%s: %s", (_what, code, bytes) => {
    expect(() => readPng("bad.png", bytes, FORMAT)).toThrow(refusal(code));
  });

  it("covers each of the reader's codes", () => {
    expect(new Set(BAD_PNG.map(([, code]) => code))).toEqual(new Set(own("PNG_")));
  });

  it("a good one, with harmless chunks and all filters, in several pieces", () => {
    const rows = deflateSync(pngPixels(5, 4, 3, [4, 3, 2, 1]));
    const pieces = [rows.subarray(0, 7), rows.subarray(7)].map((piece) => pngChunk("IDAT", piece));
    const text = pngChunk("tEXt", Buffer.from("Title\0a picture"));
    expect(readPng("x", png(head, text, ...pieces, end), FORMAT)).toHaveLength(60);
    const plain = pngPixels(5, 4).filter((_, i) => i % 16 !== 0);
    expect(Buffer.from(readPng("x", goodPng(5, 4), FORMAT)).equals(plain)).toBe(true);
  });
});

const jpeg = (...segments: number[][]) => Buffer.from([0xff, 0xd8, ...segments.flat()]);
const frame = (width: number, height: number) => [
  0xff,
  0xc0,
  0,
  11,
  8,
  height >> 8,
  height & 255,
  width >> 8,
  width & 255,
  1,
  1,
  0x11,
  0,
];
const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><image href="file:///etc/passwd" width="8" height="8"/></svg>';

const BAD_HEADERS: readonly (readonly [string, string, Buffer])[] = [
  ["an empty file", "IMAGE_EMPTY", Buffer.alloc(0)],
  ["a drawing that points to a file", "IMAGE_FORMAT", Buffer.from(SVG)],
  ["a PDF", "IMAGE_FORMAT", Buffer.from("%PDF-1.7")],
  ["a GIF", "IMAGE_FORMAT", Buffer.from("GIF89a\x01\0\x01\0")],
  ["a TIFF", "IMAGE_FORMAT", Buffer.from("II*\0\x08\0\0\0")],
  ["RIFF of another kind", "IMAGE_FORMAT", Buffer.from("RIFF\0\0\0\0WAVEfmt ")],
  ["a PNG without a header", "IMAGE_HEADER", PNG_SIGNATURE],
  ["a JPEG of two markers", "IMAGE_HEADER", jpeg([0xff, 0xd9, 0, 0])],
  ["a JPEG whose segment has no length", "IMAGE_HEADER", jpeg([0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0])],
  ["a JPEG of fill bytes", "IMAGE_HEADER", jpeg(Array(100_000).fill(0xff))],
  [
    "a WebP without a known chunk",
    "IMAGE_HEADER",
    Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBPXXXX"), Buffer.alloc(30)]),
  ],
  ["a PNG of no width", "IMAGE_DIMENSIONS", png(pngHeader(0, 5))],
  ["a JPEG of no height", "IMAGE_DIMENSIONS", jpeg(frame(5, 0))],
  ["a PNG of 2^31 × 2^31", "IMAGE_TOO_LARGE", png(pngHeader(2 ** 31 - 1, 2 ** 31 - 1))],
  ["a JPEG of 65,535 × 65,535", "IMAGE_TOO_LARGE", jpeg(frame(65_535, 65_535))],
  [
    "a WebP of 16,384 × 16,384",
    "IMAGE_TOO_LARGE",
    Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"), Buffer.alloc(20, 0xff)]),
  ],
];

describe("bad pictures in a folder", () => {
  it.each(BAD_HEADERS)("%s: %s", async (_what, code, bytes) => {
    expect(() => imageHeader(bytes)).toThrow(refusal(code));
    const path = join(temporaryFolder(), "bad.png");
    writeFileSync(path, bytes);
    await expect(imageFiles([path], [8, 8, 3])).rejects.toMatchObject({ code });
  });

  it("covers each of the reader's codes, with those that need a file", async () => {
    const path = join(temporaryFolder(), "bad.png");
    const code = async (size: number) => {
      writeFileSync(path, Buffer.concat([png(pngHeader(8, 8)), Buffer.alloc(size)]));
      return imageFiles([path], [8, 8, 3]).catch((error) => error.code);
    };
    const found = [await code(9), await code(1 << 26)];
    expect(found).toEqual(["IMAGE_DAMAGED", "IMAGE_FILE_TOO_LARGE"]);
    expect(new Set([...BAD_HEADERS.map(([, own]) => own), ...found])).toEqual(new Set(own("IMAGE_")));
  });

  it.skipIf(process.platform === "win32")("a pipe among the pictures does not wait for ever", async () => {
    const path = temporaryFolder();
    for (const name of ["a", "b"]) {
      mkdirSync(join(path, name));
      writeFileSync(join(path, name, "1.png"), goodPng(5, 4));
    }
    execFileSync("mkfifo", [join(path, "a/2.png")]);
    await expect(folder(path)).rejects.toMatchObject({ code: "FILE_NOT_REGULAR" });
    const read = await folder(path, { skipBad: true, onWarning: () => {} });
    expect(read.train.count + read.test.count).toBe(2);
  });

  it("reads the size that sharp reads: JPEG, PNG, WebP with and without loss and with transparency", async () => {
    const raw = { create: { width: 37, height: 11, channels: 4, background: "#12345678" } } as const;
    const made = [
      sharp(raw).jpeg(),
      sharp(raw).jpeg({ progressive: true }).withMetadata({ orientation: 6 }),
      sharp(raw).png(),
      sharp(raw).webp(),
      sharp(raw).webp({ lossless: true }),
      sharp(raw).removeAlpha().webp(),
    ];
    for (const image of made) {
      const bytes = await image.toBuffer();
      const { width, height, format } = await sharp(bytes).metadata();
      expect(imageHeader(bytes)).toEqual({ format, width, height });
    }
  });
});
