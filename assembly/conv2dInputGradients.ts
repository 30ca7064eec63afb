/**
 * The input's gradient of a direct convolution, in three forms: any window by a product and col2im; by one pixel; small kernels
 * row by row. The choice is made in src/backend/wasm/conv2d.ts.
 */

import { indirectTile } from "./indirect";
import { EDGE_BYTES, multiply } from "./matmul";
import { toSteps, writeOffsets } from "./offsets";
import { tileHeight } from "./tile";

/** Pixels whose products stay in the first-level cache while all panels pass. bench/conv2d.bench.ts */
const POSITIONS: i32 = 120;

/**
 * dX = col2im(dY·Wᵀ) for images [begin, end). `panels` from packKernelTransposed. Scratch: a tile's edge (160 bytes), then
 * rows·K floats. Where windows overlap, contributions add in the order of the output positions.
 */
export function conv2dInputGradient(
  dX: usize,
  dY: usize,
  panels: usize,
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
  rows: i32,
  begin: i32,
  end: i32,
): void {
  const k = kernelHeight * kernelWidth * channels;
  const depthBytes = (<usize>k) << 2;
  const filterBytes = (<usize>filters) << 2;
  const image = (<usize>(height * width * channels)) << 2;
  memory.fill(dX + <usize>begin * image, 0, <usize>(end - begin) * image);
  const positions = outHeight * outWidth;
  const last = end * positions;
  const block = scratch + EDGE_BYTES;
  for (let first = begin * positions; first < last; first += rows) {
    const count = min(rows, last - first);
    const from = dY + <usize>first * filterBytes;
    multiply(block, depthBytes, from, filterBytes, panels, filterBytes << 3, count, k, filters, 0, scratch);
    scatterAdd(
      dX,
      block,
      height,
      width,
      channels,
      outHeight,
      outWidth,
      kernelHeight,
      kernelWidth,
      strideHeight,
      strideWidth,
      padTop,
      padLeft,
      first,
      count,
    );
  }
}

/**
 * dX = dY·Wᵀ of a convolution by one pixel, for images [begin, end): each position has a pixel of its own, and pixels between
 * positions become 0. `panels` from packKernelTransposed. Scratch: a tile's edge (160 bytes).
 */
export function conv2dInputGradientOfPixels(
  dX: usize,
  dY: usize,
  panels: usize,
  scratch: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  strideHeight: i32,
  strideWidth: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const panelStep = filterBytes << 3;
  const image = <usize>(height * width) * pixel;
  const dense = strideHeight * strideWidth == 1;
  if (!dense) memory.fill(dX + <usize>begin * image, 0, <usize>(end - begin) * image);
  // Without strides the pixels of all images are one row.
  const length = dense ? POSITIONS : outWidth;
  const last = end * outHeight * outWidth;
  const step = <usize>strideWidth * pixel;
  for (let first = begin * outHeight * outWidth; first < last; first += length) {
    const count = min(length, last - first);
    let to = dX + <usize>first * pixel;
    if (!dense) {
      const line = first / outWidth;
      to =
        dX + <usize>(line / outHeight) * image + <usize>((line % outHeight) * strideHeight * width) * pixel;
    }
    const from = dY + <usize>first * filterBytes;
    multiply(to, step, from, filterBytes, panels, panelStep, count, channels, filters, 0, scratch);
  }
}

/**
 * dX of a convolution with vertical stride 1 and a small kernel, for images [begin, end), row by row: the rows of dY that
 * reach a row of dX give [Wo, kw·C] by one product, kh·F deep, of which neighbours overlap and are added. `panels` from
 * packKernelFlipped with kh taps of kw·C channels. Scratch: a tile's edge (160 bytes), Wo and kh·F offsets, Wo·⌈kw·C/8⌉·8 floats.
 */
export function conv2dInputGradientByRows(
  dX: usize,
  dY: usize,
  panels: usize,
  scratch: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  _strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  begin: i32,
  end: i32,
): void {
  const run = kernelWidth * channels;
  const rowLength = width * channels;
  const filterBytes = (<usize>filters) << 2;
  const line = <usize>outWidth * filterBytes;
  const panelStep = (<usize>(kernelHeight * filters)) << 5;
  const productStep = (<usize>((run + 7) & ~7)) << 2;
  const pixels = scratch + EDGE_BYTES;
  const depths = writeOffsets(pixels, 1, 0, 1, 0, outWidth, filterBytes);
  const product = writeOffsets(depths, 1, 0, kernelHeight, line, filters, 4); // [Wo, kw·C]
  toSteps(depths, product);
  let to = dX + ((<usize>(begin * height) * <usize>rowLength) << 2);
  memory.fill(to, 0, (<usize>((end - begin) * height) * <usize>rowLength) << 2);
  for (let n = begin; n < end; n++) {
    for (let r = padTop; r < height + padTop; r++) {
      const first = max(0, r - kernelHeight + 1);
      const last = min(outHeight - 1, r);
      const depth = (last - first + 1) * filters;
      if (depth > 0) {
        const from = dY + <usize>(n * outHeight + first) * line;
        let panel = panels + ((<usize>((kernelHeight - 1 - r + first) * filters)) << 5);
        for (let at: usize = 0; at < productStep; at += 32) {
          for (let j = 0; j < outWidth; ) {
            const rows = tileHeight(outWidth - j);
            const c = product + <usize>j * productStep + at;
            const places = pixels + ((<usize>j) << 2);
            inline.always(indirectTile(rows, c, productStep, from, places, depths, panel, depth, 0, 0));
            j += rows;
          }
          panel += panelStep;
        }
        let values = product;
        for (let j = 0; j < outWidth; j++) {
          const column = (j * strideWidth - padLeft) * channels;
          const inside = max(0, -column);
          const count = min(run, rowLength - column) - inside;
          addTo(to + ((<usize>(column + inside)) << 2), values + ((<usize>inside) << 2), count);
          values += productStep;
        }
      }
      to += (<usize>rowLength) << 2;
    }
  }
}

/** col2im: adds rows of K values, one for each output position from `first` on, to the windows that they belong to. */
function scatterAdd(
  dX: usize,
  from: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  first: i32,
  count: i32,
): void {
  const run = kernelWidth * channels;
  const rowLength = width * channels;
  let j = first % outWidth;
  let i = (first / outWidth) % outHeight;
  let image = dX + ((<usize>(first / (outWidth * outHeight)) * <usize>(height * rowLength)) << 2);
  for (; count > 0; count--) {
    const column = (j * strideWidth - padLeft) * channels;
    const inside = max(0, -column);
    const outside = min(run, rowLength - column);
    for (let a = 0; a < kernelHeight; a++) {
      const row = i * strideHeight - padTop + a;
      if (row >= 0 && row < height && inside < outside) {
        const to = image + ((<usize>(row * rowLength + column + inside)) << 2);
        addTo(to, from + ((<usize>inside) << 2), outside - inside);
      }
      from += (<usize>run) << 2;
    }
    if (++j == outWidth) {
      j = 0;
      if (++i == outHeight) {
        i = 0;
        image += (<usize>(height * rowLength)) << 2;
      }
    }
  }
}

function addTo(to: usize, from: usize, count: i32): void {
  for (; count >= 4; count -= 4) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
  for (; count > 0; count--) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += 4;
    from += 4;
  }
}
