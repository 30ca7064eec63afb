/**
 * Format and size of a picture, read from its first bytes before any decoder sees it. What a file is decides its content, not
 * its name: a drawing (SVG) that is called .png could point to other files, and is refused here.
 * Sources: PNG 3rd edition, section 11.2.1; ITU T.81, annex B.2; RFC 9649, sections 2.4 to 2.7.
 */
import type { ErrorCode } from "../errorCodes.js";
import { DataError } from "../errors.js";

export interface ImageHeader {
  readonly format: "jpeg" | "png" | "webp";
  readonly width: number;
  readonly height: number;
}

/** Decoded, three bytes a pixel, this is 192 MiB. */
export const MAX_PIXELS = 1 << 26;

const startsWith = (bytes: Uint8Array, signature: readonly number[], at = 0): boolean =>
  signature.every((byte, i) => bytes[at + i] === byte);
const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));

/** @throws DataError that says what it is, for anything but a JPEG, PNG or WebP of a bounded size */
export function imageHeader(bytes: Uint8Array): ImageHeader {
  const refuse = (what: string, code: ErrorCode) => new DataError(what, { code });
  if (bytes.length === 0) throw refuse("empty", "IMAGE_EMPTY");
  const format = formatOf(bytes);
  if (!format) throw refuse("neither JPEG nor PNG nor WebP", "IMAGE_FORMAT");
  const size = SIZES[format](new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes);
  if (!size) throw refuse(`a ${format} without a readable header`, "IMAGE_HEADER");
  const [width, height] = size;
  if (width === 0 || height === 0) throw refuse(`${width}×${height} pixels`, "IMAGE_DIMENSIONS");
  if (width * height > MAX_PIXELS) {
    throw refuse(`${width}×${height} pixels, more than ${MAX_PIXELS}`, "IMAGE_TOO_LARGE");
  }
  return { format, width, height };
}

function formatOf(bytes: Uint8Array): ImageHeader["format"] | undefined {
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return "jpeg";
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "png";
  if (startsWith(bytes, ascii("RIFF")) && startsWith(bytes, ascii("WEBP"), 8)) return "webp";
  return undefined;
}

type Size = readonly [width: number, height: number];

const SIZES: Readonly<
  Record<ImageHeader["format"], (view: DataView, bytes: Uint8Array) => Size | undefined>
> = { jpeg: jpegSize, png: pngSize, webp: webpSize };

function pngSize(view: DataView, bytes: Uint8Array): Size | undefined {
  if (bytes.length < 24 || !startsWith(bytes, ascii("IHDR"), 12)) return undefined;
  return [view.getUint32(16), view.getUint32(20)];
}

/** Walks from marker to marker up to the start of a frame: C0 … CF but C4 (Huffman), C8 (reserved) and CC (arithmetic). */
function jpegSize(view: DataView, bytes: Uint8Array): Size | undefined {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++; // fill byte
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return at + 9 <= bytes.length ? [view.getUint16(at + 7), view.getUint16(at + 5)] : undefined;
    }
    const length = view.getUint16(at + 2);
    if (length < 2 || marker === 0xda || marker === 0xd9) return undefined; // pixels or the end before any frame
    at += 2 + length;
  }
  return undefined;
}

function webpSize(view: DataView, bytes: Uint8Array): Size | undefined {
  const kind = String.fromCharCode(...bytes.subarray(12, 16));
  if (bytes.length < (kind === "VP8L" ? 25 : 30)) return undefined;
  const uint24 = (at: number) => view.getUint16(at, true) | (bytes[at + 2] << 16);
  switch (kind) {
    case "VP8 ":
      if (!startsWith(bytes, [0x9d, 0x01, 0x2a], 23)) return undefined;
      return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
    case "VP8L": {
      if (bytes[20] !== 0x2f) return undefined;
      const bits = view.getUint32(21, true);
      return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
    }
    case "VP8X":
      return [uint24(24) + 1, uint24(27) + 1];
    default:
      return undefined;
  }
}
