/** Sums over all axes but the last, in an order that depends on the batch alone. */
import { sizeOf } from "../../shape.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";

/** Bytes of one period of floats of `channels` channels: lcm(channels, 4) values (assembly/channels.ts). */
export function periodBytes(channels: number): number {
  const repeats = channels % 4 === 0 ? 1 : channels % 2 === 0 ? 2 : 4;
  return channels * repeats * 4;
}

/** A tensor's images, positions in an image, and channels. */
export function layoutOf(x: WasmTensor): { images: number; positions: number; channels: number } {
  const channels = x.shape[x.shape.length - 1];
  return { images: x.shape[0], positions: sizeOf(x.shape.slice(1, -1)), channels };
}

/** Σ over all axes but the last: [C]. */
export function channelSums(recorder: Recorder, x: WasmTensor): WasmTensor {
  const { images, positions, channels } = layoutOf(x);
  let partials = x;
  if (positions > 1) {
    partials = recorder.tensor([images, channels]);
    const accumulator = scratch(periodBytes(channels));
    recorder.record(
      "imageChannelSums",
      byImages(images),
      out(partials),
      own(x),
      accumulator,
      positions,
      channels,
    );
  }
  const sums = recorder.tensor([channels]);
  recorder.record("combineChannelSums", byRows(channels), out(sums), all(partials), images, channels);
  return sums;
}
