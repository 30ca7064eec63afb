/**
 * Convolution at stride 1 without im2col and without multiplying padding: rows of a register tile are the same output
 * position of several images, so that all of them see the same taps inside the picture. On a 2×2 map these are 4 of 9.
 */
import { multiply } from "./matmul";
import { packTransposedPanels } from "./pack";

/**
 * Panels [begin, end) of eight channels, of the kernel that takes dY back to dX: flipped in both directions, channels
 * and filters exchanged. kernel [kh, kw, C, F] → panel p [kh·kw·F, 8] at panels + p·kh·kw·F·32 bytes.
 */
export function packKernelFlipped(
  panels: usize,
  kernel: usize,
  taps: i32,
  channels: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const tapBytes = (<usize>(channels * filters)) << 2;
  const rowBytes = (<usize>filters) << 2;
  const depth = (<usize>filters) << 5;
  const stride = <usize>taps * depth;
  for (let tap = 0; tap < taps; tap++) {
    const from = kernel + <usize>(taps - 1 - tap) * tapBytes;
    packTransposedPanels(panels + <usize>tap * depth, stride, from, rowBytes, filters, channels, begin, end);
  }
}

/** Y = conv2d(X, W) + b for images [begin, end). `panels` from packKernel or packKernelFlipped. Scratch: a tile's edge. */
export function conv2dInsideTaps(
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
  padTop: i32,
  padLeft: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const image = <usize>(height * width) * pixel;
  const filterBytes = (<usize>filters) << 2;
  const outImage = <usize>(outHeight * outWidth) * filterBytes;
  const tap = (<usize>channels) << 5;
  const stride = <usize>(kernelHeight * kernelWidth) * tap;
  const images = end - begin;
  for (let f = 0; f < filters; f += 8) {
    const columns = min(8, filters - f);
    const panel = panels + <usize>(f >> 3) * stride;
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        const column = j - padLeft;
        const first = max(0, -column);
        const count = (min(kernelWidth, width - column) - first) * channels;
        const to = y + <usize>begin * outImage + <usize>(i * outWidth + j) * filterBytes + ((<usize>f) << 2);
        let add = 0;
        if (bias) {
          fillColumns(to, outImage, bias + ((<usize>f) << 2), columns, images);
          add = 1;
        }
        const top = max(0, padTop - i);
        const bottom = min(kernelHeight, height + padTop - i);
        for (let a = top; a < bottom; a++) {
          const from = x + <usize>begin * image + <usize>((i + a - padTop) * width + column + first) * pixel;
          const b = panel + <usize>(a * kernelWidth + first) * tap;
          multiply(to, outImage, from, image, b, 0, images, columns, count, add, scratch);
          add = 1;
        }
      }
    }
  }
}

/** Writes `columns` values to each of `count` rows. */
function fillColumns(to: usize, stride: usize, values: usize, columns: i32, count: i32): void {
  for (; count > 0; count--) {
    for (let at: usize = 0; at < (<usize>columns) << 2; at += 4) store<f32>(to + at, load<f32>(values + at));
    to += stride;
  }
}
