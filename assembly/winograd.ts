/**
 * Winograd convolution, stride 1: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for each tile of the output, summed over channels between
 * ⊙ and Aᵀ. Tiles have 7 − k rows of `wide` outputs: F(4×4, 3×3), F(2×2, 5×5), F(2×4, 5×5). With the tiles as rows that is one
 * matrix product for each of the P = 6·(wide + k − 1) points: 2.25 products an output instead of 9, and 9 or 6 instead of
 * 25. Derivation, error and figures: docs/winograd.md.
 *
 * Planes are P matrices one behind the other, each followed by 64 bytes, lest equal places of all planes share one set
 * of the first-level cache. Channels and filters are multiples of 8. Tiles are numbered along the width, then the
 * height, then the images.
 */
import { multiply, multiplyTransposed } from "./matmul";
import { kernelPanels, kernelPanelTransposed, PANELS } from "./winogradKernelPanels";
import {
  winogradGradientPanel,
  winogradInputRow,
  winogradKernelGradientTiles,
  winogradKernelTiles,
  winogradOutputRow,
} from "./winogradTiles";

/** Bytes between planes beyond their content: one cache line. */
const GAP: usize = 64;
/** Tiles of a sum in F(2×4, 5×5)'s kernel gradient: short sums round less, and it amplifies roundings by 18. test/winograd.test.ts */
const PIECE: i32 = 64;
/** Gradients whose panels are transformed one after the other: some images in the second-level cache. */
const GROUP_BYTES: usize = 512 * 1024;
/** Rows of a kernel panel that are transformed at a time: 27 to 65 buffers of 32·32 bytes stay near the first-level cache. */
const KERNEL_ROWS: i32 = 32;

/**
 * U = G g Gᵀ, kernel [k, k, C, F] → u P planes [F/8, C, 8]. Panels [begin, end) of F/8.
 * Scratch: (4·k + 6)·k·32·32 bytes.
 */
export function winogradKernel(
  u: usize,
  kernel: usize,
  scratch: usize,
  k: i32,
  wide: i32,
  channels: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const taps = <usize>(k * k);
  const planeBytes = ((<usize>channels * <usize>filters) << 2) + GAP;
  for (let panel = begin; panel < end; panel += PANELS) {
    const panels = min(PANELS, end - panel);
    for (let first = 0; first < channels; first += KERNEL_ROWS) {
      const rows = min(KERNEL_ROWS, channels - first);
      kernelPanels(scratch, kernel, taps, channels, filters, panel, panels, first, rows);
      const to = u + ((<usize>(panel * channels + first)) << 5);
      transformPanels(k, wide, to, planeBytes, scratch, panels, channels, rows);
    }
  }
}

/** G g Gᵀ of `rows` rows of `panels` panels, whose taps lie at `taps`; u's panels have `depth` rows. */
function transformPanels(
  k: i32,
  wide: i32,
  u: usize,
  plane: usize,
  taps: usize,
  panels: i32,
  depth: i32,
  rows: i32,
): void {
  const bytes = (<usize>rows) << 5;
  const panelBytes = <usize>(k * k) * bytes;
  const half = taps + <usize>panels * panelBytes;
  for (; panels > 0; panels--) {
    winogradKernelTiles(k, wide, u, plane, taps, half, bytes);
    u += (<usize>depth) << 5;
    taps += panelBytes;
  }
}

/**
 * The same with channels and filters exchanged, for dX: kernel [k, k, C, F] → u P planes [C/8, F, 8]. `flipped` in both directions it is
 * the kernel of the convolution that takes dY back to dX. Panels [begin, end) of C/8. Scratch: (k + 6)·k·32·32 bytes.
 */
export function winogradKernelTransposed(
  u: usize,
  kernel: usize,
  scratch: usize,
  k: i32,
  wide: i32,
  channels: i32,
  filters: i32,
  flipped: i32,
  begin: i32,
  end: i32,
): void {
  const taps = <usize>(k * k);
  const planeBytes = ((<usize>channels * <usize>filters) << 2) + GAP;
  for (let panel = begin; panel < end; panel++) {
    for (let first = 0; first < filters; first += KERNEL_ROWS) {
      const rows = min(KERNEL_ROWS, filters - first);
      kernelPanelTransposed(scratch, kernel, taps, channels, filters, panel, first, rows, flipped != 0);
      const to = u + ((<usize>(panel * filters + first)) << 5);
      transformPanels(k, wide, to, planeBytes, scratch, 1, filters, rows);
    }
  }
}

/**
 * Y = conv(X, g) + b, with U = `winogradKernel` of g. x [N, H, W, C], y [N, Ho, Wo, F], bias [F] or address 0. Images
 * [begin, end), `blockRows` rows of tiles at a time. An output's bits do not depend on the block it falls in.
 * Scratch, in this order: V P·(T·C·4 + 64) and M P·(T·F·4 + 64) with T = blockRows·⌈Wo/wide⌉; stripe
 * 6·((wide·⌈Wo/wide⌉ + k − 1)·C·4 + 64); zeros max(W·C, together·F)·4; half (7 − k)·(wide + k − 1)·together·F·4; spare F·4.
 * `together` tiles pass through the output's transform at a time.
 */
export function winogradConvolution(
  y: usize,
  x: usize,
  u: usize,
  bias: usize,
  scratch: usize,
  k: i32,
  wide: i32,
  height: i32,
  width: i32,
  channels: i32,
  filters: i32,
  outHeight: i32,
  outWidth: i32,
  padTop: i32,
  padLeft: i32,
  blockRows: i32,
  together: i32,
  begin: i32,
  end: i32,
): void {
  const side = 7 - k;
  const points = <usize>(6 * (wide + k - 1));
  const tilesHigh = (outHeight + side - 1) / side;
  const tilesWide = (outWidth + wide - 1) / wide;
  const channelBytes = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const rowBytes = <usize>width * channelBytes;
  const outRowBytes = <usize>outWidth * filterBytes;
  const blockTiles = <usize>(blockRows * tilesWide);
  const vPlane = blockTiles * channelBytes + GAP;
  const mPlane = blockTiles * filterBytes + GAP;
  const uPlane = <usize>filters * channelBytes + GAP;
  const stripeStride = <usize>(wide * tilesWide + k - 1) * channelBytes + GAP;
  const v = scratch;
  const m = v + points * vPlane;
  const stripe = m + points * mPlane;
  const zeros = stripe + 6 * stripeStride;
  const zeroBytes = max(rowBytes, <usize>together * filterBytes);
  const half = zeros + zeroBytes;
  const spare = half + <usize>(side * (wide + k - 1) * together) * filterBytes;
  memory.fill(stripe, 0, 6 * stripeStride + zeroBytes);
  const shift = bias ? bias : zeros;

  const lastRow = end * tilesHigh;
  for (let first = begin * tilesHigh; first < lastRow; first += blockRows) {
    const rows = min(blockRows, lastRow - first);
    for (let r = 0; r < rows; r++) {
      const n = (first + r) / tilesHigh;
      const tileRow = (first + r) % tilesHigh;
      winogradInputRow(
        k,
        wide,
        v + <usize>(r * tilesWide) * channelBytes,
        vPlane,
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
    for (let p: usize = 0; p < points; p++) {
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
      winogradOutputRow(
        k,
        wide,
        to,
        min(side, outHeight - side * tileRow),
        outWidth,
        outRowBytes,
        m + <usize>(r * tilesWide) * filterBytes,
        mPlane,
        shift,
        filterBytes,
        together,
        half,
        spare,
        zeros,
      );
    }
  }
}

/**
 * V = Bᵀ d B of whole images, for the kernel's gradient: x [N, H, W, C] → v P planes [T, C], T = N·⌈Ho/(7 − k)⌉·⌈Wo/wide⌉.
 * Images [begin, end) of `images`. Scratch: stripe 6·((wide·⌈Wo/wide⌉ + k − 1)·C·4 + 64), zeros W·C·4.
 */
export function winogradInputTiles(
  v: usize,
  x: usize,
  scratch: usize,
  k: i32,
  wide: i32,
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
  const side = 7 - k;
  const tilesHigh = (outHeight + side - 1) / side;
  const tilesWide = (outWidth + wide - 1) / wide;
  const channelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * channelBytes;
  const plane = <usize>(images * tilesHigh * tilesWide) * channelBytes + GAP;
  const stripeStride = <usize>(wide * tilesWide + k - 1) * channelBytes + GAP;
  const zeros = scratch + 6 * stripeStride;
  memory.fill(scratch, 0, 6 * stripeStride + rowBytes);
  for (let n = begin; n < end; n++) {
    for (let tileRow = 0; tileRow < tilesHigh; tileRow++) {
      winogradInputRow(
        k,
        wide,
        v + <usize>((n * tilesHigh + tileRow) * tilesWide) * channelBytes,
        plane,
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
 * Z = A dY Aᵀ of whole images: dY [N, H, W, F] → z P planes [F/8, T, 8]. Images [begin, end) of `images`.
 * An image's tiles go panel by panel, in few long streams: tile by tile, they would go to P·F/8 pages in turn.
 * Scratch: stripe 6·(⌈H/(7 − k)⌉·wide·⌈W/wide⌉·32 + 64), zeros W·F·4.
 */
export function winogradGradientTiles(
  z: usize,
  dY: usize,
  scratch: usize,
  k: i32,
  wide: i32,
  images: i32,
  height: i32,
  width: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const side = 7 - k;
  const tilesHigh = (height + side - 1) / side;
  const tilesWide = (width + wide - 1) / wide;
  const filterBytes = (<usize>filters) << 2;
  const rowBytes = <usize>width * filterBytes;
  const tiles = <usize>(images * tilesHigh * tilesWide);
  const panelStride = (tiles << 5) + GAP;
  const plane = <usize>(filters >> 3) * panelStride + GAP;
  const stripeStride = ((<usize>(tilesHigh * wide * tilesWide)) << 5) + GAP;
  const zeros = scratch + 6 * stripeStride;
  memory.fill(scratch, 0, 6 * stripeStride + rowBytes);
  const tileBytes = (<usize>(tilesHigh * tilesWide)) << 5;
  const imageBytes = <usize>height * rowBytes;
  const group = <i32>max(1, GROUP_BYTES / imageBytes);
  for (let first = begin; first < end; first += group) {
    const last = min(first + group, end);
    for (let f = 0; f < filters; f += 8) {
      let image = dY + <usize>first * imageBytes + ((<usize>f) << 2);
      let to = z + <usize>(f >> 3) * panelStride + <usize>first * tileBytes;
      for (let n = first; n < last; n++) {
        winogradGradientPanel(
          k,
          wide,
          to,
          plane,
          image,
          height,
          width,
          filterBytes,
          tilesHigh,
          tilesWide,
          scratch,
          stripeStride,
          zeros,
        );
        image += imageBytes;
        to += tileBytes;
      }
    }
  }
}

/**
 * dg = Gᵀ[Σ_t V_t ⊙ Z_t]G: v P planes [T, C], z P planes [F/8, T, 8] → dKernel [k, k, C, F], overwritten. The sum runs
 * over all T tiles in order. Channels [begin, end), `blockRows` of them at a time.
 * Scratch: dU P·(blockRows·F·4 + 64), half k·(wide + k − 1)·F·4, and a packed tile of V, 5·256·4.
 */
export function winogradKernelGradient(
  dKernel: usize,
  v: usize,
  z: usize,
  scratch: usize,
  k: i32,
  wide: i32,
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
  const across = wide + k - 1;
  const points = <usize>(6 * across);
  const half = scratch + points * duPlane;
  const packed = half + <usize>(k * across) * filterBytes;
  const piece = across === 8 ? PIECE : tiles;
  for (let first = begin; first < end; first += blockRows) {
    const rows = min(blockRows, end - first);
    for (let p: usize = 0; p < points; p++) {
      for (let tile = 0; tile < tiles; tile += piece) {
        const from = v + p * vPlane + <usize>tile * channelBytes + ((<usize>first) << 2);
        multiplyTransposed(
          scratch + p * duPlane,
          filterBytes,
          from,
          channelBytes,
          z + p * zPlane + ((<usize>tile) << 5),
          zPanel,
          rows,
          filters,
          min(piece, tiles - tile),
          tile,
          packed,
          0,
        );
      }
    }
    for (let r = 0; r < rows; r++) {
      winogradKernelGradientTiles(
        k,
        wide,
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
