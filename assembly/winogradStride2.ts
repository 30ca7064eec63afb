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
import {
  forwardOutput,
  GAP,
  gradientOutput,
  kernelBytes,
  kernelGradientTiles,
  phases,
  planeStart,
  planesBytes,
  transformKernels,
} from "./winogradStride2Tiles";

/**
 * Y = conv(X, g) + b, with V = `winogradStride2InputTiles` of X: y [N, Ho, Wo, F], bias [F] or address 0. Panels [begin, end)
 * of F/8, `group` at a time, whose transformed kernels stay in the second-level cache; tiles go in blocks of `blockRows` rows.
 * Scratch, in this order: (9·group + 27)·32·32 bytes; U group·(81·chunk·32 + 25·64); M group·25·(R·⌈Wo/4⌉·32 + 64), where R is
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
  const u = scratch + kernelBytes(group);
  const m = u + <usize>group * uPanel;
  const zeros = m + <usize>(25 * group) * mPlane;
  memory.fill(zeros, 0, 32);

  for (let panel = begin; panel < end; panel += group) {
    const panels = min(group, end - panel);
    let planes = v;
    for (let first = 0; first < channels; first += chunk) {
      const depth = min(chunk, channels - first);
      transformKernels(u, uPanel, kernel, scratch, channels, filters, panel, panels, first, depth, false);
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

/**
 * dX from V = `winogradStride2ReversedTiles` of dY: dX [N, H, W, C]. A tile is 8×8 of dX, 4×4 of each phase. Panels [begin, end) of
 * C/8, `group` at a time; filters in chunks; tiles in blocks of `blockRows` rows.
 * Scratch, in this order: (9·group + 27)·32·32 bytes; U group·(81·chunk·32 + 25·64); M group·81·(R·tilesWide·32 + 64), R as above;
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
  const u = scratch + kernelBytes(group);
  const m = u + <usize>group * uPanel;
  const zeros = m + <usize>(81 * group) * mPlane;
  memory.fill(zeros, 0, (<usize>tilesWide) << 5);

  for (let panel = begin; panel < end; panel += group) {
    const panels = min(group, end - panel);
    for (let first = 0; first < filters; first += chunk) {
      const depth = min(chunk, filters - first);
      transformKernels(u, uPanel, kernel, scratch, channels, filters, panel, panels, first, depth, true);
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

/** M (+)= V·U for `count` tiles: 81 planes [9, 9], rows and columns 0 to 4 of even samples, 5 to 8 of odd ones. */
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
