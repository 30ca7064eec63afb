/**
 * Convolution as im2col and matrix products, for any kernel size, strides and padding. im2col goes block by block: `rows`
 * output positions [rows, K] at a time, K = kh·kw·C, so that a block stays in the second-level cache. Blocks run over
 * the positions of all images of a range; a position's bits do not depend on its block.
 * Source: Chellapilla, Puri & Simard 2006, "High performance convolutional neural networks for document processing".
 */

import { EDGE_BYTES, multiply, multiplyTransposed } from "./matmul";
import { packPanels, packTransposedPanels } from "./pack";

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
 * Y = im2col(X)·W + b for images [begin, end). `panels` from packKernel; bias 0 for none. `scratch`: a tile's edge
 * (160 bytes), then rows·K floats, unless the window is one position at stride 1: then X itself is im2col(X).
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
  rows: i32,
  begin: i32,
  end: i32,
): void {
  const k = kernelHeight * kernelWidth * channels;
  const depthBytes = (<usize>k) << 2;
  const filterBytes = (<usize>filters) << 2;
  const pointwise = kernelHeight * kernelWidth * strideHeight * strideWidth == 1;
  const positions = outHeight * outWidth;
  const last = end * positions;
  for (let first = begin * positions; first < last; first += rows) {
    const count = min(rows, last - first);
    let block = x + <usize>first * depthBytes;
    if (!pointwise) {
      block = scratch + EDGE_BYTES;
      gather(
        block,
        x,
        height,
        width,
        channels,
        outHeight,
        outWidth,
        kernelWidth,
        strideHeight,
        strideWidth,
        padTop,
        padLeft,
        first,
        count,
        0,
        k,
      );
    }
    const to = y + <usize>first * filterBytes;
    if (bias) repeatRow(to, bias, filterBytes, count);
    multiply(
      to,
      filterBytes,
      block,
      depthBytes,
      panels,
      (<usize>k) << 5,
      count,
      filters,
      k,
      bias != 0 ? 1 : 0,
      scratch,
    );
  }
}

/**
 * dX = col2im(dY·Wᵀ) for images [begin, end). `panels` from packKernelTransposed. `scratch` as above. Where windows
 * overlap, contributions add in the order of the output positions.
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
  const pointwise = kernelHeight * kernelWidth * strideHeight * strideWidth == 1;
  if (!pointwise) memory.fill(dX + <usize>begin * image, 0, <usize>(end - begin) * image);
  const positions = outHeight * outWidth;
  const last = end * positions;
  for (let first = begin * positions; first < last; first += rows) {
    const count = min(rows, last - first);
    const block = pointwise ? dX + <usize>first * depthBytes : scratch + EDGE_BYTES;
    const from = dY + <usize>first * filterBytes;
    multiply(block, depthBytes, from, filterBytes, panels, filterBytes << 3, count, k, filters, 0, scratch);
    if (!pointwise) {
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
}

/**
 * Rows [begin, end) of dW [K, F] = im2col(X)ᵀ·dY, summed over the positions of all images in blocks of `rows`: the order
 * depends on the batch alone. `scratch`: a tile's edge (160 bytes), 5·256 floats of packed A, rows·(end − begin) floats
 * of im2col, rows·8·⌈F/8⌉ floats of packed dY.
 */
export function conv2dKernelGradient(
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
  _kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  rows: i32,
  begin: i32,
  end: i32,
): void {
  const span = end - begin;
  const filterBytes = (<usize>filters) << 2;
  const packed = scratch + EDGE_BYTES;
  const block = packed + 5120;
  const slopes = block + ((<usize>(rows * span)) << 2);
  const last = images * outHeight * outWidth;
  for (let first = 0; first < last; first += rows) {
    const count = min(rows, last - first);
    gather(
      block,
      x,
      height,
      width,
      channels,
      outHeight,
      outWidth,
      kernelWidth,
      strideHeight,
      strideWidth,
      padTop,
      padLeft,
      first,
      count,
      begin,
      end,
    );
    const panelStride = (<usize>count) << 5;
    const from = dY + <usize>first * filterBytes;
    packPanels(slopes, panelStride, from, filterBytes, count, filters, 0, (filters + 7) >> 3);
    multiplyTransposed(
      dKernel + <usize>begin * filterBytes,
      filterBytes,
      block,
      (<usize>span) << 2,
      slopes,
      panelStride,
      span,
      filters,
      count,
      first,
      packed,
      scratch,
    );
  }
}

/** im2col: columns [k0, k1) of the output positions [first, first + count), positions numbered over all images. */
function gather(
  to: usize,
  x: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  kernelWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  padTop: i32,
  padLeft: i32,
  first: i32,
  count: i32,
  k0: i32,
  k1: i32,
): void {
  const run = kernelWidth * channels;
  const rowLength = width * channels;
  let j = first % outWidth;
  let i = (first / outWidth) % outHeight;
  let image = x + ((<usize>(first / (outWidth * outHeight)) * <usize>(height * rowLength)) << 2);
  for (; count > 0; count--) {
    const column = (j * strideWidth - padLeft) * channels;
    // Of each run of kw·C values, [inside, outside) lie within the image's width.
    const inside = max(0, -column);
    const outside = min(run, rowLength - column);
    for (let a = k0 / run; a * run < k1; a++) {
      const row = i * strideHeight - padTop + a;
      const from = max(0, k0 - a * run);
      const until = min(run, k1 - a * run);
      if (row < 0 || row >= height) {
        to = zero(to, until - from);
        continue;
      }
      const start = max(from, inside);
      const stop = max(start, min(until, outside));
      to = zero(to, min(start, until) - from);
      to = copy(to, image + ((<usize>(row * rowLength + column + start)) << 2), min(stop, until) - start);
      to = zero(to, until - stop);
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

/** col2im, the transpose of gather: adds the rows of `from` to the places that they were taken from. */
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

/** Writes `count` zeros, none when it is negative, and returns the address behind them. */
function zero(to: usize, count: i32): usize {
  for (; count > 0; count--) {
    store<f32>(to, 0);
    to += 4;
  }
  return to;
}

/** Copies `count` values, none when it is negative, and returns the address behind them. */
function copy(to: usize, from: usize, count: i32): usize {
  for (; count >= 4; count -= 4) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
  for (; count > 0; count--) {
    store<f32>(to, load<f32>(from));
    to += 4;
    from += 4;
  }
  return to;
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

/** Writes the row of `bytes` bytes `count` times: the bias, which the product then adds to. */
export function repeatRow(to: usize, row: usize, bytes: usize, count: i32): void {
  for (; count > 0; count--) {
    memory.copy(to, row, bytes);
    to += bytes;
  }
}
