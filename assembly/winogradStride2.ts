/**
 * 3×3 convolution of stride 2 by Winograd's method on its polyphase form: of 4×4 outputs, the input's even rows and columns
 * need F(4, 2), five points, the odd ones F(4, 1), the four finite points. So there are 25 planes of products; the four phases
 * (even or odd rows, even or odd columns) meet in the sum over channels: 81 products for 16 outputs instead of 144.
 * Derivation, error and figures: docs/winograd.md.
 *
 * Plane (i, j) belongs to point i along the height and j along the width. Its depth is the channels times its phases:
 * at finite i and j even-even, even-odd, odd-even, odd-odd one behind the other; at an infinite point the odd ones are missing. For the
 * second-level cache, channels come in chunks, each with 25 planes of its own. Planes are GAP bytes apart. Channels and
 * filters are multiples of 8. Tiles are numbered along the width, then the height, then the images.
 */
import { multiply, multiplyTransposed } from "./matmul";
import { packPanels, packTransposedPanels } from "./pack";
import {
  evenInputLine,
  evenKernelGradientLine,
  evenKernelLine,
  oddInputLine,
  oddKernelGradientLine,
  oddKernelLine,
  outputLine,
  outputLineInPlace,
  outputOddLineInPlace,
  slopeLine,
} from "./winogradStride2Transforms";

/** Bytes between planes beyond their content: one cache line. */
const GAP: usize = 64;
/** Rows of a kernel panel that are transformed at a time: 36 buffers of 32·32 bytes stay in the first-level cache. */
const KERNEL_ROWS: i32 = 32;
const KERNEL_BYTES: usize = 36 * 32 * 32;

/** Phases along one direction that have a value at point i. */
function phases(i: i32): i32 {
  return i < 4 ? 2 : 1;
}

/** Where plane (i, j) starts, when the plane of one phase has `unit` bytes. */
function planeStart(i: i32, j: i32, unit: usize): usize {
  return <usize>(18 * i + 2 * j * phases(i)) * unit + <usize>(5 * i + j) * GAP;
}

/** 25 planes of all their phases. */
function planesBytes(unit: usize): usize {
  return 81 * unit + 25 * GAP;
}

/** Row `r` of an image, or zeros where the padding is. */
function rowOrZeros(image: usize, r: i32, height: i32, rowBytes: usize, zeros: usize): usize {
  return r < 0 || r >= height ? zeros : image + <usize>r * rowBytes;
}

/**
 * V = Bᵀ d B: x [N, H, W, C] → v, for each chunk of channels 25 planes [T, phases·chunk], T = N·⌈Ho/4⌉·⌈Wo/4⌉. Images
 * [begin, end) of `images`. Scratch: stripe 9·((8·⌈Wo/4⌉ + 1)·C·4 + 64), zeros W·C·4.
 */
export function winogradStride2InputTiles(
  v: usize,
  x: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  padTop: i32,
  padLeft: i32,
  chunk: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (outHeight + 3) >> 2;
  const tilesWide = (outWidth + 3) >> 2;
  const tiles = <usize>(images * tilesHigh * tilesWide);
  const channelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * channelBytes;
  const stripeStride = <usize>(8 * tilesWide + 1) * channelBytes + GAP;
  const zeros = scratch + 9 * stripeStride;
  memory.fill(scratch, 0, 9 * stripeStride + rowBytes);
  const even = scratch + <usize>padLeft * channelBytes;
  const odd = even + 5 * stripeStride;
  const usedBytes = <usize>min(width, 8 * tilesWide + 1 - padLeft) * channelBytes;
  for (let row = begin * tilesHigh; row < end * tilesHigh; row++) {
    const image = x + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const top = 8 * (row % tilesHigh) - padTop;
    evenInputLine(
      even,
      stripeStride,
      even + 4 * stripeStride,
      rowOrZeros(image, top, height, rowBytes, zeros),
      rowOrZeros(image, top + 2, height, rowBytes, zeros),
      rowOrZeros(image, top + 4, height, rowBytes, zeros),
      rowOrZeros(image, top + 6, height, rowBytes, zeros),
      rowOrZeros(image, top + 8, height, rowBytes, zeros),
      usedBytes,
    );
    oddInputLine(
      odd,
      stripeStride,
      rowOrZeros(image, top + 1, height, rowBytes, zeros),
      rowOrZeros(image, top + 3, height, rowBytes, zeros),
      rowOrZeros(image, top + 5, height, rowBytes, zeros),
      rowOrZeros(image, top + 7, height, rowBytes, zeros),
      usedBytes,
    );
    let planes = v;
    for (let first = 0; first < channels; first += chunk) {
      const bytes = (<usize>min(chunk, channels - first)) << 2;
      const unit = tiles * bytes;
      for (let a = 0; a < 9; a++) {
        inputTilesOfLine(
          planes,
          a,
          unit,
          bytes,
          <usize>(row * tilesWide),
          tilesWide,
          scratch + <usize>a * stripeStride + ((<usize>first) << 2),
          channelBytes,
        );
      }
      planes += planesBytes(unit);
    }
  }
}

/** The transform along the width, of line `a` of a stripe: 0 to 4 even rows at all points, 5 to 8 odd ones at the finite. */
function inputTilesOfLine(
  planes: usize,
  a: i32,
  unit: usize,
  bytes: usize,
  tile: usize,
  count: i32,
  from: usize,
  pixel: usize,
): void {
  const odd: usize = a > 4 ? 1 : 0;
  const i = odd ? a - 5 : a;
  const infinityStep = <usize>phases(i) * bytes;
  const step = infinityStep << 1;
  const stride = <usize>(2 * phases(i)) * unit + GAP;
  let to = planes + planeStart(i, 0, unit) + tile * step + 2 * odd * bytes;
  let infinity = planes + planeStart(i, 4, unit) + tile * infinityStep + odd * bytes;
  for (; count > 0; count--) {
    const from2 = from + 2 * pixel;
    const from4 = from2 + 2 * pixel;
    const from6 = from4 + 2 * pixel;
    const next = from6 + 2 * pixel;
    evenInputLine(to, stride, infinity, from, from2, from4, from6, next, bytes);
    oddInputLine(to + bytes, stride, from + pixel, from2 + pixel, from4 + pixel, from6 + pixel, bytes);
    to += step;
    infinity += infinityStep;
    from = next;
  }
}

/**
 * The transform of dY that its way back to dX needs, with rows and columns in reverse order, so that even and odd rows of
 * dX share it: dY [N, H, W, F] → v 25 planes [T, F], T = N·tilesHigh·tilesWide. Images [begin, end) of `images`.
 * Scratch: stripe 5·((4·tilesWide + 1)·F·4 + 64), zeros W·F·4.
 */
export function winogradStride2ReversedTiles(
  v: usize,
  dY: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  filters: i32,
  tilesHigh: i32,
  tilesWide: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>filters) << 2;
  const rowBytes = <usize>width * pixel;
  const plane = <usize>(images * tilesHigh * tilesWide) * pixel + GAP;
  const stripeStride = <usize>(4 * tilesWide + 1) * pixel + GAP;
  const zeros = scratch + 5 * stripeStride;
  memory.fill(scratch, 0, 5 * stripeStride + rowBytes);
  for (let row = begin * tilesHigh; row < end * tilesHigh; row++) {
    const image = dY + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const top = 4 * (row % tilesHigh);
    evenInputLine(
      scratch + pixel,
      stripeStride,
      scratch + pixel + 4 * stripeStride,
      rowOrZeros(image, top + 3, height, rowBytes, zeros),
      rowOrZeros(image, top + 2, height, rowBytes, zeros),
      rowOrZeros(image, top + 1, height, rowBytes, zeros),
      rowOrZeros(image, top, height, rowBytes, zeros),
      rowOrZeros(image, top - 1, height, rowBytes, zeros),
      rowBytes,
    );
    for (let i: usize = 0; i < 5; i++) {
      let to = v + i * 5 * plane + <usize>(row * tilesWide) * pixel;
      let from = scratch + i * stripeStride;
      for (let t = 0; t < tilesWide; t++) {
        const from2 = from + 2 * pixel;
        const from4 = from2 + 2 * pixel;
        evenInputLine(to, plane, to + 4 * plane, from4, from2 + pixel, from2, from + pixel, from, pixel);
        to += pixel;
        from = from4;
      }
    }
  }
}

/**
 * Z = A dY Aᵀ: dY [N, H, W, F] → z 25 planes [F/8, T, 8], T = N·⌈H/4⌉·⌈W/4⌉. Images [begin, end) of `images`.
 * Scratch: stripe 5·(4·⌈W/4⌉·F·4 + 64), zeros W·F·4.
 */
export function winogradStride2GradientTiles(
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
  const tilesHigh = (height + 3) >> 2;
  const tilesWide = (width + 3) >> 2;
  const pixel = (<usize>filters) << 2;
  const rowBytes = <usize>width * pixel;
  const tiles = <usize>(images * tilesHigh * tilesWide);
  const plane = tiles * pixel + GAP;
  const stripeStride = <usize>(4 * tilesWide) * pixel + GAP;
  const zeros = scratch + 5 * stripeStride;
  memory.fill(scratch, 0, 5 * stripeStride + rowBytes);
  for (let row = begin * tilesHigh; row < end * tilesHigh; row++) {
    const image = dY + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const top = 4 * (row % tilesHigh);
    slopeLine(
      scratch,
      stripeStride,
      32,
      rowOrZeros(image, top, height, rowBytes, zeros),
      rowOrZeros(image, top + 1, height, rowBytes, zeros),
      rowOrZeros(image, top + 2, height, rowBytes, zeros),
      rowOrZeros(image, top + 3, height, rowBytes, zeros),
      rowBytes,
    );
    for (let i: usize = 0; i < 5; i++) {
      let to = z + i * 5 * plane + ((<usize>(row * tilesWide)) << 5);
      let from = scratch + i * stripeStride;
      for (let t = 0; t < tilesWide; t++) {
        const from2 = from + 2 * pixel;
        slopeLine(to, plane, tiles << 5, from, from + pixel, from2, from2 + pixel, pixel);
        to += 32;
        from = from2 + 2 * pixel;
      }
    }
  }
}

/**
 * U = G g Gᵀ of one panel of eight filters, channels [first, first + rows): kernel [3, 3, C, F] → u 25 planes [phases·rows, 8].
 * `transposed`: of eight channels, filters [first, first + rows). Scratch: 36·32·32 bytes.
 */
function kernelPanel(
  u: usize,
  kernel: usize,
  scratch: usize,
  channels: i32,
  filters: i32,
  panel: i32,
  first: i32,
  rows: i32,
  transposed: bool,
): void {
  const tapBytes = (<usize>(channels * filters)) << 2;
  const rowBytes = (<usize>filters) << 2;
  const unit = (<usize>rows) << 5;
  for (let done = 0; done < rows; done += KERNEL_ROWS) {
    const count = min(KERNEL_ROWS, rows - done);
    const bytes = (<usize>count) << 5;
    const row = transposed ? 8 * panel : first + done;
    const column = transposed ? first + done : 8 * panel;
    let from = kernel + <usize>row * rowBytes + ((<usize>column) << 2);
    for (let tap: usize = 0; tap < 9; tap++) {
      if (transposed) packTransposedPanels(scratch + tap * bytes, 0, from, rowBytes, count, 8, 0, 1);
      else packPanels(scratch + tap * bytes, 0, from, rowBytes, count, 8, 0, 1);
      from += tapBytes;
    }
    kernelTiles(u + ((<usize>done) << 5), unit, scratch, scratch + 9 * bytes, bytes);
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

/**
 * Y = conv(X, g) + b, with V = `winogradStride2InputTiles` of X: y [N, Ho, Wo, F], bias [F] or address 0. Panels [begin, end)
 * of F/8, `group` at a time, whose transformed kernels stay in the second-level cache; tiles go in blocks of `blockRows` rows.
 * Scratch, in this order: 36·32·32 bytes; U group·(81·chunk·32 + 25·64); M group·25·(R·⌈Wo/4⌉·32 + 64), where R is
 * blockRows, or with several chunks all N·⌈Ho/4⌉; zeros 32; spare 32.
 */
export function winogradStride2Forward(
  y: usize,
  v: usize,
  kernel: usize,
  bias: usize,
  scratch: usize,
  images: i32,
  channels: i32,
  filters: i32,
  outHeight: i32,
  outWidth: i32,
  chunk: i32,
  group: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (outHeight + 3) >> 2;
  const tilesWide = (outWidth + 3) >> 2;
  const allRows = images * tilesHigh;
  const tiles = <usize>(allRows * tilesWide);
  const keptTiles = chunk < channels ? tiles : <usize>(blockRows * tilesWide);
  const mPlane = (keptTiles << 5) + GAP;
  const uPanel = planesBytes((<usize>chunk) << 5);
  const u = scratch + KERNEL_BYTES;
  const m = u + <usize>group * uPanel;
  const zeros = m + <usize>(25 * group) * mPlane;
  memory.fill(zeros, 0, 32);

  for (let panel = begin; panel < end; panel += group) {
    const panels = min(group, end - panel);
    let planes = v;
    for (let first = 0; first < channels; first += chunk) {
      const depth = min(chunk, channels - first);
      for (let p = 0; p < panels; p++) {
        const to = u + <usize>p * uPanel;
        kernelPanel(to, kernel, scratch, channels, filters, panel + p, first, depth, false);
      }
      for (let row = 0; row < allRows; row += blockRows) {
        const rows = min(blockRows, allRows - row);
        const tile = <usize>(row * tilesWide);
        const sums = chunk < channels ? m + (tile << 5) : m;
        forwardProducts(sums, mPlane, planes, u, uPanel, tiles, tile, rows * tilesWide, depth, panels, first);
        if (first + depth < channels) continue;
        for (let p = 0; p < panels; p++) {
          const at = (<usize>(panel + p)) << 5;
          forwardOutput(
            y + at,
            sums + <usize>(25 * p) * mPlane,
            mPlane,
            bias ? bias + at : zeros,
            zeros + 32,
            filters,
            outHeight,
            outWidth,
            row,
            rows,
          );
        }
      }
      planes += planesBytes((tiles * <usize>depth) << 2);
    }
  }
}

/** M (+)= V·U for `count` tiles from `tile` on, all planes and panels. */
function forwardProducts(
  m: usize,
  mPlane: usize,
  v: usize,
  u: usize,
  uPanel: usize,
  tiles: usize,
  tile: usize,
  count: i32,
  depth: i32,
  panels: i32,
  accumulate: i32,
): void {
  const vUnit = (tiles * <usize>depth) << 2;
  const uUnit = (<usize>depth) << 5;
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 5; j++) {
      const k = phases(i) * phases(j) * depth;
      const lda = (<usize>k) << 2;
      const from = v + planeStart(i, j, vUnit) + tile * lda;
      const kernels = u + planeStart(i, j, uUnit);
      const to = m + <usize>(5 * i + j) * mPlane;
      for (let p: usize = 0; p < <usize>panels; p++) {
        multiply(to + 25 * p * mPlane, 32, from, lda, kernels + p * uPanel, 0, count, 8, k, accumulate, 0);
      }
    }
  }
}

/** Aᵀ M A + bias of one panel, `rows` rows of tiles from `first` on. `spare` [8] takes what lies outside. */
function forwardOutput(
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

/**
 * dX from V = `winogradStride2ReversedTiles` of dY: dX [N, H, W, C]. A tile is 8×8 of dX, 4×4 of each phase. Panels [begin, end) of
 * C/8, `group` at a time; filters in chunks; tiles in blocks of `blockRows` rows.
 * Scratch, in this order: 36·32·32 bytes; U group·(81·chunk·32 + 25·64); M group·81·(R·tilesWide·32 + 64), R as above;
 * zeros tilesWide·32; spare 32.
 */
export function winogradStride2InputGradient(
  dX: usize,
  v: usize,
  kernel: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  filters: i32,
  padTop: i32,
  padLeft: i32,
  tilesHigh: i32,
  tilesWide: i32,
  chunk: i32,
  group: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const allRows = images * tilesHigh;
  const tiles = <usize>(allRows * tilesWide);
  const filterBytes = (<usize>filters) << 2;
  const keptTiles = chunk < filters ? tiles : <usize>(blockRows * tilesWide);
  const mPlane = (keptTiles << 5) + GAP;
  const vPlane = tiles * filterBytes + GAP;
  const uPanel = planesBytes((<usize>chunk) << 5);
  const u = scratch + KERNEL_BYTES;
  const m = u + <usize>group * uPanel;
  const zeros = m + <usize>(81 * group) * mPlane;
  memory.fill(zeros, 0, (<usize>tilesWide) << 5);

  for (let panel = begin; panel < end; panel += group) {
    const panels = min(group, end - panel);
    for (let first = 0; first < filters; first += chunk) {
      const depth = min(chunk, filters - first);
      for (let p = 0; p < panels; p++) {
        const to = u + <usize>p * uPanel;
        kernelPanel(to, kernel, scratch, channels, filters, panel + p, first, depth, true);
      }
      for (let row = 0; row < allRows; row += blockRows) {
        const rows = min(blockRows, allRows - row);
        const tile = <usize>(row * tilesWide);
        const sums = chunk < filters ? m + (tile << 5) : m;
        const from = v + tile * filterBytes + ((<usize>first) << 2);
        const count = rows * tilesWide;
        gradientProducts(sums, mPlane, from, vPlane, filterBytes, u, uPanel, count, depth, panels, first);
        if (first + depth < filters) continue;
        for (let p = 0; p < panels; p++) {
          gradientOutput(
            dX + ((<usize>(panel + p)) << 5),
            sums + <usize>(81 * p) * mPlane,
            mPlane,
            zeros,
            height,
            width,
            channels,
            padTop,
            padLeft,
            tilesHigh,
            tilesWide,
            row,
            rows,
          );
        }
      }
    }
  }
}

/** M (+)= V·U for `count` tiles: 81 planes [9, 9], rows and columns as `a` in inputTilesOfLine. */
function gradientProducts(
  m: usize,
  mPlane: usize,
  v: usize,
  vPlane: usize,
  lda: usize,
  u: usize,
  uPanel: usize,
  count: i32,
  depth: i32,
  panels: i32,
  accumulate: i32,
): void {
  const unit = (<usize>depth) << 5;
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 5; j++) {
      const from = v + <usize>(5 * i + j) * vPlane;
      for (let p: usize = 0; p < <usize>panels; p++) {
        let kernels = u + p * uPanel + planeStart(i, j, unit);
        for (let a = i; a < 9; a += 5) {
          for (let b = j; b < 9; b += 5) {
            const to = m + (81 * p + <usize>(9 * a + b)) * mPlane;
            multiply(to, 32, from, lda, kernels, 0, count, 8, depth, accumulate, 0);
            kernels += unit;
          }
        }
      }
    }
  }
}

/** Aᵀ M A of one panel and its four phases, `rows` rows of tiles from `first` on. Behind `zeros`: spare [8]. */
function gradientOutput(
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

/**
 * dg = Gᵀ[Σ_t V_t ⊙ Z_t]G, with V = `winogradStride2InputTiles` of X and Z = `winogradStride2GradientTiles` of dY → dKernel
 * [3, 3, C, F], overwritten. The sum runs over all T tiles in order. Channels [begin, end), up to `rows` of them and
 * `columns` filters at a time. Scratch: dU 81·(rows·columns·4 + 64), and a packed tile of V, 5·256·4.
 */
export function winogradStride2KernelGradient(
  dKernel: usize,
  v: usize,
  z: usize,
  scratch: usize,
  channels: i32,
  filters: i32,
  tiles: i32,
  chunk: i32,
  rows: i32,
  columns: i32,
  begin: i32,
  end: i32,
): void {
  const zPanel = (<usize>tiles) << 5;
  const zPlane = <usize>(filters >> 3) * zPanel + GAP;
  const plane = ((<usize>(rows * columns)) << 2) + GAP;
  const packed = scratch + 81 * plane;
  for (let first = begin; first < end; ) {
    const place = first % chunk;
    const before = first / chunk;
    const depth = min(chunk, channels - before * chunk);
    const count = min(min(rows, end - first), depth - place);
    const unit = (<usize>(tiles * depth)) << 2;
    const planes = v + <usize>before * planesBytes((<usize>(tiles * chunk)) << 2) + ((<usize>place) << 2);
    for (let f = 0; f < filters; f += columns) {
      const width = min(columns, filters - f);
      const slopes = z + <usize>(f >> 3) * zPanel;
      for (let i = 0; i < 5; i++) {
        for (let j = 0; j < 5; j++) {
          const lda = (<usize>(phases(i) * phases(j) * depth)) << 2;
          let from = planes + planeStart(i, j, unit);
          const b = slopes + <usize>(5 * i + j) * zPlane;
          for (let a = i; a < 9; a += 5) {
            for (let q = j; q < 9; q += 5) {
              const to = scratch + <usize>(9 * a + q) * plane;
              const ldc = (<usize>width) << 2;
              multiplyTransposed(to, ldc, from, lda, b, zPanel, count, width, tiles, 0, packed, 0);
              from += (<usize>depth) << 2;
            }
          }
        }
      }
      const to = dKernel + ((<usize>first * <usize>filters + <usize>f) << 2);
      kernelGradientTiles(to, scratch, plane, channels, filters, count, width);
    }
    first += count;
  }
}

/** Gᵀ dU G of count·width kernels, in place along the height. */
function kernelGradientTiles(
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
