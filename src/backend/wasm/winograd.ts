/**
 * 3×3 and 5×5 convolutions of stride 1 by Winograd's F(4×4, 3×3) and F(2×2, 5×5): see assembly/winograd.ts for the kernels
 * and docs/winograd.md for the mathematics. Sizes of scratch memory here follow the kernels' heads.
 */
import { type Shape, type Window2D, type WindowGeometry, windowGeometry } from "../../shape.js";
import type { ConvolutionGradients, GradientWishes } from "../backend.js";
import { PACKED_BYTES, PANEL, TILE_ROWS } from "./blocks.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { channelSums } from "./sums.js";

const POINTS_ALONG = 6;
const POINTS = POINTS_ALONG * POINTS_ALONG;
/** Bytes and floats behind each plane: see GAP in assembly/winograd.ts. */
const GAP_BYTES = 64;
const GAP_FLOATS = 16;
/** Tiles that pass together through transform, products and back: bench/winograd.bench.ts. */
const BLOCK_TILES = 64;
/** For the planes of a kernel's gradient: most of a 1 MB second-level cache. */
const GRADIENT_BLOCK_BYTES = 768 * 1024;
const KERNEL_ROWS = 32;

/** Y = conv2d(X, W) + b. */
export function winogradForward(
  recorder: Recorder,
  x: WasmTensor,
  kernel: WasmTensor,
  bias: WasmTensor | undefined,
  window: Window2D,
): WasmTensor {
  const [images, height, width, channels] = x.shape;
  const [size, , , filters] = kernel.shape;
  const geometry = windowGeometry("conv2d", height, width, window);
  const u = recorder.tensor([planeFloats(channels * filters)]);
  recorder.record(
    "winogradKernel",
    byRows(filters / PANEL),
    out(u),
    all(kernel),
    scratch((size + POINTS_ALONG) * size * KERNEL_ROWS * PANEL * 4),
    sideOf(size),
    channels,
    filters,
  );
  const y = recorder.tensor([images, geometry.outHeight, geometry.outWidth, filters]);
  recordConvolution(recorder, sideOf(size), y, x, u, bias, geometry.padTop, geometry.padLeft);
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

function inputGradient(
  recorder: Recorder,
  xShape: Shape,
  kernel: WasmTensor,
  dY: WasmTensor,
  geometry: WindowGeometry,
): WasmTensor {
  const [size, , channels, filters] = kernel.shape;
  const u = recorder.tensor([planeFloats(channels * filters)]);
  recorder.record(
    "winogradKernelTransposed",
    byRows(channels / PANEL),
    out(u),
    all(kernel),
    scratch((size + POINTS_ALONG) * size * KERNEL_ROWS * PANEL * 4),
    sideOf(size),
    channels,
    filters,
  );
  const dX = recorder.tensor(xShape);
  // x[i] meets dY[i + pad − a] for taps a < k: padding k − 1 − pad turns that into a convolution.
  const [padTop, padLeft] = [size - 1 - geometry.padTop, size - 1 - geometry.padLeft];
  recordConvolution(recorder, sideOf(size), dX, dY, u, undefined, padTop, padLeft);
  return dX;
}

function recordConvolution(
  recorder: Recorder,
  side: number,
  y: WasmTensor,
  x: WasmTensor,
  u: WasmTensor,
  bias: WasmTensor | undefined,
  padTop: number,
  padLeft: number,
): void {
  const [images, height, width, channels] = x.shape;
  const [, outHeight, outWidth, filters] = y.shape;
  const tilesWide = tilesOf(outWidth, side);
  const blockRows = Math.max(
    1,
    Math.min(Math.floor(BLOCK_TILES / tilesWide), images * tilesOf(outHeight, side)),
  );
  const blockTiles = blockRows * tilesWide;
  const blockBytes = POINTS * (blockTiles * (channels + filters) * 4 + 2 * GAP_BYTES);
  const stripeBytes = 6 * (stripeWidth(tilesWide, side) * channels * 4 + GAP_BYTES);
  const zeroBytes = Math.max(width * channels, filters) * 4;
  recorder.record(
    "winogradConvolution",
    byImages(images),
    out(y),
    own(x),
    all(u),
    bias ? all(bias) : 0,
    scratch(blockBytes + stripeBytes + zeroBytes + (24 + 1) * filters * 4),
    side,
    height,
    width,
    channels,
    filters,
    outHeight,
    outWidth,
    padTop,
    padLeft,
    blockRows,
  );
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
  const [size, , , filters] = kernelShape;
  const side = sideOf(size);
  const tilesWide = tilesOf(outWidth, side);
  const tiles = images * tilesOf(outHeight, side) * tilesWide;

  const v = recorder.tensor([planeFloats(tiles * channels)]);
  recorder.record(
    "winogradInputTiles",
    byImages(images),
    out(v),
    own(x),
    scratch(6 * (stripeWidth(tilesWide, side) * channels * 4 + GAP_BYTES) + width * channels * 4),
    side,
    images,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    padTop,
    padLeft,
  );
  const z = recorder.tensor([planeFloats((filters / PANEL) * (tiles * PANEL + GAP_FLOATS))]);
  recorder.record(
    "winogradGradientTiles",
    byImages(images),
    out(z),
    own(dY),
    scratch(6 * (side * tilesWide * filters * 4 + GAP_BYTES) + outWidth * filters * 4),
    side,
    images,
    outHeight,
    outWidth,
    filters,
  );
  const dKernel = recorder.tensor(kernelShape);
  const rowBytes = POINTS * filters * 4;
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
    scratch(blockRows * rowBytes + POINTS * GAP_BYTES + POINTS_ALONG * size * filters * 4 + PACKED_BYTES),
    side,
    channels,
    filters,
    tiles,
    blockRows,
  );
  return dKernel;
}

/** Outputs of a tile along one axis: a tile and the kernel together have six points. */
function sideOf(kernelSize: number): number {
  return 7 - kernelSize;
}

function tilesOf(size: number, side: number): number {
  return Math.ceil(size / side);
}

/** Columns that a row of tiles reads. */
function stripeWidth(tilesWide: number, side: number): number {
  return side * tilesWide + POINTS_ALONG - side;
}

/** Floats of 36 planes of `count` values. */
function planeFloats(count: number): number {
  return POINTS * (count + GAP_FLOATS);
}
