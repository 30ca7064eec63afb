/**
 * Winograd convolution F(s×s, k×k), stride 1: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for each s×s tile of the output, summed over
 * channels between ⊙ and Aᵀ; s = `side` is 4 for kernels of k = 3, and 2 for k = 5. With the tiles as rows that is one
 * matrix product for each of the 36 points: 2.25 products an output instead of 9, or 9 instead of 25. Derivation, error and
 * figures: docs/winograd.md.
 *
 * Planes are 36 matrices one behind the other, each followed by 64 bytes, lest equal places of all planes share one set
 * of the first-level cache. Channels and filters are multiples of 8. Tiles are numbered along the width, then the
 * height, then the images.
 */
import { multiply, multiplyTransposed } from "./matmul";
import { kernelPanel, kernelPanelTransposed } from "./winogradKernelPanel";
import {
  winogradGradientRow,
  winogradInputRow,
  winogradKernelGradientTiles,
  winogradKernelTiles,
  winogradOutputTile,
} from "./winogradTiles";

/** Bytes between planes beyond their content: one cache line. */
const GAP: usize = 64;
/** Rows of a kernel panel that are transformed at a time: 27 to 55 buffers of 32·32 bytes stay near the first-level cache. */
const KERNEL_ROWS: i32 = 32;

/**
 * U = G g Gᵀ, kernel [k, k, C, F] → u 36 planes [F/8, C, 8]. Panels [begin, end) of F/8.
 * Scratch: (k + 6)·k·32·32 bytes.
 */
export function winogradKernel(
  u: usize,
  kernel: usize,
  scratch: usize,
  side: i32,
  channels: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const taps = <usize>((7 - side) * (7 - side));
  const planeBytes = ((<usize>channels * <usize>filters) << 2) + GAP;
  for (let panel = begin; panel < end; panel++) {
    for (let first = 0; first < channels; first += KERNEL_ROWS) {
      const rows = min(KERNEL_ROWS, channels - first);
      const bytes = (<usize>rows) << 5;
      kernelPanel(scratch, kernel, taps, channels, filters, panel, first, rows);
      const to = u + ((<usize>(panel * channels + first)) << 5);
      winogradKernelTiles(side, to, planeBytes, scratch, scratch + taps * bytes, bytes);
    }
  }
}

/**
 * The same of the kernel that takes dY back to dX: flipped in both directions, channels and filters exchanged.
 * kernel [k, k, C, F] → u 36 planes [C/8, F, 8]. Panels [begin, end) of C/8. Scratch: (k + 6)·k·32·32 bytes.
 */
export function winogradKernelTransposed(
  u: usize,
  kernel: usize,
  scratch: usize,
  side: i32,
  channels: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const taps = <usize>((7 - side) * (7 - side));
  const planeBytes = ((<usize>channels * <usize>filters) << 2) + GAP;
  for (let panel = begin; panel < end; panel++) {
    for (let first = 0; first < filters; first += KERNEL_ROWS) {
      const rows = min(KERNEL_ROWS, filters - first);
      const bytes = (<usize>rows) << 5;
      kernelPanelTransposed(scratch, kernel, taps, channels, filters, panel, first, rows);
      const to = u + ((<usize>(panel * filters + first)) << 5);
      winogradKernelTiles(side, to, planeBytes, scratch, scratch + taps * bytes, bytes);
    }
  }
}

/**
 * Y = conv(X, g) + b, with U = `winogradKernel` of g. x [N, H, W, C], y [N, Ho, Wo, F], bias [F] or address 0. Images
 * [begin, end), `blockRows` rows of tiles at a time. An output's bits do not depend on the block it falls in.
 * Scratch, in this order: V 36·(T·C·4 + 64) and M 36·(T·F·4 + 64) with T = blockRows·⌈Wo/s⌉; stripe
 * 6·((s·⌈Wo/s⌉ + 6 − s)·C·4 + 64); zeros max(W·C, F)·4; half 24·F·4; spare F·4.
 */
export function winogradConvolution(
  y: usize,
  x: usize,
  u: usize,
  bias: usize,
  scratch: usize,
  side: i32,
  height: i32,
  width: i32,
  channels: i32,
  filters: i32,
  outHeight: i32,
  outWidth: i32,
  padTop: i32,
  padLeft: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (outHeight + side - 1) / side;
  const tilesWide = (outWidth + side - 1) / side;
  const channelBytes = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const rowBytes = <usize>width * channelBytes;
  const outRowBytes = <usize>outWidth * filterBytes;
  const blockTiles = <usize>(blockRows * tilesWide);
  const vPlane = blockTiles * channelBytes + GAP;
  const mPlane = blockTiles * filterBytes + GAP;
  const uPlane = <usize>filters * channelBytes + GAP;
  const stripeStride = <usize>(side * (tilesWide - 1) + 6) * channelBytes + GAP;
  const v = scratch;
  const m = v + 36 * vPlane;
  const stripe = m + 36 * mPlane;
  const zeros = stripe + 6 * stripeStride;
  const zeroBytes = max(rowBytes, filterBytes);
  const half = zeros + zeroBytes;
  const spare = half + 24 * filterBytes;
  memory.fill(stripe, 0, 6 * stripeStride + zeroBytes);
  const shift = bias ? bias : zeros;

  const lastRow = end * tilesHigh;
  for (let first = begin * tilesHigh; first < lastRow; first += blockRows) {
    const rows = min(blockRows, lastRow - first);
    for (let r = 0; r < rows; r++) {
      const n = (first + r) / tilesHigh;
      const tileRow = (first + r) % tilesHigh;
      winogradInputRow(
        side,
        v + <usize>(r * tilesWide) * channelBytes,
        vPlane,
        32,
        channelBytes,
        x + <usize>(n * height) * rowBytes,
        side * tileRow - padTop,
        height,
        rowBytes,
        channelBytes,
        <usize>padLeft * channelBytes,
        tilesWide,
        stripe,
        stripeStride,
        zeros,
      );
    }
    for (let p: usize = 0; p < 36; p++) {
      multiply(
        m + p * mPlane,
        filterBytes,
        v + p * vPlane,
        channelBytes,
        u + p * uPlane,
        channelBytes << 3,
        rows * tilesWide,
        filters,
        channels,
        0,
        0,
      );
    }
    for (let r = 0; r < rows; r++) {
      const n = (first + r) / tilesHigh;
      const tileRow = (first + r) % tilesHigh;
      const to = y + <usize>(n * outHeight + side * tileRow) * outRowBytes;
      for (let t = 0; t < tilesWide; t++) {
        winogradOutputTile(
          side,
          to + <usize>(side * t) * filterBytes,
          min(side, outHeight - side * tileRow),
          min(side, outWidth - side * t),
          outRowBytes,
          m + <usize>(r * tilesWide + t) * filterBytes,
          mPlane,
          shift,
          filterBytes,
          half,
          spare,
          zeros,
        );
      }
    }
  }
}

/**
 * V = Bᵀ d B of whole images, for the kernel's gradient: x [N, H, W, C] → v 36 planes [T, C], T = N·⌈Ho/s⌉·⌈Wo/s⌉.
 * Images [begin, end) of `images`. Scratch: stripe 6·((s·⌈Wo/s⌉ + 6 − s)·C·4 + 64), zeros W·C·4.
 */
export function winogradInputTiles(
  v: usize,
  x: usize,
  scratch: usize,
  side: i32,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  padTop: i32,
  padLeft: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (outHeight + side - 1) / side;
  const tilesWide = (outWidth + side - 1) / side;
  const channelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * channelBytes;
  const plane = <usize>(images * tilesHigh * tilesWide) * channelBytes + GAP;
  const stripeStride = <usize>(side * (tilesWide - 1) + 6) * channelBytes + GAP;
  const zeros = scratch + 6 * stripeStride;
  memory.fill(scratch, 0, 6 * stripeStride + rowBytes);
  for (let n = begin; n < end; n++) {
    for (let tileRow = 0; tileRow < tilesHigh; tileRow++) {
      winogradInputRow(
        side,
        v + <usize>((n * tilesHigh + tileRow) * tilesWide) * channelBytes,
        plane,
        32,
        channelBytes,
        x + <usize>(n * height) * rowBytes,
        side * tileRow - padTop,
        height,
        rowBytes,
        channelBytes,
        <usize>padLeft * channelBytes,
        tilesWide,
        scratch,
        stripeStride,
        zeros,
      );
    }
  }
}

/**
 * Z = A dY Aᵀ of whole images: dY [N, H, W, F] → z 36 planes [F/8, T, 8]. Images [begin, end) of `images`.
 * Scratch: stripe 6·(s·⌈W/s⌉·F·4 + 64), zeros W·F·4.
 */
export function winogradGradientTiles(
  z: usize,
  dY: usize,
  scratch: usize,
  side: i32,
  images: i32,
  height: i32,
  width: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (height + side - 1) / side;
  const tilesWide = (width + side - 1) / side;
  const filterBytes = (<usize>filters) << 2;
  const rowBytes = <usize>width * filterBytes;
  const tiles = <usize>(images * tilesHigh * tilesWide);
  const panelStride = (tiles << 5) + GAP;
  const plane = <usize>(filters >> 3) * panelStride + GAP;
  const stripeStride = <usize>(side * tilesWide) * filterBytes + GAP;
  const zeros = scratch + 6 * stripeStride;
  memory.fill(scratch, 0, 6 * stripeStride + rowBytes);
  for (let n = begin; n < end; n++) {
    for (let tileRow = 0; tileRow < tilesHigh; tileRow++) {
      winogradGradientRow(
        side,
        z + ((<usize>((n * tilesHigh + tileRow) * tilesWide)) << 5),
        plane,
        panelStride,
        32,
        dY + <usize>(n * height) * rowBytes,
        side * tileRow,
        height,
        rowBytes,
        filterBytes,
        tilesWide,
        scratch,
        stripeStride,
        zeros,
      );
    }
  }
}

/**
 * dg = Gᵀ[Σ_t V_t ⊙ Z_t]G: v 36 planes [T, C], z 36 planes [F/8, T, 8] → dKernel [k, k, C, F], overwritten. The sum runs
 * over all T tiles in order. Channels [begin, end), `blockRows` of them at a time.
 * Scratch: dU 36·(blockRows·F·4 + 64), half 6·k·F·4, and a packed tile of V, 5·256·4.
 */
export function winogradKernelGradient(
  dKernel: usize,
  v: usize,
  z: usize,
  scratch: usize,
  side: i32,
  channels: i32,
  filters: i32,
  tiles: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const channelBytes = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const vPlane = <usize>tiles * channelBytes + GAP;
  const zPanel = ((<usize>tiles) << 5) + GAP;
  const zPlane = <usize>(filters >> 3) * zPanel + GAP;
  const duPlane = <usize>blockRows * filterBytes + GAP;
  const half = scratch + 36 * duPlane;
  const packed = half + <usize>(6 * (7 - side)) * filterBytes;
  for (let first = begin; first < end; first += blockRows) {
    const rows = min(blockRows, end - first);
    for (let p: usize = 0; p < 36; p++) {
      multiplyTransposed(
        scratch + p * duPlane,
        filterBytes,
        v + p * vPlane + ((<usize>first) << 2),
        channelBytes,
        z + p * zPlane,
        zPanel,
        rows,
        filters,
        tiles,
        0,
        packed,
        0,
      );
    }
    for (let r = 0; r < rows; r++) {
      winogradKernelGradientTiles(
        side,
        dKernel + <usize>(first + r) * filterBytes,
        <usize>channels * filterBytes,
        scratch + <usize>r * filterBytes,
        duPlane,
        half,
        filterBytes,
      );
    }
  }
}
