/**
 * TensorBoard's events, as protocol buffers: scalars, histograms and images, in the oldest form, which every TensorBoard reads.
 * Field numbers: tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
 */

/** What TensorBoard draws, of one number or picture, under its tag. */
export type SummaryValue =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly histogram: ArrayLike<number> }
  | { readonly tag: string; readonly image: Image };

export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB. */
  readonly channels: number;
  readonly png: Uint8Array;
}

export interface SummaryEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly values: readonly SummaryValue[];
}

const BUCKETS = 30;
/** Wire types. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** The first record of every file. */
export function encodeVersion(wallTime: number): Uint8Array {
  return message(double(1, wallTime), text(3, "brain.Event:2"));
}

export function encodeEvent({ wallTime, step, values }: SummaryEvent): Uint8Array {
  const summary = message(...values.map((value) => bytes(1, encodeValue(value))));
  return message(double(1, wallTime), varint(2, step), bytes(5, summary));
}

/** The step of an encoded event; 0 where none is said. */
export function stepOf(event: Uint8Array): number {
  const view = new DataView(event.buffer, event.byteOffset, event.length);
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let factor = 1; at < event.length; factor *= 128) {
      const byte = event[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < view.byteLength) {
    const key = readVarint();
    if (key === ((2 << 3) | VARINT)) return readVarint();
    const type = key & 7;
    if (type === VARINT) readVarint();
    else if (type === FIXED64) at += 8;
    else if (type === FIXED32) at += 4;
    else at += readVarint();
  }
  return 0;
}

function encodeValue(value: SummaryValue): Uint8Array {
  const tag = text(1, value.tag);
  if ("scalar" in value) return message(tag, float(2, value.scalar));
  if ("histogram" in value) return message(tag, bytes(5, encodeHistogram(value.histogram)));
  const { width, height, channels, png } = value.image;
  return message(
    tag,
    bytes(4, message(varint(1, height), varint(2, width), varint(3, channels), bytes(4, png))),
  );
}

/** 30 buckets of equal width; what is infinite or NaN is left out. */
export function encodeHistogram(values: ArrayLike<number>): Uint8Array {
  let [min, max, sum, squares, count] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    squares += value * value;
    count++;
  }
  if (count === 0) [min, max] = [0, 0];
  const width = (max - min) / BUCKETS;
  const buckets = new Array<number>(width > 0 ? BUCKETS : 1).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    buckets[width > 0 ? Math.min(BUCKETS - 1, Math.floor((value - min) / width)) : 0]++;
  }
  const limits = buckets.map((_, i) => (i === buckets.length - 1 ? max : min + width * (i + 1)));
  return message(
    double(1, min),
    double(2, max),
    double(3, count),
    double(4, sum),
    double(5, squares),
    bytes(6, doubles(limits)),
    bytes(7, doubles(buckets)),
  );
}

function message(...fields: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const field of fields) {
    result.set(field, at);
    at += field.length;
  }
  return result;
}

function varintBytes(value: number): number[] {
  const result: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) result.push((rest % 128) | 0x80);
  return [...result, rest];
}

function varint(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varintBytes((field << 3) | VARINT), ...varintBytes(value)]);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  const head = [...varintBytes((field << 3) | BYTES), ...varintBytes(content.length)];
  const result = new Uint8Array(head.length + content.length);
  result.set(head);
  result.set(content, head.length);
  return result;
}

const text = (field: number, content: string) => bytes(field, new TextEncoder().encode(content));

function double(field: number, value: number): Uint8Array {
  return Uint8Array.from([(field << 3) | FIXED64, ...doubles([value])]);
}

function float(field: number, value: number): Uint8Array {
  const content = new DataView(new ArrayBuffer(4));
  content.setFloat32(0, value, true);
  return Uint8Array.from([(field << 3) | FIXED32, ...new Uint8Array(content.buffer)]);
}

function doubles(values: readonly number[]): Uint8Array {
  const content = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, i) => {
    content.setFloat64(8 * i, value, true);
  });
  return new Uint8Array(content.buffer);
}
