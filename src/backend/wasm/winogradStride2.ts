/**
 * 3×3 convolutions of stride 2 by Winograd's method on the polyphase form: see assembly/winogradStride2.ts for the kernels and
 * docs/winograd.md for the mathematics. Sizes of scratch memory here follow the kernels' heads.
 */
import { type Padding, type Pair, type Shape, type Window2D, windowGeometry } from "../../shape.js";
import type { ConvolutionGradients, GradientWishes } from "../backend.js";
import { PACKED_BYTES, PANEL } from "./blocks.js";
import { all, byImages, byRows, outAll, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { channelSums } from "./sums.js";

const POINTS = 5;
/** Products of a tile of 4×4 outputs: five points for the even and four for the odd rows, and columns. */
const PRODUCTS = 81;
const PLANES = POINTS * POINTS;
/** Bytes and floats behind each plane: see GAP in assembly/winogradStride2.ts. */
const GAP_BYTES = 64;
const GAP_FLOATS = 16;
const KERNEL_ROWS = 32;
/**
 * Channels in a chunk, panels of eight results and tiles that are computed together: 81·chunk·8·group floats of transformed kernels
 * stay in a second-level cache of 1 MB. Forward, a product's depth is up to four times the chunk. bench/winograd.bench.ts
 */
const FORWARD = { chunk: 64, group: 4, tiles: 128 };
const INPUT_GRADIENT = { chunk: 256, group: 1, tiles: 128 };
/** Channels and filters of the kernel's gradient that go together: the fewer, the more often V is packed. */
const KERNEL_GRADIENT = { rows: 64, columns: 128 };

/** Products of all three passes, of whole tiles at the edges too, as a share of the direct form's nine an output. */
export function stride2Products(x: Shape, window: Window2D): number {
  const { outHeight, outWidth } = windowGeometry("conv2d", x[1], x[2], window);
  const [tilesHigh, tilesWide] = gradientTiles(x, window);
  const tiles = 2 * tilesOf(outHeight) * tilesOf(outWidth) + tilesHigh * tilesWide;
  return (PRODUCTS * tiles) / (3 * 9 * outHeight * outWidth);
}

export interface WinogradStride2 {
  /** Y = conv2d(X, W) + b. */
  forward(x: WasmTensor, kernel: WasmTensor, bias: WasmTensor | undefined, window: Window2D): WasmTensor;
  gradients(
    x: WasmTensor,
    kernel: WasmTensor,
    dY: WasmTensor,
    window: Window2D,
    wishes: GradientWishes,
  ): ConvolutionGradients<WasmTensor>;
}

/** V, 81/64 of X and the edges, is kept from forward for the kernel's gradient: X must not change in between. */
export function winogradStride2(recorder: Recorder): WinogradStride2 {
  const kept = new Map<WasmTensor, { padding: Padding; v: WasmTensor }>();
  return {
    forward(x, kernel, bias, window) {
      const v = inputTiles(recorder, x, window);
      kept.set(x, { padding: window.padding, v });
      return forward(recorder, x.shape, v, kernel, bias, window);
    },
    gradients(x, kernel, dY, window, wishes) {
      const input = kept.get(x);
      const v = input?.padding === window.padding ? input.v : inputTiles(recorder, x, window);
      return {
        dX: wishes.dX ? inputGradient(recorder, x.shape, kernel, dY, window) : undefined,
        dKernel: kernelGradient(recorder, v, kernel.shape, dY),
        dBias: wishes.dBias ? channelSums(recorder, dY) : undefined,
      };
    },
  };
}

/** Y = conv2d(X, W) + b. */
function forward(
  recorder: Recorder,
  xShape: Shape,
  v: WasmTensor,
  kernel: WasmTensor,
  bias: WasmTensor | undefined,
  window: Window2D,
): WasmTensor {
  const [images, height, width, channels] = xShape;
  const filters = kernel.shape[3];
  const { outHeight, outWidth } = windowGeometry("conv2d", height, width, window);
  const tilesWide = tilesOf(outWidth);
  const rows = images * tilesOf(outHeight);
  const y = recorder.tensor([images, outHeight, outWidth, filters]);
  const sizes = cut(FORWARD, channels, filters / PANEL, rows, tilesWide);
  recorder.record(
    "winogradStride2Forward",
    byRows(filters / PANEL),
    outAll(y),
    all(v),
    all(kernel),
    bias ? all(bias) : 0,
    scratch(kernelBytes(sizes.group) + panelBytes(sizes, channels, PLANES, rows, tilesWide) + 2 * PANEL * 4),
    images,
    channels,
    filters,
    outHeight,
    outWidth,
    sizes.chunk,
    sizes.group,
    sizes.blockRows,
  );
  return y;
}

function inputTiles(recorder: Recorder, x: WasmTensor, window: Window2D): WasmTensor {
  const [images, height, width, channels] = x.shape;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("conv2d", height, width, window);
  const tilesWide = tilesOf(outWidth);
  const chunk = Math.min(FORWARD.chunk, channels);
  const values = PRODUCTS * images * tilesOf(outHeight) * tilesWide * channels;
  const v = recorder.tensor([values + PLANES * GAP_FLOATS * Math.ceil(channels / chunk)]);
  const stripeBytes = 9 * ((8 * tilesWide + 1) * channels * 4 + GAP_BYTES);
  recorder.record(
    "winogradStride2InputTiles",
    byImages(images),
    outAll(v),
    own(x),
    scratch(stripeBytes + width * channels * 4),
    images,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    padTop,
    padLeft,
    chunk,
  );
  return v;
}

function inputGradient(
  recorder: Recorder,
  xShape: Shape,
  kernel: WasmTensor,
  dY: WasmTensor,
  window: Window2D,
): WasmTensor {
  const [images, height, width, channels] = xShape;
  const [, outHeight, outWidth, filters] = dY.shape;
  const { padTop, padLeft } = windowGeometry("conv2d", height, width, window);
  const [tilesHigh, tilesWide] = gradientTiles(xShape, window);
  const rows = images * tilesHigh;
  const v = recorder.tensor([PLANES * (rows * tilesWide * filters + GAP_FLOATS)]);
  recorder.record(
    "winogradStride2ReversedTiles",
    byImages(images),
    outAll(v),
    own(dY),
    scratch(POINTS * ((4 * tilesWide + 1) * filters * 4 + GAP_BYTES) + outWidth * filters * 4),
    images,
    outHeight,
    outWidth,
    filters,
    tilesHigh,
    tilesWide,
  );
  const dX = recorder.tensor(xShape);
  const sizes = cut(INPUT_GRADIENT, filters, channels / PANEL, rows, tilesWide);
  recorder.record(
    "winogradStride2InputGradient",
    byRows(channels / PANEL),
    outAll(dX),
    all(v),
    all(kernel),
    scratch(
      kernelBytes(sizes.group) +
        panelBytes(sizes, filters, PRODUCTS, rows, tilesWide) +
        (tilesWide + 1) * PANEL * 4,
    ),
    images,
    height,
    width,
    channels,
    filters,
    padTop,
    padLeft,
    tilesHigh,
    tilesWide,
    sizes.chunk,
    sizes.group,
    sizes.blockRows,
  );
  return dX;
}

function kernelGradient(recorder: Recorder, v: WasmTensor, kernelShape: Shape, dY: WasmTensor): WasmTensor {
  const [images, outHeight, outWidth, filters] = dY.shape;
  const channels = kernelShape[2];
  const tilesWide = tilesOf(outWidth);
  const tiles = images * tilesOf(outHeight) * tilesWide;
  const z = recorder.tensor([PLANES * (tiles * filters + GAP_FLOATS)]);
  recorder.record(
    "winogradStride2GradientTiles",
    byImages(images),
    outAll(z),
    own(dY),
    scratch(POINTS * (4 * tilesWide * filters * 4 + GAP_BYTES) + outWidth * filters * 4),
    images,
    outHeight,
    outWidth,
    filters,
  );
  const dKernel = recorder.tensor(kernelShape);
  const rows = Math.min(KERNEL_GRADIENT.rows, channels);
  const columns = Math.min(KERNEL_GRADIENT.columns, filters);
  recorder.record(
    "winogradStride2KernelGradient",
    byRows(channels, PANEL),
    outAll(dKernel),
    all(v),
    all(z),
    scratch(PRODUCTS * (rows * columns * 4 + GAP_BYTES) + PACKED_BYTES),
    channels,
    filters,
    tiles,
    Math.min(FORWARD.chunk, channels),
    rows,
    columns,
  );
  return dKernel;
}

interface Cut {
  readonly chunk: number;
  readonly group: number;
  readonly blockRows: number;
}

/** How a product of `depth` channels and `panels` panels is cut; `rows` rows of tiles. */
function cut(
  { chunk, group, tiles }: typeof FORWARD,
  depth: number,
  panels: number,
  rows: number,
  tilesWide: number,
): Cut {
  return {
    chunk: Math.min(chunk, depth),
    group: Math.min(group, panels),
    blockRows: Math.min(Math.max(1, Math.floor(tiles / tilesWide)), rows),
  };
}

/** The taps of a group of panels, and their transform half-way: assembly/winogradStride2Tiles.ts. */
function kernelBytes(group: number): number {
  return (9 * group + 27) * KERNEL_ROWS * PANEL * 4;
}

/** U and M of a group of panels. */
function panelBytes(
  { chunk, group, blockRows }: Cut,
  depth: number,
  planes: number,
  rows: number,
  wide: number,
) {
  const kernels = PRODUCTS * chunk * PANEL * 4 + PLANES * GAP_BYTES;
  const kept = chunk < depth ? rows : blockRows;
  return group * (kernels + planes * (kept * wide * PANEL * 4 + GAP_BYTES));
}

/** Tiles of 8×8 of dX, down and across: row 2j − pad is even, 2j + 1 − pad odd, and so many j have one of them inside. */
function gradientTiles([, height, width]: Shape, window: Window2D): Pair {
  const { padTop, padLeft } = windowGeometry("conv2d", height, width, window);
  const count = (size: number, pad: number) => tilesOf(Math.floor((size - 1 + pad) / 2) + 1);
  return [count(height, padTop), count(width, padLeft)];
}

function tilesOf(size: number): number {
  return Math.ceil(size / 4);
}
