/**
 * Augmentation: each training image changed at random on its way into the batch. Images [begin, end) of the batch.
 * What happens to an image is drawn from philox(block, example, step, 0; seed, augmentation), example being its number in
 * the data: block 0 moves it, block 1 colours it, block 2 cuts it. Textbook: src/reference/augmentation.ts.
 */
import { exampleAt, scaleBytes, scaleFloats } from "./gather";
import { PURPOSE_AUGMENTATION, philox4 } from "./philox";
import { STATE_SEED, STATE_STEP } from "./state";

/** Byte offsets of the blocks' words. */
const MOVE: usize = 0;
const COLOR: usize = 16;
const CUT: usize = 32;

/** ITU-R BT.601 luma. */
const RED: f32 = 0.299;
const GREEN: f32 = 0.587;
const BLUE: f32 = 0.114;

/** 64 bytes of words for one image. */
function draw(work: usize, stepState: usize, example: usize): void {
  const seed = load<i32>(stepState + STATE_SEED);
  const step = load<i32>(stepState + STATE_STEP);
  philox4(work, 0, <i32>example, step, 0, seed, PURPOSE_AUGMENTATION);
}

/** Uniform in 0 … n − 1. */
function integerBelow(word: usize, n: i32): i32 {
  return <i32>((<u64>load<u32>(word) * <u64>n) >> 32);
}

/** Uniform in [1 − strength, 1 + strength). */
function factorAround1(word: usize, strength: f32): f32 {
  const unit = <f32>(load<u32>(word) >> 8) * <f32>(1.0 / 16777216.0);
  return <f32>1 + strength * (<f32>2 * unit - <f32>1);
}

/** One image: y[h, w] = source[h + dy, w' + dx]·scale, w' = mirrored ? W − 1 − w : w; 0 where the source has no pixel. */
function move<T>(
  y: usize,
  source: usize,
  scale: f32,
  H: i32,
  W: i32,
  C: i32,
  dy: i32,
  dx: i32,
  mirrored: bool,
): void {
  const sourceRow = (<usize>(W * C)) << alignof<T>();
  const row = (<usize>(W * C)) << 2;
  const pixel = (<usize>C) << 2;
  // Source columns [left, right) are seen, in output columns from `first` on when not mirrored.
  const left = max(dx, 0);
  const right = min(W + dx, W);
  for (let h = 0; h < H; ++h) {
    const to = y + <usize>h * row;
    const from = source + <usize>(h + dy) * sourceRow;
    if (h + dy < 0 || h + dy >= H) {
      memory.fill(to, 0, row);
      continue;
    }
    if (dx !== 0) memory.fill(to, 0, row);
    const seen = from + ((<usize>(left * C)) << alignof<T>());
    if (!mirrored) {
      const count = (right - left) * C;
      const at = to + <usize>(left - dx) * pixel;
      if (sizeof<T>() === 1) scaleBytes(at, seen, scale, count);
      else scaleFloats(at, seen, scale, count);
      continue;
    }
    // Source column s comes from output column w with W − 1 − w + dx = s.
    let at = to + <usize>(W - 1 + dx - left) * pixel;
    let byte = seen;
    for (let s = left; s < right; ++s) {
      for (let c: usize = 0; c < pixel; c += 4) {
        store<f32>(at + c, <f32>load<T>(byte) * scale);
        byte += sizeof<T>();
      }
      at -= pixel;
    }
  }
}

function moveAll<T>(
  x: usize,
  images: usize,
  order: usize,
  stepState: usize,
  work: usize,
  scale: f32,
  H: i32,
  W: i32,
  C: i32,
  crop: i32,
  flip: i32,
  begin: i32,
  end: i32,
): void {
  const size = <usize>(H * W * C);
  for (let n = begin; n < end; ++n) {
    const example = exampleAt(order, stepState, n);
    draw(work, stepState, example);
    const dy = integerBelow(work + MOVE, 2 * crop + 1) - crop;
    const dx = integerBelow(work + MOVE + 4, 2 * crop + 1) - crop;
    const mirrored = flip !== 0 && load<u32>(work + MOVE + 8) >> 31 !== 0;
    const source = images + ((example * size) << alignof<T>());
    move<T>(x + ((<usize>n * size) << 2), source, scale, H, W, C, dy, dx, mirrored);
  }
}

/**
 * x[n] = images[order[first + n]]·scale, shifted by up to `crop` pixels each way, 0 coming in from outside, and with flip ≠ 0
 * mirrored left to right half of the time. x float32 [N, H, W, C], overwritten; images uint8 [examples, H, W, C]; order
 * int32; work: scratch of 64 bytes.
 */
export function moveBytes(
  x: usize,
  images: usize,
  order: usize,
  stepState: usize,
  work: usize,
  scale: f32,
  H: i32,
  W: i32,
  C: i32,
  crop: i32,
  flip: i32,
  begin: i32,
  end: i32,
): void {
  moveAll<u8>(x, images, order, stepState, work, scale, H, W, C, crop, flip, begin, end);
}

/** As moveBytes, from float32. */
export function moveFloats(
  x: usize,
  images: usize,
  order: usize,
  stepState: usize,
  work: usize,
  scale: f32,
  H: i32,
  W: i32,
  C: i32,
  crop: i32,
  flip: i32,
  begin: i32,
  end: i32,
): void {
  moveAll<f32>(x, images, order, stepState, work, scale, H, W, C, crop, flip, begin, end);
}

/**
 * In place, with brightness b, contrast c and saturation t from [1 − strength, 1 + strength):
 *   x = b·c·(t·x + (1 − t)·luma(x)) + b·(1 − c)·m,  m the image's mean luma. Nothing is clipped.
 * Of images that have not three channels luma is the value itself, and m the mean of all. The mean is summed pixel by
 * pixel in float64. x [N, pixels, C]; order int32; work: scratch of 64 bytes.
 */
export function jitterColors(
  x: usize,
  order: usize,
  stepState: usize,
  work: usize,
  strength: f32,
  pixels: i32,
  C: i32,
  begin: i32,
  end: i32,
): void {
  const size = <usize>(pixels * C);
  for (let n = begin; n < end; ++n) {
    draw(work, stepState, exampleAt(order, stepState, n));
    const brightness = factorAround1(work + COLOR, strength);
    const contrast = factorAround1(work + COLOR + 4, strength);
    const saturation = factorAround1(work + COLOR + 8, strength);
    const image = x + ((<usize>n * size) << 2);
    const stop = image + (size << 2);
    let sum: f64 = 0;
    if (C === 3) for (let at = image; at < stop; at += 12) sum += <f64>luma(at);
    else for (let at = image; at < stop; at += 4) sum += <f64>load<f32>(at);
    const mean = <f32>(sum / <f64>(C === 3 ? pixels : pixels * C));
    const gain = brightness * contrast;
    const offset = brightness * (<f32>1 - contrast) * mean;
    if (C === 3) {
      for (let at = image; at < stop; at += 12) {
        const grey = (<f32>1 - saturation) * luma(at);
        for (let c: usize = 0; c < 12; c += 4) {
          store<f32>(at + c, gain * (saturation * load<f32>(at + c) + grey) + offset);
        }
      }
    } else for (let at = image; at < stop; at += 4) store<f32>(at, gain * load<f32>(at) + offset);
  }
}

function luma(pixel: usize): f32 {
  return RED * load<f32>(pixel) + GREEN * load<f32>(pixel, 4) + BLUE * load<f32>(pixel, 8);
}

/**
 * In place: a square of `side` pixels becomes 0, as much of it as lies in the image. Its pixel [⌊side/2⌋, ⌊side/2⌋] may be
 * any of the image. x [N, H, W, C]; order int32; work: scratch of 64 bytes.
 */
export function cutOut(
  x: usize,
  order: usize,
  stepState: usize,
  work: usize,
  side: i32,
  H: i32,
  W: i32,
  C: i32,
  begin: i32,
  end: i32,
): void {
  for (let n = begin; n < end; ++n) {
    draw(work, stepState, exampleAt(order, stepState, n));
    const top = integerBelow(work + CUT, H) - side / 2;
    const left = integerBelow(work + CUT + 4, W) - side / 2;
    const from = max(left, 0);
    const bytes = (<usize>((min(left + side, W) - from) * C)) << 2;
    for (let h = max(top, 0); h < min(top + side, H); ++h) {
      memory.fill(x + ((<usize>(((n * H + h) * W + from) * C)) << 2), 0, bytes);
    }
  }
}
