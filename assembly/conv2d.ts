/**
 * Convolution as matrix products, for any kernel size, strides and padding: Y = P·W and dW = Pᵀ·dY, of which P [positions, K],
 * K = kh·kw·C, is never written down: tiles read the windows out of the zero-padded picture by tables of offsets
 * (indirect.ts). A position's bits depend neither on its tile nor on its block.
 * Source: Dukhan 2019, "The indirect convolution algorithm", arXiv:1907.02129.
 */

import { indirectTile, neighbourTile } from "./indirect";
import { EDGE_BYTES, multiply, spill } from "./matmul";
import { padImages, toSteps, writeOffsets } from "./offsets";
import { packNeighbours, packPanels, packTransposedPanels } from "./pack";
import { tile, tileHeight } from "./tile";

/** Positions whose part of the picture stays in the first-level cache while all panels pass. bench/conv2d.bench.ts */
const POSITIONS: i32 = 120;
/** Up to so many filters neither dY nor P is packed for the gradient of the kernel. bench/conv2d.bench.ts */
const UNPACKED: i32 = 32;

/** Panels [begin, end) of W [K, F] for the forward product: panel p at panels + p·K·32 bytes. */
export function packKernel(panels: usize, kernel: usize, k: i32, filters: i32, begin: i32, end: i32): void {
  packPanels(panels, (<usize>k) << 5, kernel, (<usize>filters) << 2, k, filters, begin, end);
}

/** Panels [begin, end) of Wᵀ [F, K], for the input gradient: panel p at panels + p·F·32 bytes. */
export function packKernelTransposed(
  panels: usize,
  kernel: usize,
  k: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  packTransposedPanels(panels, (<usize>filters) << 5, kernel, (<usize>filters) << 2, filters, k, begin, end);
}

/**
 * Y = P·W + b for images [begin, end). `panels` from packKernel; bias 0 for none. Scratch: a tile's edge (160 bytes),
 * blockImages·Ho·Wo and K offsets, ⌈F/8⌉·8 floats of bias; with `padded` not 0 also blockImages·Hp·Wp·C floats: see padImages.
 */
export function conv2dForward(
  y: usize,
  x: usize,
  panels: usize,
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
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  padded: i32,
  blockImages: i32,
  begin: i32,
  end: i32,
): void {
  const k = kernelHeight * kernelWidth * channels;
  const pixel = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const positions = outHeight * outWidth;
  if (kernelHeight * kernelWidth * strideHeight * strideWidth == 1) {
    pixelProducts(y, x, panels, bias, scratch, channels, filters, begin * positions, end * positions);
    return;
  }
  const paddedHeight = padded ? (outHeight - 1) * strideHeight + kernelHeight : height;
  const paddedWidth = padded ? (outWidth - 1) * strideWidth + kernelWidth : width;
  const line = <usize>paddedWidth * pixel;
  const image = <usize>paddedHeight * line;
  const corners = scratch + EDGE_BYTES;
  const lineStep = <usize>strideHeight * line;
  const pixelStep = <usize>strideWidth * pixel;
  const depths = writeOffsets(corners, blockImages, image, outHeight, lineStep, outWidth, pixelStep);
  const biases = writeOffsets(depths, 1, 0, kernelHeight, line, kernelWidth * channels, 4);
  toSteps(depths, biases);
  const picture = biases + ((<usize>((filters + 7) & ~7)) << 2);
  if (bias) memory.copy(biases, bias, filterBytes);
  for (let n = begin; n < end; n += blockImages) {
    const pictures = min(blockImages, end - n);
    let from = x + <usize>(n * height * width) * pixel;
    if (padded) {
      padImages(
        picture,
        from,
        height,
        width,
        channels,
        paddedHeight,
        paddedWidth,
        padTop,
        padLeft,
        0,
        pictures,
      );
      from = picture;
    }
    for (let first = 0; first < pictures * positions; first += POSITIONS) {
      const last = min(pictures * positions, first + POSITIONS);
      for (let f = 0; f < filters; f += 8) {
        const columns = min(8, filters - f);
        const panel = panels + ((<usize>(f >> 3) * <usize>k) << 5);
        const addend = bias ? biases + ((<usize>f) << 2) : 0;
        let to = y + <usize>(n * positions + first) * filterBytes + ((<usize>f) << 2);
        for (let p = first; p < last; ) {
          const rows = tileHeight(last - p);
          const corner = corners + ((<usize>p) << 2);
          if (columns == 8) {
            inline.always(indirectTile(rows, to, filterBytes, from, corner, depths, panel, k, addend, 0));
          } else {
            inline.always(indirectTile(rows, scratch, 32, from, corner, depths, panel, k, addend, 0));
            spill(to, filterBytes, scratch, rows, columns, 0);
          }
          to += <usize>rows * filterBytes;
          p += rows;
        }
      }
    }
  }
}

/** Y = X·W + b for pixels [begin, end): convolution by one pixel without strides. */
function pixelProducts(
  y: usize,
  x: usize,
  panels: usize,
  bias: usize,
  edge: usize,
  channels: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  for (let first = begin; first < end; first += POSITIONS) {
    const count = min(POSITIONS, end - first);
    const to = y + <usize>first * filterBytes;
    const from = x + <usize>first * pixel;
    if (bias) repeatRow(to, bias, filters, count);
    multiply(to, filterBytes, from, pixel, panels, pixel << 3, count, filters, channels, bias ? 1 : 0, edge);
  }
}

/**
 * Rows [begin, end) of dW [K, F] = Pᵀ·dY. `padded` [N, Hp, Wp, C] from padImages. Sums over positions in blocks: `blockRows`
 * output rows of a picture, or `blockImages` whole pictures; so the order depends on the batch alone. Scratch: a tile's edge
 * (160 bytes), a block's positions in offsets; with more than 32 filters or a last panel that is not full, a block of
 * dY in panels; with more than 32 also five neighbours for each position, which are then packed too.
 */
export function conv2dKernelGradient(
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
  blockImages: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const run = kernelWidth * channels;
  const pixel = (<usize>channels) << 2;
  const line = <usize>paddedWidth * pixel;
  const image = <usize>paddedHeight * line;
  const filterBytes = (<usize>filters) << 2;
  const positions = scratch + EDGE_BYTES;
  const lineStep = <usize>strideHeight * line;
  const slopes = writeOffsets(
    positions,
    blockImages,
    image,
    blockRows,
    lineStep,
    outWidth,
    <usize>strideWidth * pixel,
  );
  toSteps(positions, slopes);
  const packed = filters > UNPACKED || (filters & 7) != 0;
  const group =
    slopes + (packed ? (<usize>(blockImages * blockRows * outWidth * ((filters + 7) & ~7))) << 2 : 0);
  const bStep: usize = packed ? 32 : filterBytes;
  for (let n = 0; n < images; n += blockImages) {
    const pictures = min(blockImages, images - n);
    for (let i = 0; i < outHeight; i += blockRows) {
      const count = pictures * min(blockRows, outHeight - i) * outWidth;
      let b = dY + <usize>((n * outHeight + i) * outWidth) * filterBytes;
      let panelStep: usize = 32;
      if (packed) {
        panelStep = (<usize>count) << 5;
        packPanels(slopes, panelStep, b, filterBytes, count, filters, 0, (filters + 7) >> 3);
        b = slopes;
      }
      const corner = padded + <usize>n * image + <usize>i * lineStep;
      const add = n + i;
      for (let k = begin; k < end; ) {
        const left = min(end, (k / run + 1) * run) - k;
        const rows = tileHeight(left);
        const from = corner + <usize>(k / run) * line + ((<usize>(k % run)) << 2);
        if (filters > UNPACKED) packNeighbours(group, from, positions, rows, count);
        let to = dKernel + <usize>k * filterBytes;
        let panel = b;
        for (let f = 0; f < filters; f += 8) {
          const columns = min(8, filters - f);
          if (columns < 8) {
            inline.always(neighbourTile(rows, scratch, 32, from, positions, panel, bStep, count, 0, 0));
            spill(to, filterBytes, scratch, rows, columns, add);
          } else if (filters > UNPACKED) {
            inline.always(tile(rows, to, filterBytes, group, 4, (<usize>rows) << 2, panel, count, add));
          } else {
            const addend = add ? to : 0;
            inline.always(
              neighbourTile(rows, to, filterBytes, from, positions, panel, bStep, count, addend, filterBytes),
            );
          }
          to += 32;
          panel += panelStep;
        }
        k += rows;
      }
    }
  }
}

/** Writes the row of `length` floats `count` times. */
function repeatRow(to: usize, row: usize, length: i32, count: i32): void {
  const bytes = (<usize>length) << 2;
  for (; count > 0; count--) {
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) v128.store(to + at, v128.load(row + at));
    for (; at < bytes; at += 4) store<f32>(to + at, load<f32>(row + at));
    to += bytes;
  }
}
