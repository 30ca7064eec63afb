/** Files written byte by byte, so that they can be wrong in any way. */
import { crc32, deflateSync } from "node:zlib";

/** A safetensors file with any header text over any data; `headerBytes` may lie. */
export function safetensors(header, data = Buffer.alloc(0), headerBytes = undefined) {
  const text = Buffer.isBuffer(header) ? header : Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes ?? text.length));
  return Buffer.concat([length, text, data]);
}

/** A safetensors file of zeros: `{ name: shape }`, of float32 or what `dtype` says; `{ F64: shape }` overrules that for one. */
export function tensorFile(shapes, metadata = {}, dtype = "F32") {
  let offset = 0;
  const entries = [`"__metadata__":${JSON.stringify(metadata)}`];
  for (const [name, given] of Object.entries(shapes)) {
    const [type, shape] = Array.isArray(given) ? [dtype, given] : Object.entries(given)[0];
    const end = offset + (type.endsWith("64") ? 8 : 4) * shape.reduce((a, b) => a * b, 1);
    const entry = { dtype: type, shape, data_offsets: [offset, end] };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  return safetensors(`{${entries.join()}}`, Buffer.alloc(offset));
}

/** An npy file with any header text. */
export function npy(
  header,
  data = Buffer.alloc(0),
  { major = 1, minor = 0, magic = "\x93NUMPY", length } = {},
) {
  const text = Buffer.from(header, "latin1");
  const size = Buffer.alloc(major === 1 ? 2 : 4);
  if (major === 1) size.writeUInt16LE((length ?? text.length) & 0xffff);
  else size.writeUInt32LE(length ?? text.length);
  return Buffer.concat([Buffer.from(magic, "latin1"), Buffer.from([major, minor]), size, text, data]);
}

export const npyHeader = (descr, shape, order = "False") =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

/** A zip whose every field may be overruled. Entries: { name, body, packed, method, flags, crc, size, local: { … } }. */
export function zip(entries, end = {}) {
  const pieces = [];
  const directory = [];
  let at = 0;
  for (const entry of entries) {
    const { body, packed = body, method = 0, flags = 0, extra = Buffer.alloc(0) } = entry;
    const fields = { method, flags, crc: crc32(body), packed: packed.length, size: body.length, at, disk: 0 };
    const central = { ...fields, ...entry.central };
    const local = { ...fields, name: entry.name, ...entry.local };
    const localHeader = Buffer.alloc(30);
    localHeader.writeUInt32LE(local.signature ?? 0x04034b50);
    writeFields(localHeader, 4, local, local.name, extra.length);
    const centralHeader = Buffer.alloc(46);
    centralHeader.writeUInt32LE(central.signature ?? 0x02014b50);
    writeFields(centralHeader, 6, central, entry.name, 0);
    centralHeader.writeUInt16LE(central.disk, 34);
    centralHeader.writeUInt32LE(central.at, 42);
    pieces.push(localHeader, Buffer.from(local.name), extra, packed);
    directory.push(centralHeader, Buffer.from(entry.name));
    at += 30 + Buffer.byteLength(local.name) + extra.length + packed.length;
  }
  const bytes = directory.reduce((sum, { length }) => sum + length, 0);
  const record = Buffer.alloc(22);
  const last = {
    signature: 0x06054b50,
    disk: 0,
    onDisk: entries.length,
    count: entries.length,
    bytes,
    at,
    ...end,
  };
  record.writeUInt32LE(last.signature);
  record.writeUInt16LE(last.disk, 4);
  record.writeUInt16LE(last.onDisk, 8);
  record.writeUInt16LE(last.count, 10);
  record.writeUInt32LE(last.bytes, 12);
  record.writeUInt32LE(last.at, 16);
  record.writeUInt16LE(last.comment ?? 0, 20);
  return Buffer.concat([...pieces, ...directory, record]);
}

function writeFields(header, at, { flags, method, crc, packed, size }, name, extraBytes) {
  header.writeUInt16LE(20, at);
  header.writeUInt16LE(flags, at + 2);
  header.writeUInt16LE(method, at + 4);
  header.writeUInt32LE(crc >>> 0, at + 10);
  header.writeUInt32LE(packed >>> 0, at + 14);
  header.writeUInt32LE(size >>> 0, at + 18);
  header.writeUInt16LE(Buffer.byteLength(name), at + 22);
  header.writeUInt16LE(extraBytes, at + 24);
}

/** One tar entry, header and padded body; every field may be overruled. The checksum is right unless it is given. */
export function tarEntry({ name = "", body = Buffer.alloc(0), size = body.length, type = "0", ...other }) {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000644\0", 100);
  header.write(other.sizeText ?? `${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  header.write("00000000000\0", 136);
  header.write(type, 156);
  header.write(other.linkname ?? "", 157, 100);
  header.write("ustar\0" + "00", 257);
  header.write(other.prefix ?? "", 345, 155);
  header.write("        ", 148);
  const sum = other.checksum ?? header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

export const tarEnd = Buffer.alloc(1024);
export const tar = (...entries) => Buffer.concat([...entries.map((entry) => tarEntry(entry)), tarEnd]);

/** A pax record: its length counts itself. */
export function pax(key, value) {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length++;
  return `${length} ${key}=${value}\n`;
}

export function pngChunk(type, body = Buffer.alloc(0), crc = undefined) {
  const chunk = Buffer.alloc(12 + body.length);
  chunk.writeUInt32BE(body.length);
  chunk.write(type, 4, "latin1");
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc ?? crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}

export const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function pngHeader(
  width,
  height,
  { depth = 8, colour = 2, compression = 0, filter = 0, interlace = 0 } = {},
) {
  const body = Buffer.alloc(13);
  body.writeUInt32BE(width, 0);
  body.writeUInt32BE(height, 4);
  body.set([depth, colour, compression, filter, interlace], 8);
  return pngChunk("IHDR", body);
}

/** Rows with their filters before them; filter 0 by default. */
export function pngPixels(width, height, channels = 3, filters = []) {
  const row = 1 + width * channels;
  return Buffer.from({ length: row * height }, (_, i) => i).map((_, i) =>
    i % row === 0 ? (filters[Math.floor(i / row)] ?? 0) : (i * 7) & 255,
  );
}

export const png = (...chunks) => Buffer.concat([PNG_SIGNATURE, ...chunks]);
export const goodPng = (width, height) =>
  png(pngHeader(width, height), pngChunk("IDAT", deflateSync(pngPixels(width, height))), pngChunk("IEND"));

/** An IDX file of bytes. */
export function idx(shape, values, magic = 0x800 + shape.length) {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic);
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, values]);
}
