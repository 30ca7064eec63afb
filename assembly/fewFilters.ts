/**
 * Convolutions of fewer than eight filters: first layers. Filters as columns of a register tile would leave lanes empty,
 * so both products run transposed, with the filters as the tile's rows:
 *   Yᵀ [F, positions] = Wᵀ·Pᵀ, lanes are neighbouring positions of an output row;
 *   dWᵀ [F, K] = dYᵀ·P, lanes are neighbouring values of a window's row.
 * W and dY are read as they lie; P comes from one zero-padded image at a time, panel by panel.
 */
import { tile, tileHeight } from "./tile";

/** Y = conv2d(X, W) + b for images [begin, end); horizontal stride 1. Scratch: 64 + 8·K + C·Hp·Wp floats. */
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
  const paddedHeight = (outHeight - 1) * strideHeight + kernelHeight;
  const paddedWidth = ((outWidth + 7) & ~7) + kernelWidth - 1;
  const plane = (<usize>(paddedHeight * paddedWidth)) << 2;
  const filterBytes = (<usize>filters) << 2;
  const product = scratch; // [F, 8]
  const panel = product + 256; // [K, 8]
  const planes = panel + ((<usize>depth) << 5); // [C, Hp, Wp]
  memory.fill(planes, 0, plane * <usize>channels);
  for (let n = begin; n < end; n++) {
    const image = x + ((<usize>n * <usize>(height * width * channels)) << 2);
    const inside = planes + ((<usize>(padTop * paddedWidth + padLeft)) << 2);
    const rows = min(height, paddedHeight - padTop);
    toPlanes(inside, plane, paddedWidth, image, rows, min(width, paddedWidth - padLeft), width, channels);
    for (let i = 0; i < outHeight; i++) {
      let to = y + <usize>((n * outHeight + i) * outWidth) * filterBytes;
      for (let j = 0; j < outWidth; j += 8) {
        const corner = planes + ((<usize>(i * strideHeight * paddedWidth + j)) << 2);
        packPositions(panel, corner, plane, paddedWidth, kernelHeight, kernelWidth, channels);
        for (let f = 0; f < filters; ) {
          const rows = tileHeight(filters - f);
          const from = kernel + ((<usize>f) << 2);
          tile(rows, product + ((<usize>f) << 5), 32, from, 4, filterBytes, panel, depth, 0);
          f += rows;
        }
        const positions = min(8, outWidth - j);
        storeTransposed(to, product, bias, positions, filters);
        to += <usize>positions * filterBytes;
      }
    }
  }
}

/**
 * Panels [begin, end) of dW, eight lanes each: panel p holds lanes 8·(p mod q) … of row p/q of the window, with
 * q = ⌈kw·C/8⌉. Sums over positions in blocks of whole output rows, image by image.
 */
export function fewFiltersKernelGradient(
  dKernel: usize,
  x: usize,
  dY: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  if (begin == end) return;
  const run = kernelWidth * channels;
  const panelsInRow = (run + 7) >> 3;
  const paddedHeight = (outHeight - 1) * strideHeight + kernelHeight;
  const paddedWidth = (outWidth - 1) * strideWidth + kernelWidth;
  const rowBytes = (<usize>(paddedWidth * channels)) << 2;
  const step = (<usize>(strideWidth * channels)) << 2;
  const filterBytes = (<usize>filters) << 2;
  const sumBytes = (<usize>filters) << 5;
  const panel = scratch; // [blockRows·Wo, 8]
  const sums = panel + ((<usize>(blockRows * outWidth)) << 5); // [end − begin, F, 8]
  const padded = sums + <usize>(end - begin) * sumBytes; // [Hp, Wp, C]
  memory.fill(padded, 0, <usize>paddedHeight * rowBytes + 32);
  memory.fill(sums, 0, <usize>(end - begin) * sumBytes);
  const rows = min(height, paddedHeight - padTop);
  const bytes = (<usize>(min(width, paddedWidth - padLeft) * channels)) << 2;
  for (let n = 0; n < images; n++) {
    let line = x + ((<usize>n * <usize>(height * width * channels)) << 2);
    let target = padded + <usize>padTop * rowBytes + ((<usize>(padLeft * channels)) << 2);
    for (let i = 0; i < rows; i++) {
      memory.copy(target, line, bytes);
      line += (<usize>(width * channels)) << 2;
      target += rowBytes;
    }
    for (let first = 0; first < outHeight; first += blockRows) {
      const block = min(blockRows, outHeight - first);
      const slopes = dY + <usize>((n * outHeight + first) * outWidth) * filterBytes;
      for (let p = begin; p < end; p++) {
        const a = p / panelsInRow;
        let from = padded + <usize>(first * strideHeight + a) * rowBytes + ((<usize>(p % panelsInRow)) << 5);
        let to = panel;
        for (let i = 0; i < block; i++) {
          packLanes(to, from, step, outWidth);
          from += <usize>strideHeight * rowBytes;
          to += (<usize>outWidth) << 5;
        }
        const sum = sums + <usize>(p - begin) * sumBytes;
        for (let f = 0; f < filters; ) {
          const rows = tileHeight(filters - f);
          const column = slopes + ((<usize>f) << 2);
          tile(rows, sum + ((<usize>f) << 5), 32, column, 4, filterBytes, panel, block * outWidth, 1);
          f += rows;
        }
      }
    }
  }
  for (let p = begin; p < end; p++) {
    const lane = (p % panelsInRow) << 3;
    const to = dKernel + <usize>((p / panelsInRow) * run + lane) * filterBytes;
    storeTransposed(to, sums + <usize>(p - begin) * sumBytes, 0, min(8, run - lane), filters);
  }
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

/** Panel [K, 8] of the windows of eight neighbouring positions, in the kernel's order. */
function packPositions(
  panel: usize,
  corner: usize,
  plane: usize,
  paddedWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  channels: i32,
): void {
  for (let a = 0; a < kernelHeight; a++) {
    for (let b: usize = 0; b < <usize>kernelWidth; b++) {
      let from = corner + (b << 2);
      for (let c = channels; c > 0; c--) {
        v128.store(panel, v128.load(from));
        v128.store(panel, v128.load(from, 16), 16);
        panel += 32;
        from += plane;
      }
    }
    corner += (<usize>paddedWidth) << 2;
  }
}

/** Panel rows of eight lanes from `count` positions, `step` bytes apart. */
function packLanes(to: usize, from: usize, step: usize, count: i32): void {
  for (; count > 0; count--) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    from += step;
    to += 32;
  }
}

/** to [count, F] = (rows [F, 8])ᵀ + bias; bias 0 for none. */
function storeTransposed(to: usize, rows: usize, bias: usize, count: i32, filters: i32): void {
  const filterBytes = (<usize>filters) << 2;
  for (let f = 0; f < filters; f++) {
    const add: f32 = bias ? load<f32>(bias + ((<usize>f) << 2)) : 0;
    let from = rows + ((<usize>f) << 5);
    let at = to + ((<usize>f) << 2);
    for (let left = count; left > 0; left--) {
      store<f32>(at, load<f32>(from) + add);
      from += 4;
      at += filterBytes;
    }
  }
}
