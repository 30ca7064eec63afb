/**
 * 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): see assembly/winograd.ts for the kernels and docs/winograd.md
 * for the mathematics. Sizes of scratch memory here follow the kernels' heads.
 */
import { type Shape, type Window2D, type WindowGeometry, windowGeometry } from "../../shape.js";
import type { ConvolutionGradients, GradientWishes } from "../backend.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { channelSums } from "./sums.js";

const POINTS = 36;
/** Bytes and floats behind each plane: see GAP in assembly/winograd.ts. */
const GAP_BYTES = 64;
const GAP_FLOATS = 16;
const PANEL = 8;
const TILE_ROWS = 5;
/** Tiles that pass together through transform, products and back: bench/winograd.bench.ts. */
const BLOCK_TILES = 64;
/** For the planes of a kernel's gradient: most of a 1 MB second-level cache. */
const GRADIENT_BLOCK_BYTES = 768 * 1024;
const KERNEL_SCRATCH_BYTES = 27 * 32 * 32;
/** Depth of a packed tile: DEPTH in assembly/matmul.ts. */
const PACKED_BYTES = 5 * 256 * 4;

/** Y = conv2d(X, W) + b. */
export function winogradForward(
  recorder: Recorder,
  x: WasmTensor,
  kernel: WasmTensor,
  bias: WasmTensor | undefined,
  window: Window2D,
): WasmTensor {
  const [images, height, width, channels] = x.shape;
  const filters = kernel.shape[3];
  const geometry = windowGeometry("conv2d", height, width, window);
  const u = recorder.tensor([planeFloats(channels * filters)]);
  recorder.record(
    "winogradKernel",
    byRows(filters / PANEL),
    out(u),
    all(kernel),
    scratch(KERNEL_SCRATCH_BYTES),
    channels,
    filters,
  );
  const y = recorder.tensor([images, geometry.outHeight, geometry.outWidth, filters]);
  recordConvolution(recorder, y, x, u, bias, geometry.padTop, geometry.padLeft);
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
  const [, , channels, filters] = kernel.shape;
  const u = recorder.tensor([planeFloats(channels * filters)]);
  recorder.record(
    "winogradKernelTransposed",
    byRows(channels / PANEL),
    out(u),
    all(kernel),
    scratch(KERNEL_SCRATCH_BYTES),
    channels,
    filters,
  );
  const dX = recorder.tensor(xShape);
  // x[i] meets dY[i + pad − k] for k = 0, 1, 2: padding 2 − pad turns that into a convolution.
  recordConvolution(recorder, dX, dY, u, undefined, 2 - geometry.padTop, 2 - geometry.padLeft);
  return dX;
}

function recordConvolution(
  recorder: Recorder,
  y: WasmTensor,
  x: WasmTensor,
  u: WasmTensor,
  bias: WasmTensor | undefined,
  padTop: number,
  padLeft: number,
): void {
  const [images, height, width, channels] = x.shape;
  const [, outHeight, outWidth, filters] = y.shape;
  const tilesWide = tilesOf(outWidth);
  const blockRows = Math.max(1, Math.min(Math.floor(BLOCK_TILES / tilesWide), images * tilesOf(outHeight)));
  const blockTiles = blockRows * tilesWide;
  const blockBytes = POINTS * (blockTiles * (channels + filters) * 4 + 2 * GAP_BYTES);
  const stripeBytes = 6 * ((4 * tilesWide + 2) * channels * 4 + GAP_BYTES);
  const zeroBytes = Math.max(width * channels, filters) * 4;
  recorder.record(
    "winogradConvolution",
    byImages(images),
    out(y),
    own(x),
    all(u),
    bias ? all(bias) : 0,
    scratch(blockBytes + stripeBytes + zeroBytes + (24 + 1) * filters * 4),
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
  const filters = kernelShape[3];
  const tilesWide = tilesOf(outWidth);
  const tiles = images * tilesOf(outHeight) * tilesWide;

  const v = recorder.tensor([planeFloats(tiles * channels)]);
  recorder.record(
    "winogradInputTiles",
    byImages(images),
    out(v),
    own(x),
    scratch(6 * ((4 * tilesWide + 2) * channels * 4 + GAP_BYTES) + width * channels * 4),
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
    scratch(6 * (4 * tilesWide * filters * 4 + GAP_BYTES) + outWidth * filters * 4),
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
    scratch(blockRows * rowBytes + POINTS * GAP_BYTES + 18 * filters * 4 + PACKED_BYTES),
    channels,
    filters,
    tiles,
    blockRows,
  );
  return dKernel;
}

function tilesOf(size: number): number {
  return Math.ceil(size / 4);
}

/** Floats of 36 planes of `count` values. */
function planeFloats(count: number): number {
  return POINTS * (count + GAP_FLOATS);
}
