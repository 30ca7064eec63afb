/**
 * TFRecord: the file that TensorBoard's events lie in. A record is
 *   length: uint64   masked CRC-32C of these 8 bytes: uint32   data   masked CRC-32C of data: uint32, all little-endian.
 * Source: tensorflow/core/lib/io/record_writer.h; RFC 3720, appendix B.4, for CRC-32C.
 */

/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** A checksum of bytes that themselves hold checksums would be a poor one: rotated by 15 bits, plus a constant. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + data.length + FOOTER_BYTES);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + data.length, maskedCrc32c(data), true);
  return record;
}

export interface TfRecord {
  readonly data: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

/** The whole records from the beginning on; ends before the first that is cut off or damaged. */
export function* readRecords(bytes: Uint8Array): Generator<TfRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + HEADER_BYTES + FOOTER_BYTES <= bytes.length) {
    if (view.getUint32(at + 8, true) !== maskedCrc32c(bytes.subarray(at, at + 8))) return;
    const length = view.getBigUint64(at, true);
    if (length > BigInt(bytes.length - at - HEADER_BYTES - FOOTER_BYTES)) return;
    const end = at + HEADER_BYTES + Number(length);
    const data = bytes.subarray(at + HEADER_BYTES, end);
    if (view.getUint32(end, true) !== maskedCrc32c(data)) return;
    yield { data, end: end + FOOTER_BYTES };
    at = end + FOOTER_BYTES;
  }
}
