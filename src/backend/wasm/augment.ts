/** Records augmentation: the batch's images on their way in, changed at random. Split by images. */
import type { Augmentation } from "../../reference/augmentation.js";
import type { Shape } from "../../shape.js";
import { all, byImages, out, type Recorder, scratch, stepState, type WasmTensor } from "./recorder.js";

/** Sixteen random words. */
const WORK_BYTES = 64;

/**
 * The batch's images, scaled and augmented: float32 [batch, H, W, C].
 * @param source  uint8 or float32 [examples, H, W, C]    @param order  int32 [examples]
 */
export function augmentImages(
  recorder: Recorder,
  source: WasmTensor,
  order: WasmTensor,
  scale: number,
  batch: number,
  [H, W, C]: Shape,
  { crop = 0, flip = false, color = 0, cutout = 0 }: Augmentation,
): WasmTensor {
  const x = recorder.tensor([batch, H, W, C]);
  const split = byImages(batch);
  const work = scratch(WORK_BYTES);
  const kernel = source.dataType === "uint8" ? "moveBytes" : "moveFloats";
  const flipped = flip ? 1 : 0;
  recorder.record(
    kernel,
    split,
    out(x),
    all(source),
    all(order),
    stepState,
    work,
    scale,
    H,
    W,
    C,
    crop,
    flipped,
  );
  if (color > 0) {
    recorder.record("jitterColors", split, out(x), all(order), stepState, work, color, H * W, C);
  }
  if (cutout > 0) recorder.record("cutOut", split, out(x), all(order), stepState, work, cutout, H, W, C);
  return x;
}
