/**
 * Checks a PNG before fast-png decodes it, which believes what it reads: chunks and their checksums, dimensions, and that the
 * deflated pixels have just the size that follows from them. Source: https://www.w3.org/TR/png-3/
 */
import { crc32, inflateSync } from "node:zlib";
import { decode } from "fast-png";
import type { ErrorCode } from "../errorCodes.js";
import { DataError } from "../errors.js";

export interface PngFormat {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPES = { 1: 0, 3: 2 } as const;
const FILTERS = 5;
/** Text, time and physical size say nothing about pixels, and are not compressed. */
const IGNORED = ["tEXt", "tIME", "pHYs", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD"];

/** Non-interlaced pixels of 8 bits. @returns uint8 [height, width, channels] @throws DataError unless it is just such a PNG */
export function readPng(name: string, bytes: Uint8Array, format: PngFormat): Uint8Array {
  const refuse = (what: string, code: ErrorCode) => new DataError(`${name} ${what}.`, { code });
  const deflated = checkChunks(bytes, format, refuse);
  const rowBytes = 1 + format.width * format.channels;
  checkRows(deflated, rowBytes, format.height, refuse);
  try {
    return decode(bytes, { checkCrc: true }).data as Uint8Array;
  } catch (cause) {
    throw new DataError(`${name} is damaged: ${(cause as Error).message}.`, { cause, code: "PNG_CHUNK" });
  }
}

type Refuse = (what: string, code: ErrorCode) => DataError;

/** @returns the image data's bytes, still deflated */
function checkChunks(bytes: Uint8Array, format: PngFormat, refuse: Refuse): Uint8Array {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) throw refuse("is no PNG", "PNG_SIGNATURE");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const data: Uint8Array[] = [];
  let at = SIGNATURE.length;
  let previous = "";
  for (;;) {
    if (at + 12 > bytes.length) throw refuse("is cut short", "PNG_CHUNK");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    const chunk = (what: string) => refuse(`has a chunk ${JSON.stringify(type)} that ${what}`, "PNG_CHUNK");
    if (end > bytes.length) throw chunk("is cut short");
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw refuse(`has a chunk ${JSON.stringify(type)} with a wrong checksum`, "PNG_CHECKSUM");
    }
    if ((type === "IHDR") !== (previous === "")) throw chunk("is misplaced");
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") checkHeader(body, format, refuse);
    else if (type === "IDAT") {
      if (data.length > 0 && previous !== "IDAT") throw chunk("is misplaced");
      data.push(body);
    } else if (type === "IEND") {
      if (length > 0) throw chunk("must be empty");
      if (data.length === 0) throw chunk("comes before any pixel");
      if (end !== bytes.length) throw refuse("goes on behind its end", "PNG_TAIL");
      return data.length === 1 ? data[0] : Buffer.concat(data);
    } else if (!IGNORED.includes(type)) throw chunk("is not needed here");
    // fast-png reads a text's keyword up to its 0, wherever that is.
    else if (type === "tEXt" && !body.subarray(0, 80).includes(0)) throw chunk("has no keyword");
    previous = type;
    at = end;
  }
}

function checkHeader(body: Uint8Array, format: PngFormat, refuse: Refuse): void {
  if (body.length !== 13) throw refuse(`has a header of ${body.length} bytes`, "PNG_HEADER");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = body.subarray(8);
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw refuse("has a header that no PNG has", "PNG_HEADER");
  }
  const { channels } = format;
  const same = width === format.width && height === format.height && depth === 8 && interlace === 0;
  if (!same || colourType !== COLOUR_TYPES[channels]) {
    const wanted = `${format.width}×${format.height} ${channels === 3 ? "RGB" : "grey"} of 8 bits`;
    throw refuse(
      `must be ${wanted}; got ${width}×${height}, colour type ${colourType} of ${depth} bits`,
      "PNG_FORMAT",
    );
  }
}

/** The deflated rows, each with its filter before it, must have just the size that follows from the dimensions. */
function checkRows(deflated: Uint8Array, rowBytes: number, height: number, refuse: Refuse): void {
  const size = rowBytes * height;
  let rows: Buffer;
  try {
    rows = inflateSync(deflated, { maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) });
  } catch (cause) {
    const tooMuch = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    if (tooMuch) throw refuse("holds more pixels than its header says", "PNG_SIZE");
    throw refuse("has pixels that cannot be unpacked", "PNG_INFLATE");
  }
  if (rows.length !== size)
    throw refuse(`holds ${rows.length} bytes of pixels instead of ${size}`, "PNG_SIZE");
  for (let row = 0; row < height; row++) {
    if (rows[row * rowBytes] >= FILTERS) throw refuse(`has an unknown filter in row ${row}`, "PNG_FILTER");
  }
}
