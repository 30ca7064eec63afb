/**
 * 3×3 and 5×5 convolutions of stride 1 by Winograd's F(4×4, 3×3), F(2×4, 5×5) and F(2×2, 5×5): see assembly/winograd.ts for the kernels
 * and docs/winograd.md for the mathematics. Sizes of scratch memory here follow the kernels' heads.
 */
import { type Shape, type Window2D, type WindowGeometry, windowGeometry } from "../../shape.js";
import type { ConvolutionGradients, GradientWishes } from "../backend.js";
import { PACKED_BYTES, PANEL, TILE_ROWS } from "./blocks.js";
import { winogradTileWidth } from "./convolutionAlgorithm.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { channelSums } from "./sums.js";

/** Points along the height. */
const POINTS_HIGH = 6;
/** Bytes and floats behind each plane: see GAP in assembly/winograd.ts. */
const GAP_BYTES = 64;
const GAP_FLOATS = 16;
/** Tiles that pass together through transform, products and back: bench/winograd.bench.ts. */
const BLOCK_TILES = 64;
/** For the planes of a kernel's gradient: most of a 1 MB second-level cache. */
const GRADIENT_BLOCK_BYTES = 768 * 1024;
/** Rows and panels of a kernel that are transformed together: assembly/winograd.ts, winogradKernelPanels.ts. */
const KERNEL_ROWS = 32;
const KERNEL_PANELS = 4;
/** Filters of tiles side by side that pass together through the output's transform: its half-way stays in the first-level cache. */
const TOGETHER = 256;

/** How outputs are cut into tiles, and how many points a tile has. */
interface Tiling {
  readonly k: number;
  /** Outputs of a tile along the height, and along the width. */
  readonly high: number;
  readonly wide: number;
  readonly tilesHigh: number;
  readonly tilesWide: number;
  readonly pointsWide: number;
  readonly points: number;
}

function tilingOf(x: Shape, kernel: Shape, outHeight: number, outWidth: number): Tiling {
  const [k] = kernel;
  const high = POINTS_HIGH - k + 1;
  const wide = winogradTileWidth(x, kernel);
  const pointsWide = wide + k - 1;
  const tilesHigh = Math.ceil(outHeight / high);
  const tilesWide = Math.ceil(outWidth / wide);
  return { k, high, wide, tilesHigh, tilesWide, pointsWide, points: POINTS_HIGH * pointsWide };
}

/** Y = conv2d(X, W) + b. */
export function winogradForward(
  recorder: Recorder,
  x: WasmTensor,
  kernel: WasmTensor,
  bias: WasmTensor | undefined,
  window: Window2D,
): WasmTensor {
  const [images, height, width] = x.shape;
  const [, , , filters] = kernel.shape;
  const geometry = windowGeometry("conv2d", height, width, window);
  const tiling = tilingOf(x.shape, kernel.shape, geometry.outHeight, geometry.outWidth);
  const u = recordKernel(recorder, kernel, tiling, "forward");
  const y = recorder.tensor([images, geometry.outHeight, geometry.outWidth, filters]);
  recordConvolution(recorder, tiling, y, x, u, bias, geometry.padTop, geometry.padLeft);
  return y;
}

/** dKernel = Gᵀ[Σ (A dY Aᵀ) ⊙ (Bᵀ X B)]G; dX is the convolution of dY with the flipped, transposed kernel. */
export function winogradGradients(
  recorder: Recorder,
  x: WasmTensor,
  kernel: WasmTensor,
  dY: WasmTensor,
  window: Window2D,
  wishes: GradientWishes,
): ConvolutionGradients<WasmTensor> {
  const geometry = windowGeometry("conv2d", x.shape[1], x.shape[2], window);
  return {
    dX: wishes.dX ? inputGradient(recorder, x.shape, kernel, dY, geometry) : undefined,
    dKernel: kernelGradient(recorder, x, kernel.shape, dY, geometry),
    dBias: wishes.dBias ? channelSums(recorder, dY) : undefined,
  };
}

/** As a convolution of dY; or tile by tile of dY where it has fewer tiles than dX, which takes valid padding. */
function inputGradient(
  recorder: Recorder,
  xShape: Shape,
  kernel: WasmTensor,
  dY: WasmTensor,
  geometry: WindowGeometry,
): WasmTensor {
  const [k] = kernel.shape;
  const tiling = tilingOf(xShape, kernel.shape, xShape[1], xShape[2]);
  const tilingOfY = tilingOf(xShape, kernel.shape, geometry.outHeight, geometry.outWidth);
  const dX = recorder.tensor(xShape);
  if (k === 3 && tilingOfY.tilesHigh * tilingOfY.tilesWide < tiling.tilesHigh * tiling.tilesWide) {
    const u = recordKernel(recorder, kernel, tilingOfY, "transposed");
    recordTransposed(recorder, tilingOfY, dX, dY, u);
    return dX;
  }
  const u = recordKernel(recorder, kernel, tiling, "flipped");
  // x[i] meets dY[i + pad − a] for taps a < k: padding k − 1 − pad turns that into a convolution.
  const [padTop, padLeft] = [k - 1 - geometry.padTop, k - 1 - geometry.padLeft];
  recordConvolution(recorder, tiling, dX, dY, u, undefined, padTop, padLeft);
  return dX;
}

/** U, in panels of 8 filters; or, for dX, of 8 channels: of the kernel transposed, or that and flipped. */
function recordKernel(
  recorder: Recorder,
  kernel: WasmTensor,
  { k, wide, points }: Tiling,
  use: "forward" | "transposed" | "flipped",
): WasmTensor {
  const [, , channels, filters] = kernel.shape;
  const forward = use === "forward";
  const u = recorder.tensor([planeFloats(points, channels * filters)]);
  recorder.record(
    forward ? "winogradKernel" : "winogradKernelTransposed",
    byRows((forward ? filters : channels) / PANEL),
    out(u),
    all(kernel),
    scratch(((forward ? KERNEL_PANELS : 1) * k + POINTS_HIGH) * k * KERNEL_ROWS * PANEL * 4),
    k,
    wide,
    channels,
    filters,
    ...(forward ? [] : [use === "flipped" ? 1 : 0]),
  );
  return u;
}

function recordConvolution(
  recorder: Recorder,
  { k, high, wide, tilesHigh, tilesWide, pointsWide, points }: Tiling,
  y: WasmTensor,
  x: WasmTensor,
  u: WasmTensor,
  bias: WasmTensor | undefined,
  padTop: number,
  padLeft: number,
): void {
  const [images, height, width, channels] = x.shape;
  const [, outHeight, outWidth, filters] = y.shape;
  const blockRows = blockRowsOf(images, tilesHigh, tilesWide);
  const together = Math.max(1, Math.min(tilesWide, Math.floor(TOGETHER / filters)));
  const blockTiles = blockRows * tilesWide;
  const blockBytes = points * (blockTiles * (channels + filters) * 4 + 2 * GAP_BYTES);
  const stripeBytes = POINTS_HIGH * ((wide * tilesWide + k - 1) * channels * 4 + GAP_BYTES);
  const zeroBytes = Math.max(width * channels, together * filters) * 4;
  const halfBytes = high * pointsWide * together * filters * 4;
  recorder.record(
    "winogradConvolution",
    byImages(images),
    out(y),
    own(x),
    all(u),
    bias ? all(bias) : 0,
    scratch(blockBytes + stripeBytes + zeroBytes + halfBytes + filters * 4),
    k,
    wide,
    height,
    width,
    channels,
    filters,
    outHeight,
    outWidth,
    padTop,
    padLeft,
    blockRows,
    together,
  );
}

/** dX of valid padding from the tiles of dY. */
function recordTransposed(
  recorder: Recorder,
  { tilesHigh, tilesWide, points }: Tiling,
  dX: WasmTensor,
  dY: WasmTensor,
  u: WasmTensor,
): void {
  const [images, , width, channels] = dX.shape;
  const [, outHeight, outWidth, filters] = dY.shape;
  const blockRows = blockRowsOf(images, tilesHigh, tilesWide);
  const blockBytes = points * (blockRows * tilesWide * (channels + filters) * 4 + 2 * GAP_BYTES);
  const inBytes = POINTS_HIGH * (4 * tilesWide * filters * 4 + GAP_BYTES);
  const outBytes = POINTS_HIGH * ((4 * tilesWide + 2) * channels * 4 + GAP_BYTES);
  const zeroBytes = Math.max(width * channels, outWidth * filters) * 4;
  recorder.record(
    "winogradInputGradient",
    byImages(images),
    out(dX),
    own(dY),
    all(u),
    scratch(blockBytes + inBytes + outBytes + zeroBytes + width * channels * 4),
    channels,
    filters,
    outHeight,
    outWidth,
    blockRows,
  );
}

/** Rows of tiles that pass together through transform, products and back. */
function blockRowsOf(images: number, tilesHigh: number, tilesWide: number): number {
  return Math.max(1, Math.min(Math.floor(BLOCK_TILES / tilesWide), images * tilesHigh));
}

function kernelGradient(
  recorder: Recorder,
  x: WasmTensor,
  kernelShape: Shape,
  dY: WasmTensor,
  geometry: WindowGeometry,
): WasmTensor {
  const [images, height, width, channels] = x.shape;
  const { outHeight, outWidth, padTop, padLeft } = geometry;
  const [, , , filters] = kernelShape;
  const tiling = tilingOf(x.shape, kernelShape, outHeight, outWidth);
  const { k, wide, tilesHigh, tilesWide, pointsWide, points } = tiling;
  const tiles = images * tilesHigh * tilesWide;

  const v = recorder.tensor([planeFloats(points, tiles * channels)]);
  recorder.record(
    "winogradInputTiles",
    byImages(images),
    out(v),
    own(x),
    scratch(POINTS_HIGH * ((wide * tilesWide + k - 1) * channels * 4 + GAP_BYTES) + width * channels * 4),
    k,
    wide,
    images,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    padTop,
    padLeft,
  );
  const z = recorder.tensor([planeFloats(points, (filters / PANEL) * (tiles * PANEL + GAP_FLOATS))]);
  recorder.record(
    "winogradGradientTiles",
    byImages(images),
    out(z),
    own(dY),
    scratch(POINTS_HIGH * (tilesHigh * wide * tilesWide * PANEL * 4 + GAP_BYTES) + outWidth * filters * 4),
    k,
    wide,
    images,
    outHeight,
    outWidth,
    filters,
  );
  const dKernel = recorder.tensor(kernelShape);
  const rowBytes = points * filters * 4;
  const blockRows = Math.min(
    channels,
    TILE_ROWS * Math.max(1, Math.floor(GRADIENT_BLOCK_BYTES / rowBytes / TILE_ROWS)),
  );
  recorder.record(
    "winogradKernelGradient",
    byRows(channels, TILE_ROWS),
    out(dKernel),
    all(v),
    all(z),
    scratch(blockRows * rowBytes + points * GAP_BYTES + pointsWide * k * filters * 4 + PACKED_BYTES),
    k,
    wide,
    channels,
    filters,
    tiles,
    blockRows,
  );
  return dKernel;
}

/** Floats of `points` planes of `count` values. */
function planeFloats(points: number, count: number): number {
  return points * (count + GAP_FLOATS);
}
