/** Sums over all axes but the last, in an order that does not depend on how the batch is dealt out. */
import { sizeOf } from "../../shape.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";

/** Columns are dealt out in whole vectors of whole cache lines: 16 floats. */
export const CHANNEL_UNIT = 16;

/** [images, positions, channels] of an activation [N, …, C]. */
export function channelSizes(x: WasmTensor): { images: number; positions: number; channels: number } {
  const images = x.shape[0];
  const channels = x.shape[x.shape.length - 1];
  return { images, positions: sizeOf(x.shape) / (images * channels), channels };
}

/** Bytes of the least multiple of `channels` floats that is also one of 16: a period, see assembly/channels.ts. */
export function periodBytes(channels: number): number {
  let period = channels;
  while (period % 16 !== 0) period *= 2;
  return period * 4;
}

/** y[c] = Σ_r x[r, c]: x [rows, C] to [C]. */
export function sumOfRows(recorder: Recorder, x: WasmTensor): WasmTensor {
  const [rows, channels] = x.shape;
  const y = recorder.tensor([channels]);
  recorder.record("sumOfRows", byRows(channels, CHANNEL_UNIT), out(y), all(x), rows, channels);
  return y;
}

/** Σ over all axes but the last: x [N, …, C] to [C]. Each image's sum first, then these in the images' order. */
export function channelSums(recorder: Recorder, x: WasmTensor): WasmTensor {
  const { images, positions, channels } = channelSizes(x);
  if (positions === 1) return sumOfRows(recorder, recorder.view(x, [images, channels]));
  const partials = recorder.tensor([images, channels]);
  recorder.record(
    "channelSumsInImages",
    byImages(images),
    out(partials),
    own(x),
    scratch(periodBytes(channels)),
    positions,
    channels,
  );
  return sumOfRows(recorder, partials);
}
