/** Convolution: Winograd's form where it pays, otherwise matrix products. */
import { type Pair, type Shape, sizeOf, type Window2D, windowAxis, windowGeometry } from "../../shape.js";
import type { Backend } from "../backend.js";
import { DEPTH, EDGE_BYTES, PANEL, TILE_ROWS } from "./blocks.js";
import { chooseAlgorithm } from "./convolutionAlgorithm.js";
import {
  all,
  byImages,
  byRows,
  out,
  outAll,
  own,
  type Recorder,
  scratch,
  type WasmTensor,
} from "./recorder.js";
import { channelSums } from "./sums.js";
import { winogradForward, winogradGradients } from "./winograd.js";
import { winogradMap } from "./winogradMap.js";
import { winogradRows } from "./winogradRows.js";
import { winogradStride2 } from "./winogradStride2.js";

/** A block of products before col2im: half of a 1 MB second-level cache. bench/conv2d.bench.ts */
const BLOCK_BYTES = 512 * 1024;
const MOST_ROWS = 120;
/** Positions of a block of whole pictures, where pictures are smaller: bench/conv2d.bench.ts */
const BLOCK = 240;
/** Share of taps inside the picture up to which leaving out the others pays: bench/conv2d.bench.ts */
const MOST_INSIDE = 0.95;
/** Up to so many filters products are too small to pay for packing and scattering: bench/conv2d.bench.ts */
const NARROW = 32;
/** Weights of a kernel small enough to pass once for each row of dX: bench/conv2d.bench.ts */
const MOST_BY_ROWS = 4096;

export function convolutionOps(recorder: Recorder): Pick<Backend<WasmTensor>, "conv2d" | "conv2dGradients"> {
  const direct = directConvolution(recorder);
  const map = winogradMap(recorder);
  const rows = winogradRows(recorder);
  const stride2 = winogradStride2(recorder);
  const choose = (x: WasmTensor, kernel: WasmTensor, window: Window2D) =>
    recorder.exact ? "direct" : chooseAlgorithm(x.shape, kernel.shape, window);
  return {
    conv2d(x, kernel, bias, window) {
      switch (choose(x, kernel, window)) {
        case "direct":
          return direct.forward(x, kernel, bias, window);
        case "winograd":
          return winogradForward(recorder, x, kernel, bias, window);
        case "winogradMap":
          return map.forward(x, kernel, bias);
        case "winogradRows":
        case "winogradRowsForward":
          return rows.forward(x, kernel, bias, window);
        case "winogradStride2":
          return stride2.forward(x, kernel, bias, window);
      }
    },

    conv2dGradients(x, kernel, dY, window, wishes) {
      switch (choose(x, kernel, window)) {
        case "direct":
        case "winogradRowsForward":
          return {
            dX: wishes.dX ? direct.inputGradient(x.shape, kernel, dY, window) : undefined,
            dKernel: direct.kernelGradient(x, kernel.shape, dY, window),
            dBias: wishes.dBias ? channelSums(recorder, dY) : undefined,
          };
        case "winograd":
          return winogradGradients(recorder, x, kernel, dY, window, wishes);
        case "winogradMap":
          return map.gradients(x, kernel, dY, wishes);
        case "winogradRows":
          return {
            dX: wishes.dX ? direct.inputGradient(x.shape, kernel, dY, window) : undefined,
            dKernel: rows.kernelGradient(x, kernel.shape, dY, window),
            dBias: wishes.dBias ? channelSums(recorder, dY) : undefined,
          };
        case "winogradStride2":
          return stride2.gradients(x, kernel, dY, window, wishes);
      }
    },
  };
}

/** Any kernel size, strides and padding. */
export function directConvolution(recorder: Recorder) {
  return {
    forward(x: WasmTensor, kernel: WasmTensor, bias: WasmTensor | undefined, window: Window2D): WasmTensor {
      const { sizes, depth, filters, geometry, paddedHeight, paddedWidth } = measure(
        x.shape,
        kernel.shape,
        window,
      );
      const { outHeight, outWidth } = geometry;
      const y = recorder.tensor([x.shape[0], outHeight, outWidth, filters]);
      if (filters < PANEL && window.strides[1] === 1) {
        const lanes = Math.max(8, Math.ceil(outWidth / 4) * 4);
        const planes = x.shape[3] * paddedHeight * (lanes + window.kernel[1] - 1);
        recorder.record(
          "fewFiltersForward",
          byImages(x.shape[0]),
          out(y),
          own(x),
          all(kernel),
          bias ? all(bias) : 0,
          scratch((depth + filters * lanes + planes) * 4),
          ...sizes,
        );
        return y;
      }
      const panels = packed(recorder, "packKernel", kernel, depth, filters, filters);
      if (sparesPadding(x.shape, kernel.shape, window)) {
        recordInsideTaps(recorder, y, x, panels, bias, window.kernel, geometry.padTop, geometry.padLeft);
        return y;
      }
      const pads = reachesPadding(x.shape, geometry, paddedHeight, paddedWidth);
      const blockImages = Math.min(x.shape[0], Math.max(1, Math.floor(BLOCK / (outHeight * outWidth))));
      const floats =
        blockImages * (outHeight * outWidth + (pads ? paddedHeight * paddedWidth * x.shape[3] : 0)) +
        depth +
        Math.ceil(filters / PANEL) * PANEL;
      recorder.record(
        "conv2dForward",
        byImages(x.shape[0]),
        out(y),
        own(x),
        all(panels),
        bias ? all(bias) : 0,
        scratch(EDGE_BYTES + floats * 4),
        ...sizes,
        pads ? 1 : 0,
        blockImages,
      );
      return y;
    },

    inputGradient(xShape: Shape, kernel: WasmTensor, dY: WasmTensor, window: Window2D): WasmTensor {
      const { sizes, depth, filters, geometry } = measure(xShape, kernel.shape, window);
      const dX = recorder.tensor(xShape);
      if (sparesPadding(xShape, kernel.shape, window)) {
        const [kernelHeight, kernelWidth, channels] = kernel.shape;
        const panels = flipped(recorder, kernel, kernelHeight * kernelWidth, channels);
        const padTop = kernelHeight - 1 - geometry.padTop;
        const padLeft = kernelWidth - 1 - geometry.padLeft;
        recordInsideTaps(recorder, dX, dY, panels, undefined, window.kernel, padTop, padLeft);
        return dX;
      }
      const [kernelHeight, kernelWidth, channels] = kernel.shape;
      if (depth === channels && (filters <= NARROW || window.strides[0] * window.strides[1] === 1)) {
        const panels = packed(recorder, "packKernelTransposed", kernel, depth, filters, depth);
        const strides = sizes.slice(8, 10);
        recorder.record(
          "conv2dInputGradientOfPixels",
          byImages(xShape[0]),
          out(dX),
          own(dY),
          all(panels),
          scratch(EDGE_BYTES),
          ...sizes.slice(0, 6),
          ...strides,
        );
        return dX;
      }
      if (window.strides[0] === 1 && depth * filters <= MOST_BY_ROWS) {
        const panels = flipped(recorder, kernel, kernelHeight, kernelWidth * channels);
        const { outWidth } = geometry;
        const run = Math.ceil((kernelWidth * channels) / PANEL) * PANEL;
        recorder.record(
          "conv2dInputGradientByRows",
          byImages(xShape[0]),
          out(dX),
          own(dY),
          all(panels),
          scratch(EDGE_BYTES + (outWidth + kernelHeight * filters + outWidth * run) * 4),
          ...sizes,
        );
        return dX;
      }
      const panels = packed(recorder, "packKernelTransposed", kernel, depth, filters, depth);
      const rows = blockRows(depth);
      recorder.record(
        "conv2dInputGradient",
        byImages(xShape[0]),
        out(dX),
        own(dY),
        all(panels),
        scratch(EDGE_BYTES + rows * depth * 4),
        ...sizes,
        rows,
      );
      return dX;
    },

    kernelGradient(x: WasmTensor, kernelShape: Shape, dY: WasmTensor, window: Window2D): WasmTensor {
      const { filters, geometry, depth, paddedHeight, paddedWidth } = measure(x.shape, kernelShape, window);
      const { outHeight, outWidth } = geometry;
      const [kernelHeight, kernelWidth, channels] = kernelShape;
      const [images] = x.shape;
      const dKernel = recorder.tensor(kernelShape);
      const padded = paddedImages(recorder, x, geometry, paddedHeight, paddedWidth);
      const sizes = [...padded.shape, outHeight, outWidth, filters, kernelWidth, ...window.strides];
      const blockRows = evenRows(outHeight, outWidth);
      if (filters < PANEL) {
        const pieces = fewFiltersPieces(kernelHeight, kernelWidth * channels, filters);
        recorder.record(
          "fewFiltersKernelGradient",
          byRows(pieces),
          outAll(dKernel),
          all(padded),
          all(dY),
          scratch(blockRows * outWidth * 4 + pieces * 128),
          ...sizes,
          blockRows,
        );
        return dKernel;
      }
      const blockImages = Math.min(images, Math.max(1, Math.floor(DEPTH / (outHeight * outWidth))));
      const positions = blockImages * blockRows * outWidth;
      const columns = Math.ceil(filters / PANEL) * PANEL;
      recorder.record(
        "conv2dKernelGradient",
        byRows(depth),
        out(dKernel),
        all(padded),
        all(dY),
        scratch(EDGE_BYTES + (positions + positions * (columns + (filters > NARROW ? TILE_ROWS : 0))) * 4),
        ...sizes,
        blockImages,
        blockRows,
      );
      return dKernel;
    },
  };
}

/** Whether so many taps fall on padding that a form without them pays: bench/conv2d.bench.ts. */
function sparesPadding(x: Shape, kernel: Shape, window: Window2D): boolean {
  if (window.padding === "valid" || window.strides[0] !== 1 || window.strides[1] !== 1) return false;
  return kernel[2] >= PANEL && insideShare(x[1], kernel[0]) * insideShare(x[2], kernel[1]) <= MOST_INSIDE;
}

/** The share of taps along one axis that do not fall on padding, at stride 1. */
function insideShare(size: number, kernel: number): number {
  const { before } = windowAxis(size, kernel, 1, "same");
  let inside = 0;
  for (let i = 0; i < size; i++) inside += Math.min(kernel, size - i + before) - Math.max(0, before - i);
  return inside / (size * kernel);
}

/** Y = conv2d(X, W) + b from W's panels. */
function recordInsideTaps(
  recorder: Recorder,
  y: WasmTensor,
  x: WasmTensor,
  panels: WasmTensor,
  bias: WasmTensor | undefined,
  [kernelHeight, kernelWidth]: Pair,
  padTop: number,
  padLeft: number,
): void {
  const [images, height, width, channels] = x.shape;
  const [, outHeight, outWidth, filters] = y.shape;
  recorder.record(
    "conv2dInsideTaps",
    byImages(images),
    out(y),
    own(x),
    all(panels),
    bias ? all(bias) : 0,
    scratch(EDGE_BYTES),
    height,
    width,
    channels,
    outHeight,
    outWidth,
    filters,
    kernelHeight,
    kernelWidth,
    padTop,
    padLeft,
  );
}

/** The pictures with zeros around them, as far as windows reach; where there is no padding, the pictures themselves. */
function paddedImages(
  recorder: Recorder,
  x: WasmTensor,
  { padTop, padLeft }: { padTop: number; padLeft: number },
  paddedHeight: number,
  paddedWidth: number,
): WasmTensor {
  const [images, height, width, channels] = x.shape;
  if (!reachesPadding(x.shape, { padTop, padLeft }, paddedHeight, paddedWidth)) return x;
  const padded = recorder.tensor([images, paddedHeight, paddedWidth, channels]);
  recorder.record(
    "padImages",
    byImages(images),
    out(padded),
    own(x),
    height,
    width,
    channels,
    paddedHeight,
    paddedWidth,
    padTop,
    padLeft,
  );
  return padded;
}

function reachesPadding(
  [, height, width]: Shape,
  { padTop, padLeft }: { padTop: number; padLeft: number },
  paddedHeight: number,
  paddedWidth: number,
): boolean {
  return padTop > 0 || padLeft > 0 || paddedHeight > height || paddedWidth > width;
}

/** Panels of the kernel that takes dY back to dX: `taps` flipped, filters and `channels` exchanged. */
function flipped(recorder: Recorder, kernel: WasmTensor, taps: number, channels: number): WasmTensor {
  const filters = kernel.shape[3];
  const count = Math.ceil(channels / PANEL);
  const panels = recorder.tensor([count, taps * filters, PANEL]);
  recorder.record("packKernelFlipped", byRows(count), out(panels), all(kernel), taps, channels, filters);
  return panels;
}

/** Pieces of a kernel's gradient of few filters: window rows × groups of lanes × groups of filters. */
function fewFiltersPieces(kernelHeight: number, run: number, filters: number): number {
  const [lanes, height] = run > 8 ? [16, 2] : [8, 3];
  return kernelHeight * Math.ceil(run / lanes) * Math.ceil(filters / height);
}

/** Output rows of a block of some 256 positions, the blocks of a picture as even as they can be. */
function evenRows(outHeight: number, outWidth: number): number {
  const most = Math.max(1, Math.floor(DEPTH / outWidth));
  return Math.ceil(outHeight / Math.ceil(outHeight / most));
}

/** Positions of a block before col2im: whole tiles of five. */
function blockRows(depth: number): number {
  const fitting = Math.floor(BLOCK_BYTES / (depth * 4) / 5) * 5;
  return Math.max(5, Math.min(MOST_ROWS, fitting));
}

/** The kernel [K, F] in panels of eight columns, or its transpose; once for all workers. */
function packed(
  recorder: Recorder,
  how: string,
  kernel: WasmTensor,
  depth: number,
  filters: number,
  columns: number,
): WasmTensor {
  const count = Math.ceil(columns / PANEL);
  const rows = sizeOf(kernel.shape) / columns;
  const panels = recorder.tensor([count, rows, PANEL]);
  recorder.record(how, byRows(count), out(panels), all(kernel), depth, filters);
  return panels;
}

/** The sizes that all three kernels take, in their order. */
function measure(x: Shape, kernel: Shape, window: Window2D) {
  const [, height, width, channels] = x;
  const [kernelHeight, kernelWidth, , filters] = kernel;
  const geometry = windowGeometry("conv2d", height, width, window);
  const { outHeight, outWidth, padTop, padLeft } = geometry;
  const sizes = [
    height,
    width,
    channels,
    outHeight,
    outWidth,
    filters,
    kernelHeight,
    kernelWidth,
    window.strides[0],
    window.strides[1],
    padTop,
    padLeft,
  ];
  return {
    sizes,
    depth: kernelHeight * kernelWidth * channels,
    filters,
    geometry,
    /** What all windows together cover, padding included. */
    paddedHeight: (outHeight - 1) * window.strides[0] + kernelHeight,
    paddedWidth: (outWidth - 1) * window.strides[1] + kernelWidth,
  };
}
