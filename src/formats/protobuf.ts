/**
 * Protocol buffers, written: as much of the format as ONNX needs. A field is a varint of (number << 3 | wire type), then its
 * value; messages within messages are preceded by their length.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;

/** Fields in the order in which they are added. Large byte fields are not copied. */
export class Message {
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** How many bytes the message takes. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** The message's bytes. */
  get pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  /** int32, int64, bool or an enumeration. */
  integer(field: number, value: number): this {
    return this.#add(tag(field, VARINT), varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#add(tag(field, FIXED32), bytes);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#add(tag(field, LENGTH), varint(value.length), value);
  }

  message(field: number, value: Message): this {
    return this.#add(tag(field, LENGTH), varint(value.byteLength), ...value.pieces);
  }

  /** A repeated integer field, packed. */
  integers(field: number, values: readonly number[]): this {
    const packed = values.map(varint);
    const length = packed.reduce((sum, { length }) => sum + length, 0);
    return this.#add(tag(field, LENGTH), varint(length), ...packed);
  }

  #add(...pieces: readonly Uint8Array[]): this {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
    }
    return this;
  }
}

function tag(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
