/**
 * Winograd convolution of whole small maps: 3×3, stride 1, same padding, sides of 2, 4 or 5. One tile covers the map, so
 * the padding's zeros are never multiplied, and the rows of the 3·3 to 7·7 matrix products are the images of the batch.
 *
 * So few rows would read a transformed kernel, several times the size of the kernel, from main memory for little work.
 * Therefore the work is cut by filters: the kernel of some panels of 8 filters is transformed into the second-level cache
 * and multiplied there by all images. The transformed kernel never lies in memory as a whole, and no worker computes
 * what another one does. Derivation and figures: docs/winograd.md.
 *
 * Planes, one a product, are 64 bytes apart beyond their content. Channels and filters are multiples of 8.
 */
import { multiply, multiplyTransposed } from "./matmul";
import { kernelPanels, kernelPanelTransposed } from "./winogradKernelPanels";
import {
  mapGradientLine,
  mapInputLine,
  mapKernelGradientLine,
  mapKernelLine,
  mapOutputLine,
  mapPoints,
} from "./winogradMapLines";

/** Bytes between planes beyond their content: one cache line. */
const GAP: usize = 64;
/** Rows of a kernel panel that are transformed at a time. */
const KERNEL_ROWS: i32 = 32;

/**
 * V = Bᵀ x B of images [begin, end): x [N, H, W, C] → v, planes [N, C]. `images` is N.
 * Scratch: points(H)·W·C floats.
 */
export function mapInput(
  v: usize,
  x: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const channelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * channelBytes;
  const plane = <usize>images * channelBytes + GAP;
  const high = mapPoints(height);
  const wide = mapPoints(width);
  for (let n = begin; n < end; n++) {
    mapInputLine(height, scratch, rowBytes, x + <usize>(n * height) * rowBytes, rowBytes, rowBytes);
    for (let i = 0; i < high; i++) {
      const to = v + <usize>(i * wide) * plane + <usize>n * channelBytes;
      mapInputLine(width, to, plane, scratch + <usize>i * rowBytes, channelBytes, channelBytes);
    }
  }
}

/**
 * Y = Aᵀ[U ⊙ V]A + b for panels [begin, end) of 8 filters, `chunk` panels at a time. v from mapInput, y [N, H, W, F],
 * bias [F] or address 0. With `transposed` the kernel [3, 3, F, C] is that of the convolution whose dX is wanted: it is
 * flipped in both directions, its channels and filters exchanged. Sums over the channels go in pieces of `depth`.
 * Scratch: a piece of U, planes [chunk, depth, 8]; M, planes [N, chunk·8]; taps and their half-way, (9·chunk +
 * 3·points(H))·32·8 floats; half-way to Y, H·points(W)·chunk·8 floats.
 */
export function mapConvolution(
  y: usize,
  v: usize,
  kernel: usize,
  bias: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  filters: i32,
  transposed: i32,
  depth: i32,
  chunk: i32,
  begin: i32,
  end: i32,
): void {
  const high = mapPoints(height);
  const wide = mapPoints(width);
  const points = high * wide;
  const channelBytes = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const vPlane = <usize>images * channelBytes + GAP;
  const panelBytes = (<usize>depth) << 5;
  const uPlane = <usize>chunk * panelBytes + GAP;
  const mPlane = ((<usize>(images * chunk)) << 5) + GAP;
  const m = scratch + <usize>points * uPlane;
  const taps = m + <usize>points * mPlane;
  const kernelHalf = taps + <usize>(9 * chunk * KERNEL_ROWS * 32);
  const half = kernelHalf + <usize>(3 * high * KERNEL_ROWS * 32);
  for (let first = begin; first < end; first += chunk) {
    const panels = min(chunk, end - first);
    const together = transposed ? 1 : panels;
    const bytes = (<usize>panels) << 5;
    for (let k = 0; k < channels; k += depth) {
      const terms = min(depth, channels - k);
      for (let panel = 0; panel < panels; panel += together) {
        for (let row = 0; row < terms; row += KERNEL_ROWS) {
          const rows = min(KERNEL_ROWS, terms - row);
          if (transposed)
            kernelPanelTransposed(taps, kernel, 9, filters, channels, first + panel, k + row, rows, true);
          else kernelPanels(taps, kernel, 9, channels, filters, first, panels, k + row, rows);
          const buffer = (<usize>rows) << 5;
          let u = scratch + <usize>panel * panelBytes + ((<usize>row) << 5);
          for (let p: usize = 0; p < <usize>together; p++) {
            kernelPoints(u, uPlane, height, width, taps + 9 * p * buffer, kernelHalf, buffer);
            u += panelBytes;
          }
        }
      }
      for (let p: usize = 0; p < <usize>points; p++) {
        multiply(
          m + p * mPlane,
          bytes,
          v + p * vPlane + ((<usize>k) << 2),
          channelBytes,
          scratch + p * uPlane,
          panelBytes,
          images,
          panels << 3,
          terms,
          k,
          0,
        );
      }
    }
    const column = (<usize>first) << 5;
    for (let n = 0; n < images; n++) {
      const to = y + <usize>(n * height * width) * filterBytes + column;
      outputPoints(to, filterBytes, height, width, m + <usize>n * bytes, mPlane, half, bytes);
      if (bias) addToRows(to, filterBytes, bias + column, height * width, bytes);
    }
  }
}

/**
 * Z = A dY Aᵀ of images [begin, end): dY [N, H, W, F] → z, planes [F/8, N, 8]. `images` is N.
 * Scratch: points(H)·W·F floats.
 */
export function mapGradient(
  z: usize,
  dY: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const filterBytes = (<usize>filters) << 2;
  const rowBytes = <usize>width * filterBytes;
  const plane = <usize>images * filterBytes + GAP;
  const panelStride = (<usize>images) << 5;
  const high = mapPoints(height);
  const wide = mapPoints(width);
  for (let n = begin; n < end; n++) {
    const from = dY + <usize>(n * height) * rowBytes;
    mapGradientLine(height, scratch, rowBytes, 32, from, rowBytes, rowBytes);
    for (let i = 0; i < high; i++) {
      const to = z + <usize>(i * wide) * plane + ((<usize>n) << 5);
      const row = scratch + <usize>i * rowBytes;
      mapGradientLine(width, to, plane, panelStride, row, filterBytes, filterBytes);
    }
  }
}

/**
 * dg = Gᵀ[Σ_n V_n ⊙ Z_n]G: v from mapInput, z from mapGradient → dKernel [3, 3, C, F], overwritten. The sum runs over all
 * N images in order. Channels [begin, end), `rows` of them at a time.
 * Scratch: dU, planes [rows, F]; half-way, 3·points(W)·F floats; a packed tile of V, 5·256 floats.
 */
export function mapKernelGradient(
  dKernel: usize,
  v: usize,
  z: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  filters: i32,
  rows: i32,
  begin: i32,
  end: i32,
): void {
  const wide = mapPoints(width);
  const points = mapPoints(height) * wide;
  const channelBytes = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const vPlane = <usize>images * channelBytes + GAP;
  const zPlane = <usize>images * filterBytes + GAP;
  const duPlane = <usize>rows * filterBytes + GAP;
  const half = scratch + <usize>points * duPlane;
  const packed = half + <usize>(3 * wide) * filterBytes;
  for (let first = begin; first < end; first += rows) {
    const count = min(rows, end - first);
    for (let p: usize = 0; p < <usize>points; p++) {
      multiplyTransposed(
        scratch + p * duPlane,
        filterBytes,
        v + p * vPlane + ((<usize>first) << 2),
        channelBytes,
        z + p * zPlane,
        (<usize>images) << 5,
        count,
        filters,
        images,
        0,
        packed,
        0,
      );
    }
    for (let r = 0; r < count; r++) {
      const du = scratch + <usize>r * filterBytes;
      for (let j = 0; j < wide; j++) {
        const from = du + <usize>j * duPlane;
        const to = half + <usize>j * filterBytes;
        const step = <usize>wide;
        mapKernelGradientLine(height, to, step * filterBytes, from, step * duPlane, filterBytes);
      }
      const tapBytes = <usize>channels * filterBytes;
      for (let a: usize = 0; a < 3; a++) {
        const to = dKernel + 3 * a * tapBytes + <usize>(first + r) * filterBytes;
        const from = half + a * <usize>wide * filterBytes;
        mapKernelGradientLine(width, to, tapBytes, from, filterBytes, filterBytes);
      }
    }
  }
}

/** U = G g Gᵀ of `bytes` bytes of kernels: taps [9, bytes] → u + p·plane; half-way [3·points(H), bytes]. */
function kernelPoints(
  u: usize,
  plane: usize,
  height: i32,
  width: i32,
  taps: usize,
  half: usize,
  bytes: usize,
): void {
  for (let b: usize = 0; b < 3; b++) {
    mapKernelLine(height, half + b * bytes, 3 * bytes, taps + b * bytes, 3 * bytes, bytes);
  }
  const high = mapPoints(height);
  const wide = <usize>mapPoints(width);
  for (let i = 0; i < high; i++) {
    mapKernelLine(width, u, plane, half + <usize>(3 * i) * bytes, bytes, bytes);
    u += wide * plane;
  }
}

/** Aᵀ M A of one image and `bytes` bytes of filters: M at m + p·plane → y [H, W], positions `step` bytes apart. */
function outputPoints(
  y: usize,
  step: usize,
  height: i32,
  width: i32,
  m: usize,
  plane: usize,
  half: usize,
  bytes: usize,
): void {
  const wide = <usize>mapPoints(width);
  for (let j: usize = 0; j < wide; j++) {
    mapOutputLine(height, half + j * bytes, wide * bytes, m + j * plane, wide * plane, bytes);
  }
  for (let i = 0; i < height; i++) {
    mapOutputLine(width, y, step, half, bytes, bytes);
    y += <usize>width * step;
    half += wide * bytes;
  }
}

/** Adds `bytes` bytes of values to each of `count` rows. */
function addToRows(to: usize, stride: usize, values: usize, count: i32, bytes: usize): void {
  for (; count > 0; count--) {
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(values + at)));
    }
    to += stride;
  }
}
