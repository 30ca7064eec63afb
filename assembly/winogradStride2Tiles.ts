/** Layout, kernels and results of Winograd convolution at stride 2: what winogradStride2.ts multiplies, and where products go. */
import { kernelPanels, kernelPanelTransposed } from "./winogradKernelPanels";
import {
  evenKernelGradientLine,
  evenKernelLine,
  oddKernelGradientLine,
  oddKernelLine,
  outputLine,
  outputLineInPlace,
  outputOddLineInPlace,
} from "./winogradStride2Transforms";

/** Bytes between planes beyond their content: one cache line. */
export const GAP: usize = 64;
/** Rows of a kernel panel that are transformed at a time: 36 to 63 buffers of 32·32 bytes stay near the first-level cache. */
const KERNEL_ROWS: i32 = 32;

/** Phases along one direction that have a value at point i. */
export function phases(i: i32): i32 {
  return i < 4 ? 2 : 1;
}

/** Where plane (i, j) starts, when the plane of one phase has `unit` bytes. */
export function planeStart(i: i32, j: i32, unit: usize): usize {
  return <usize>(18 * i + 2 * j * phases(i)) * unit + <usize>(5 * i + j) * GAP;
}

/** 25 planes of all their phases. */
export function planesBytes(unit: usize): usize {
  return 81 * unit + 25 * GAP;
}

/** Scratch of `transformKernels`. */
export function kernelBytes(panels: i32): usize {
  return <usize>((9 * panels + 27) * KERNEL_ROWS * 32);
}

/**
 * U = G g Gᵀ of `panels` panels of eight filters from `panel` on, channels [first, first + rows): kernel [3, 3, C, F] → u, uPanel
 * bytes apart, 25 planes [phases·rows, 8] each. `transposed`: of eight channels, filters [first, first + rows). Scratch: kernelBytes.
 */
export function transformKernels(
  u: usize,
  uPanel: usize,
  kernel: usize,
  scratch: usize,
  channels: i32,
  filters: i32,
  panel: i32,
  panels: i32,
  first: i32,
  rows: i32,
  transposed: bool,
): void {
  const unit = (<usize>rows) << 5;
  const together = transposed ? 1 : panels;
  for (; panels > 0; panels -= together) {
    for (let done = 0; done < rows; done += KERNEL_ROWS) {
      const count = min(KERNEL_ROWS, rows - done);
      const bytes = (<usize>count) << 5;
      if (transposed)
        kernelPanelTransposed(scratch, kernel, 9, channels, filters, panel, first + done, count, false);
      else kernelPanels(scratch, kernel, 9, channels, filters, panel, panels, first + done, count);
      const half = scratch + <usize>(9 * together) * bytes;
      let to = u + ((<usize>done) << 5);
      for (let taps = scratch; taps < half; taps += 9 * bytes) {
        kernelTiles(to, unit, taps, half, bytes);
        to += uPanel;
      }
    }
    panel += together;
    u += <usize>together * uPanel;
  }
}

/** U of `bytes` bytes of kernels: taps [9, bytes]. `half` [9, 3, bytes] holds G g. */
function kernelTiles(u: usize, unit: usize, taps: usize, half: usize, bytes: usize): void {
  const line = bytes * 3;
  evenKernelLine(half, line, half + 4 * line, taps, taps + 2 * line, line);
  oddKernelLine(half + 5 * line, line, taps + line, line);
  for (let a = 0; a < 9; a++) {
    const odd: usize = a > 4 ? 1 : 0;
    const i = odd ? a - 5 : a;
    const to = u + planeStart(i, 0, unit) + 2 * odd * unit;
    const infinity = u + planeStart(i, 4, unit) + odd * unit;
    const stride = <usize>(2 * phases(i)) * unit + GAP;
    const from = half + <usize>a * line;
    evenKernelLine(to, stride, infinity, from, from + 2 * bytes, bytes);
    oddKernelLine(to + unit, stride, from + bytes, bytes);
  }
}

/** Aᵀ M A + bias of one panel, `rows` rows of tiles from `first` on. `spare` [8] takes what lies outside. */
export function forwardOutput(
  y: usize,
  m: usize,
  mPlane: usize,
  bias: usize,
  spare: usize,
  filters: i32,
  outHeight: i32,
  outWidth: i32,
  first: i32,
  rows: i32,
): void {
  const tilesHigh = (outHeight + 3) >> 2;
  const tilesWide = (outWidth + 3) >> 2;
  const pixel = (<usize>filters) << 2;
  const rowBytes = <usize>outWidth * pixel;
  const stripBytes = (<usize>tilesWide) << 5;
  const whole = outWidth >> 2;
  const rest = outWidth & 3;
  for (let j: usize = 0; j < 5; j++) {
    const from = m + j * mPlane;
    outputLineInPlace(from, 5 * mPlane, from + 20 * mPlane, <usize>rows * stripBytes);
  }
  for (let row = first; row < first + rows; row++) {
    const top = 4 * (row % tilesHigh);
    let to = y + <usize>((row / tilesHigh) * outHeight + top) * rowBytes;
    const count = min(4, outHeight - top);
    let from = m + <usize>(row - first) * stripBytes;
    for (let r = 0; r < count; r++) {
      const to2 = to + 2 * pixel;
      const bytes = (<usize>whole) << 5;
      outputLine(to, to + pixel, to2, to2 + pixel, 4 * pixel, from, mPlane, from + 4 * mPlane, bias, bytes);
      if (rest > 0) {
        const edge = to + ((<usize>whole) << 2) * pixel;
        outputLine(
          edge,
          rest > 1 ? edge + pixel : spare,
          rest > 2 ? edge + 2 * pixel : spare,
          spare,
          0,
          from + bytes,
          mPlane,
          from + bytes + 4 * mPlane,
          bias,
          32,
        );
      }
      to += rowBytes;
      from += 5 * mPlane;
    }
  }
}

/** Aᵀ M A of one panel and its four phases, `rows` rows of tiles from `first` on. Behind `zeros`: spare [8]. */
export function gradientOutput(
  dX: usize,
  m: usize,
  mPlane: usize,
  zeros: usize,
  height: i32,
  width: i32,
  channels: i32,
  padTop: i32,
  padLeft: i32,
  tilesHigh: i32,
  tilesWide: i32,
  first: i32,
  rows: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const rowBytes = <usize>width * pixel;
  const stripBytes = (<usize>tilesWide) << 5;
  for (let b: usize = 0; b < 9; b++) {
    const from = m + b * mPlane;
    outputLineInPlace(from, 9 * mPlane, from + 36 * mPlane, <usize>rows * stripBytes);
    outputOddLineInPlace(from + 45 * mPlane, 9 * mPlane, <usize>rows * stripBytes);
  }
  for (let row = first; row < first + rows; row++) {
    const image = dX + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const bottom = 8 * (row % tilesHigh) + 6 - padTop;
    for (let a = 0; a < 9; a++) {
      if (a == 4) continue;
      const i = a < 4 ? bottom - 2 * a : bottom + 11 - 2 * a;
      if (i < 0 || i >= height) continue;
      const to = image + <usize>i * rowBytes;
      const from = m + <usize>(9 * a) * mPlane + <usize>(row - first) * stripBytes;
      gradientOutputRow(
        to,
        from,
        mPlane,
        from + 4 * mPlane,
        zeros,
        zeros + stripBytes,
        width,
        pixel,
        -padLeft,
        tilesWide,
      );
      gradientOutputRow(
        to,
        from + 5 * mPlane,
        mPlane,
        zeros,
        zeros,
        zeros + stripBytes,
        width,
        pixel,
        1 - padLeft,
        tilesWide,
      );
    }
  }
}

/** Columns left, left + 2, … of one row of dX; those outside the row go to `spare`. */
function gradientOutputRow(
  to: usize,
  m: usize,
  mPlane: usize,
  infinity: usize,
  zeros: usize,
  spare: usize,
  width: i32,
  pixel: usize,
  left: i32,
  tilesWide: i32,
): void {
  // Tiles whose four columns all lie inside.
  const begin = left < 0 ? 1 : 0;
  const end = max(begin, (width + 1 - left) >> 3);
  for (let t = 0; t < tilesWide; ) {
    const column = 8 * t + left;
    const inside = t >= begin && t < end;
    const count = inside ? end - t : 1;
    const at = (<usize>t) << 5;
    outputLine(
      columnOrSpare(to, column + 6, width, pixel, spare),
      columnOrSpare(to, column + 4, width, pixel, spare),
      columnOrSpare(to, column + 2, width, pixel, spare),
      columnOrSpare(to, column, width, pixel, spare),
      8 * pixel,
      m + at,
      mPlane,
      infinity + at,
      zeros,
      (<usize>count) << 5,
    );
    t += count;
  }
}

function columnOrSpare(row: usize, j: i32, width: i32, pixel: usize, spare: usize): usize {
  return j < 0 || j >= width ? spare : row + <usize>j * pixel;
}

/** Gᵀ dU G of count·width kernels, in place along the height. */
export function kernelGradientTiles(
  dKernel: usize,
  du: usize,
  plane: usize,
  channels: i32,
  filters: i32,
  count: i32,
  width: i32,
): void {
  const filterBytes = (<usize>filters) << 2;
  const tapBytes = <usize>channels * filterBytes;
  const lineBytes = (<usize>width) << 2;
  const bytes = <usize>count * lineBytes;
  for (let b: usize = 0; b < 9; b++) {
    const line = du + b * plane;
    evenKernelGradientLine(line, line + 9 * plane, line, 9 * plane, line + 36 * plane, bytes);
    oddKernelGradientLine(line + 45 * plane, line + 45 * plane, 9 * plane, bytes);
  }
  for (let tap: usize = 0; tap < 3; tap++) {
    let from = du + (tap == 0 ? 0 : tap == 1 ? 45 : 9) * plane;
    let to = dKernel + 3 * tap * tapBytes;
    for (let c = 0; c < count; c++) {
      evenKernelGradientLine(to, to + 2 * tapBytes, from, plane, from + 4 * plane, lineBytes);
      oddKernelGradientLine(to + tapBytes, from + 5 * plane, plane, lineBytes);
      from += lineBytes;
      to += filterBytes;
    }
  }
}
