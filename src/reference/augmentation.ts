/**
 * Augmentation: training images changed at random, so that the network never sees the same one twice. What happens to an
 * image depends on seed, step and its number in the data alone: words = philox(block, example, step, 0; seed,
 * Purpose.Augmentation), block 0 for its place, block 1 for its colours, block 2 for what is cut out.
 */
import { Purpose, philox, toUnit } from "../random.js";
import { type NDArray, ndarray } from "./ndarray.js";

/** What is done to training images, in this order: crop, flip, color, cutout. What is left out is not done. */
export interface Augmentation {
  /** Shifts by up to so many pixels each way; 0 comes in from outside. */
  readonly crop?: number;
  /** Mirrors left to right, half of the time. */
  readonly flip?: boolean;
  /** Changes brightness, contrast and saturation by factors from [1 − color, 1 + color). */
  readonly color?: number;
  /** Sets a square of so many pixels' side to 0. */
  readonly cutout?: number;
}

/** Which images they are, and when. */
export interface AugmentationDraw {
  /** The number in the data of each image of the batch. */
  readonly examples: ArrayLike<number>;
  readonly seed: number;
  /** Steps done before this one. */
  readonly step: number;
}

/** @param x [N, H, W, C], images as they are, scaled    @returns the same shape */
export function augment(x: NDArray, augmentation: Augmentation, at: AugmentationDraw): NDArray {
  const { crop = 0, flip = false, color = 0, cutout = 0 } = augmentation;
  const y = moveImages(x, crop, flip, at);
  if (color > 0) jitterColors(y, color, at);
  if (cutout > 0) cutOut(y, cutout, at);
  return y;
}

/** y[h, w] = x[h + dy, w' + dx], or 0 outside; dy and dx from −crop … crop, w' = W − 1 − w when mirrored, else w. */
export function moveImages(x: NDArray, crop: number, flip: boolean, at: AugmentationDraw): NDArray {
  const [N, H, W, C] = x.shape;
  const y = ndarray(x.shape);
  for (let n = 0; n < N; n++) {
    const words = draw(0, n, at);
    const dy = integerBelow(words[0], 2 * crop + 1) - crop;
    const dx = integerBelow(words[1], 2 * crop + 1) - crop;
    const mirrored = flip && words[2] >= 2 ** 31;
    for (let h = 0; h < H; h++) {
      for (let w = 0; w < W; w++) {
        const row = h + dy;
        const column = (mirrored ? W - 1 - w : w) + dx;
        if (row < 0 || row >= H || column < 0 || column >= W) continue;
        for (let c = 0; c < C; c++) {
          y.data[((n * H + h) * W + w) * C + c] = x.data[((n * H + row) * W + column) * C + c];
        }
      }
    }
  }
  return y;
}

/**
 * In place, with factors b, c, t from [1 − strength, 1 + strength), one after the other:
 *   brightness  x = b·x
 *   contrast    x = c·x + (1 − c)·(the image's mean luma)
 *   saturation  x = t·x + (1 − t)·luma(x)
 * luma is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601); of images that have not three channels, the value itself.
 * Nothing is clipped: a network takes any number.
 */
export function jitterColors(x: NDArray, strength: number, at: AugmentationDraw): void {
  const [N, H, W, C] = x.shape;
  const size = H * W * C;
  for (let n = 0; n < N; n++) {
    const image = x.data.subarray(n * size, (n + 1) * size);
    const [b, c, t] = draw(1, n, at).map((word) => 1 + strength * (2 * toUnit(word) - 1));
    image.forEach((value, i) => {
      image[i] = b * value;
    });
    const mean = lumaOf(image, C).reduce((sum, value) => sum + value, 0) / size;
    image.forEach((value, i) => {
      image[i] = c * value + (1 - c) * mean;
    });
    const luma = lumaOf(image, C);
    image.forEach((value, i) => {
      image[i] = t * value + (1 - t) * luma[i];
    });
  }
}

/** In place: a square of zeros whose pixel [⌊side/2⌋, ⌊side/2⌋] is any of the image's, as much of it as lies within. */
export function cutOut(x: NDArray, side: number, at: AugmentationDraw): void {
  const [N, H, W, C] = x.shape;
  for (let n = 0; n < N; n++) {
    const words = draw(2, n, at);
    const top = integerBelow(words[0], H) - Math.floor(side / 2);
    const left = integerBelow(words[1], W) - Math.floor(side / 2);
    for (let h = 0; h < H; h++) {
      for (let w = 0; w < W; w++) {
        const inside = h >= top && h < top + side && w >= left && w < left + side;
        if (inside) x.data.fill(0, ((n * H + h) * W + w) * C, ((n * H + h) * W + w + 1) * C);
      }
    }
  }
}

/** For each value of an image, its pixel's luma. */
function lumaOf(image: Float64Array, C: number): Float64Array {
  if (C !== 3) return image.slice();
  return image.map((_, i) => {
    const pixel = i - (i % 3);
    return 0.299 * image[pixel] + 0.587 * image[pixel + 1] + 0.114 * image[pixel + 2];
  });
}

function draw(block: number, n: number, { examples, seed, step }: AugmentationDraw): readonly number[] {
  return philox(block, examples[n], step, 0, seed, Purpose.Augmentation);
}

/** Uniform in 0 … n − 1. */
function integerBelow(word: number, n: number): number {
  return Math.floor((word * n) / 2 ** 32);
}
