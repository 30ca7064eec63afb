/**
 * Convolutions of fewer than eight filters: first layers. Filters as columns of a register tile would leave lanes empty,
 * so both products run transposed, with the filters as the tile's rows:
 *   Yᵀ [F, positions] = Wᵀ·Pᵀ, lanes are neighbouring positions of an output row;
 *   dWᵀ [F, K] = dYᵀ·P, lanes are neighbouring values of a window's row.
 * Nothing is packed: W and dY are read as they lie, P by tables of offsets into zero-padded pictures.
 */
import { positions, taps } from "./fewFiltersTiles";
import { writeOffsets } from "./offsets";

/**
 * Y = conv2d(X, W) + b for images [begin, end); horizontal stride 1; bias 0 for none. Scratch: K offsets, F·lanes and
 * C·Hp·(lanes + kw − 1) floats, with lanes = max(8, Wo rounded up to whole vectors).
 */
export function fewFiltersForward(
  y: usize,
  x: usize,
  kernel: usize,
  bias: usize,
  scratch: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  _strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  begin: i32,
  end: i32,
): void {
  const depth = kernelHeight * kernelWidth * channels;
  const vectors = max(2, (outWidth + 3) >> 2);
  const paddedHeight = (outHeight - 1) * strideHeight + kernelHeight;
  const paddedWidth = (vectors << 2) + kernelWidth - 1;
  const line = (<usize>paddedWidth) << 2;
  const plane = <usize>paddedHeight * line;
  const filterBytes = (<usize>filters) << 2;
  const laneBytes = (<usize>vectors) << 4;
  const product = writeOffsets(scratch, kernelHeight, line, kernelWidth, 4, channels, plane); // [F, lanes]
  const planes = product + <usize>filters * laneBytes; // [C, Hp, Wp]
  memory.fill(planes, 0, plane * <usize>channels);
  for (let n = begin; n < end; n++) {
    const image = x + ((<usize>n * <usize>(height * width * channels)) << 2);
    const inside = planes + <usize>padTop * line + ((<usize>padLeft) << 2);
    const rows = min(height, paddedHeight - padTop);
    toPlanes(inside, plane, paddedWidth, image, rows, min(width, paddedWidth - padLeft), width, channels);
    for (let i = 0; i < outHeight; i++) {
      const corner = planes + <usize>(i * strideHeight) * line;
      for (let f = 0; f < filters; ) {
        const rows = rowsOf(filters - f, 3);
        const to = product + <usize>f * laneBytes;
        const weights = kernel + ((<usize>f) << 2);
        for (let v = 0; v < vectors; ) {
          const group = vectors - v == 3 || vectors - v > 4 ? 3 : 2;
          const at = (<usize>v) << 4;
          positions(rows, group, to + at, laneBytes, corner + at, scratch, weights, filterBytes, depth);
          v += group;
        }
        f += rows;
      }
      const to = y + <usize>((n * outHeight + i) * outWidth) * filterBytes;
      storeTransposed(to, filterBytes, product, laneBytes, bias, outWidth, filters);
    }
  }
}

/**
 * Pieces [begin, end) of dW: window rows × groups of lanes (16, or 8 where a row has no more) × groups of filters.
 *  `padded` from padImages, [N, Hp, Wp, C]; up to 60 bytes behind its end
 * are read, for lanes that are not used. Sums over positions in blocks of `blockRows` output rows, image by image.
 * Scratch: a block's positions in offsets, then 128 bytes for each piece.
 */
export function fewFiltersKernelGradient(
  dKernel: usize,
  padded: usize,
  dY: usize,
  scratch: usize,
  images: i32,
  paddedHeight: i32,
  paddedWidth: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const run = kernelWidth * channels;
  const vectors = run > 8 ? 4 : 2;
  const height = vectors == 4 ? 2 : 3;
  const groups = (run + (vectors << 2) - 1) / (vectors << 2);
  const filterGroups = (filters + height - 1) / height;
  const pixel = (<usize>channels) << 2;
  const line = <usize>paddedWidth * pixel;
  const filterBytes = (<usize>filters) << 2;
  const step = <usize>strideHeight * line;
  const sums = writeOffsets(scratch, 1, 0, blockRows, step, outWidth, <usize>strideWidth * pixel);
  memory.fill(sums, 0, (<usize>(end - begin)) << 7);
  for (let n = 0; n < images; n++) {
    for (let first = 0; first < outHeight; first += blockRows) {
      const count = min(blockRows, outHeight - first) * outWidth;
      const corner = padded + <usize>(n * paddedHeight + first * strideHeight) * line;
      const slopes = dY + <usize>((n * outHeight + first) * outWidth) * filterBytes;
      for (let p = begin; p < end; p++) {
        const f = (p % filterGroups) * height;
        const a = p / filterGroups / groups;
        const lane = ((p / filterGroups) % groups) * (vectors << 2);
        const sum = sums + ((<usize>(p - begin)) << 7);
        const from = corner + <usize>a * line + ((<usize>lane) << 2);
        const slope = slopes + ((<usize>f) << 2);
        taps(min(height, filters - f), vectors, sum, from, scratch, slope, filterBytes, count);
      }
    }
  }
  for (let p = begin; p < end; p++) {
    const f = (p % filterGroups) * height;
    const a = p / filterGroups / groups;
    const lane = ((p / filterGroups) % groups) * (vectors << 2);
    const to = dKernel + <usize>(a * run + lane) * filterBytes + ((<usize>f) << 2);
    const count = min(vectors << 2, run - lane);
    const from = sums + ((<usize>(p - begin)) << 7);
    storeTransposed(to, filterBytes, from, (<usize>vectors) << 4, 0, count, min(height, filters - f));
  }
}

/** The next tile's rows: `most`, but never one alone when there are two or more. */
function rowsOf(left: i32, most: i32): i32 {
  return left == most + 1 ? most - 1 : min(most, left);
}

/** Pixels [H, W, C] to the inside of padded planes, one for each channel. */
function toPlanes(
  inside: usize,
  plane: usize,
  paddedWidth: i32,
  image: usize,
  rows: i32,
  columns: i32,
  width: i32,
  channels: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < rows; i++) {
      let from = image + ((<usize>(i * width * channels + c)) << 2);
      let to = inside + <usize>c * plane + ((<usize>(i * paddedWidth)) << 2);
      for (let left = columns; left > 0; left--) {
        store<f32>(to, load<f32>(from));
        from += pixel;
        to += 4;
      }
    }
  }
}

/** to[i, f] = rows[f, i] + bias[f], i in [0, count): rows rowBytes apart, what is written filterBytes; bias 0 for none. */
function storeTransposed(
  to: usize,
  filterBytes: usize,
  rows: usize,
  rowBytes: usize,
  bias: usize,
  count: i32,
  filters: i32,
): void {
  let f = 0;
  for (; f + 4 <= filters; f += 4) {
    const add = bias ? v128.load(bias + ((<usize>f) << 2)) : f32x4.splat(0);
    storeFour(to + ((<usize>f) << 2), filterBytes, rows + <usize>f * rowBytes, rowBytes, add, count);
  }
  for (; f + 2 <= filters; f += 2) {
    const add = bias ? v128.load64_splat(bias + ((<usize>f) << 2)) : f32x4.splat(0);
    storeTwo(to + ((<usize>f) << 2), filterBytes, rows + <usize>f * rowBytes, rowBytes, add, count);
  }
  if (f < filters) {
    const add: f32 = bias ? load<f32>(bias + ((<usize>f) << 2)) : 0;
    let at = to + ((<usize>f) << 2);
    let from = rows + <usize>f * rowBytes;
    for (; count > 0; count--) {
      store<f32>(at, load<f32>(from) + add);
      at += filterBytes;
      from += 4;
    }
  }
}

/** Four rows, transposed four columns at a time; what is read beyond the last column is not written. */
function storeFour(to: usize, step: usize, r0: usize, rowBytes: usize, add: v128, count: i32): void {
  let r1 = r0 + rowBytes;
  let r2 = r1 + rowBytes;
  let r3 = r2 + rowBytes;
  for (; count > 0; count -= 4) {
    const x0 = v128.load(r0);
    const x1 = v128.load(r1);
    const x2 = v128.load(r2);
    const x3 = v128.load(r3);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    v128.store(to, f32x4.add(v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), add));
    to += step;
    if (count > 1) v128.store(to, f32x4.add(v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), add));
    to += step;
    if (count > 2) v128.store(to, f32x4.add(v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), add));
    to += step;
    if (count > 3) v128.store(to, f32x4.add(v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), add));
    to += step;
    r0 += 16;
    r1 += 16;
    r2 += 16;
    r3 += 16;
  }
}

/** Two rows, in the same way. */
function storeTwo(to: usize, step: usize, r0: usize, rowBytes: usize, add: v128, count: i32): void {
  let r1 = r0 + rowBytes;
  for (; count > 0; count -= 4) {
    const x0 = v128.load(r0);
    const x1 = v128.load(r1);
    const low = f32x4.add(v128.shuffle<f32>(x0, x1, 0, 4, 1, 5), add);
    const high = f32x4.add(v128.shuffle<f32>(x0, x1, 2, 6, 3, 7), add);
    v128.store64_lane(to, low, 0);
    to += step;
    if (count > 1) v128.store64_lane(to, low, 1);
    to += step;
    if (count > 2) v128.store64_lane(to, high, 0);
    to += step;
    if (count > 3) v128.store64_lane(to, high, 1);
    to += step;
    r0 += 16;
    r1 += 16;
  }
}
