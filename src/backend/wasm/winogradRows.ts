/**
 * Convolutions of few filters or channels by Winograd's F(4, 3) or F(4, 5) along the width: see assembly/winogradRows.ts and
 * winogradRowsPanels.ts for the kernels, docs/winograd.md for the derivation.
 */
import { type Shape, type Window2D, windowGeometry } from "../../shape.js";
import { PANEL } from "./blocks.js";
import { all, byImages, byRows, out, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";

/** Outputs of a tile. */
const SIDE = 4;
/** Bytes behind each plane; and vectors of tiles of a block: see GAP and BLOCK in assembly/winogradRows.ts. */
const GAP_BYTES = 64;
const BLOCK = 24;
/** With panels of filters: tiles whose products wait for their transform, see BLOCK in assembly/winogradRowsPanels.ts; */
const PRODUCT_TILES = 12;
/** and tiles of a block of whole rows whose slopes are transformed before they are multiplied. bench/winogradRows.bench.ts */
const SLOPE_TILES = 96;
/** Tiles of a band of rows: as many as a sum of the kernel's gradient should have: bench/winogradRows.bench.ts */
const BAND_TILES = 256;
/** Rows of a band of wide pictures: fewer would transform most rows of the picture twice. */
const LEAST_ROWS = 8;

export function winogradRows(recorder: Recorder) {
  return {
    /** Y = conv2d(X, W) + b. */
    forward(x: WasmTensor, kernel: WasmTensor, bias: WasmTensor | undefined, window: Window2D): WasmTensor {
      const { sizes, outHeight, outWidth, inputBytes, kernelBytes, panels, ...size } = measure(
        x.shape,
        kernel.shape,
        window,
      );
      const filters = kernel.shape[3];
      const y = recorder.tensor([x.shape[0], outHeight, outWidth, filters]);
      const productBytes = panels
        ? filters * 8 + size.points * (PRODUCT_TILES * filters * 4 + GAP_BYTES)
        : (size.points + SIDE) * filters * BLOCK * 16 + size.bandTiles * SIDE * filters * 4;
      recorder.record(
        panels ? "winogradRowsPanelsForward" : "winogradRowsForward",
        byImages(x.shape[0]),
        out(y),
        own(x),
        all(kernel),
        bias ? all(bias) : 0,
        scratch(inputBytes + kernelBytes + productBytes),
        ...sizes,
      );
      return y;
    },

    /** dW = Gᵀ·Σ V ⊙ (A·dY): for each image what it adds, and then their sum. */
    kernelGradient(x: WasmTensor, kernelShape: Shape, dY: WasmTensor, window: Window2D): WasmTensor {
      const { sizes, points, depth, bandTiles, blockRows, blockTiles, inputBytes, panels } = measure(
        x.shape,
        kernelShape,
        window,
      );
      const [kernelHeight, kernelWidth, channels, filters] = kernelShape;
      const [images] = x.shape;
      const values = points * depth * filters;
      const sums = recorder.tensor([images, values + 4]);
      const slopeBytes = panels
        ? SIDE * filters * 4 + points * (blockTiles * filters * 4 + (filters / PANEL) * GAP_BYTES)
        : points * (bandTiles * filters * 4 + GAP_BYTES) +
          SIDE * filters * 16 +
          bandTiles * SIDE * filters * 4 +
          values * 16;
      recorder.record(
        panels ? "winogradRowsPanelsKernelSums" : "winogradRowsKernelSums",
        byImages(images),
        out(sums),
        own(x),
        own(dY),
        scratch(inputBytes + slopeBytes),
        ...sizes,
        ...(panels ? [blockRows] : []),
      );
      const dKernel = recorder.tensor(kernelShape);
      recorder.record(
        "winogradRowsKernelGradient",
        byRows(kernelHeight),
        out(dKernel),
        all(sums),
        scratch((points + kernelWidth + 1) * Math.ceil((channels * filters) / 4) * 16),
        images,
        depth,
        channels,
        filters,
        kernelWidth,
      );
      return dKernel;
    },
  };
}

/** The sizes that all kernels take, in their order, and the scratch that they need. */
function measure(x: Shape, [kernelHeight, kernelWidth, , filters]: Shape, window: Window2D) {
  const [, height, width, channels] = x;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("conv2d", height, width, window);
  const panels = filters % PANEL === 0;
  const points = kernelWidth + SIDE - 1;
  const strideHeight = window.strides[0];
  const tilesWide = Math.ceil(outWidth / SIDE);
  const most = Math.max(LEAST_ROWS, Math.floor(BAND_TILES / tilesWide));
  const bandRows = Math.ceil(outHeight / Math.ceil(outHeight / most));
  const blockRows = Math.max(1, Math.min(bandRows, Math.floor(SLOPE_TILES / tilesWide)));
  const depth = panels ? kernelHeight * channels : wholeDepth(kernelHeight * channels);
  const vectors = Math.ceil(tilesWide / 4) + 1;
  const lineBytes = 2 * vectors * 16 * SIDE * channels;
  const phaseRows = bandRows + Math.floor((kernelHeight - 1) / strideHeight);
  const phaseBytes = phaseRows * tilesWide * 4 + 16 + GAP_BYTES;
  const sizes = [
    height,
    width,
    channels,
    outHeight,
    outWidth,
    filters,
    kernelHeight,
    kernelWidth,
    strideHeight,
    padTop,
    padLeft,
    bandRows,
  ];
  return {
    sizes,
    panels,
    points,
    depth,
    outHeight,
    outWidth,
    /** In whole vectors. */
    bandTiles: Math.ceil((bandRows * tilesWide) / 4) * 4,
    blockRows,
    blockTiles: blockRows * tilesWide,
    /** Offsets, a padded row and its lanes, V. */
    inputBytes: depth * 4 + 16 + lineBytes + points * channels * strideHeight * phaseBytes,
    /** U, and a copy of the kernel. */
    kernelBytes:
      (points + kernelWidth) * kernelHeight * channels * filters * 4 + (points + 1) * GAP_BYTES + 2 * 16,
  };
}

/** Window rows and channels, filled up to what the tiles of the gradient can cover. */
function wholeDepth(depth: number): number {
  return depth === 5 ? 6 : Math.max(3, depth);
}
