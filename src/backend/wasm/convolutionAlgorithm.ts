/** Which algorithm computes a convolution: decided here alone, from what the benchmarks in bench/ measure. */
import { type Shape, type Window2D, windowGeometry } from "../../shape.js";
import { PANEL } from "./blocks.js";
import { stride2Products } from "./winogradStride2.js";

export type ConvolutionAlgorithm =
  /** Matrix products: any window. conv2d.ts */
  | "direct"
  /** F(4×4, 3×3), F(2×4, 5×5) or F(2×2, 5×5), tile by tile. winograd.ts */
  | "winograd"
  /** Winograd with one tile for the whole of a small map. winogradMap.ts */
  | "winogradMap"
  /** F(4, 3) or F(4, 5) along the width, for few filters or channels; dX by direct sums. winogradRows.ts */
  | "winogradRows"
  /** The same forward alone: of small pictures dKernel, too, is quicker by direct sums. */
  | "winogradRowsForward"
  /** Stride 2, on even and odd rows and columns apart. winogradStride2.ts */
  | "winogradStride2";

/** How much larger roundings are than those of direct sums of independent terms, in Y and dX, and in dKernel. */
export interface Amplification {
  readonly forward: number;
  readonly gradient: number;
}

/** Sides that `winogradMap` knows; each with its amplification along one axis: test/winogradMap.test.ts. */
const MAP_SIDES: Readonly<Record<number, Amplification>> = {
  2: { forward: 2, gradient: 3 },
  4: { forward: 6.8, gradient: 5.7 },
  5: { forward: 16.8, gradient: 11.8 },
};
/** Rows of outputs of Winograd's tiles by the side of the kernel. */
const TILE_HEIGHTS: Readonly<Record<number, number>> = { 3: 4, 5: 2 };
/** Terms of a sum up to which F(2×4, 5×5) keeps within 5e-6 of the largest result: test/winograd.test.ts. */
const MOST_TERMS_OF_WIDE = 128;
/** With fewer channels or filters the transforms cost more than the products that they save. */
const MAP_LEAST_CHANNELS = 64;
const LEAST_CHANNELS = 16;
/** Of kernels along the width: kernel rows that a transformed row of the picture must meet. */
const ROWS_LEAST_USES = 2;
/**
 * Tiles of a picture from which they pay, forward and for dKernel: of fewer filters than a panel, which waste lanes of direct sums; of one
 * or two channels; of one panel of filters; of more whole panels; else. bench/winogradRows.bench.ts
 */
const ROWS_LEAST_TILES = {
  fewFilters: [32, 32],
  fewChannels: [128, 128],
  onePanel: [32, 32],
  panels: [16, 16],
  other: [16, 36],
};
/** And the most sums for dKernel that each image may have, half a megabyte: more leave the cache, and a batch's take much memory. */
const ROWS_MOST_SUMS = 128 * 1024;
/** Winograd's products, of whole tiles at the edges too, as a share of the direct ones, up to which it pays. */
const MOST_PRODUCTS = 0.7;

/** @param x [N, H, W, C]  @param kernel [kh, kw, C, F] */
export function chooseAlgorithm(x: Shape, kernel: Shape, window: Window2D): ConvolutionAlgorithm {
  const [, height, width, channels] = x;
  const [kernelHeight, kernelWidth, , filters] = kernel;
  const [stride, strideWidth] = window.strides;
  if (channels % PANEL !== 0 || filters % PANEL !== 0) return alongRows(x, filters, window);
  if (kernelHeight !== kernelWidth || stride !== strideWidth) return alongRows(x, filters, window);
  const least = Math.min(channels, filters);
  if (kernelHeight === 3 && stride === 2) {
    const pays = least >= LEAST_CHANNELS && stride2Products(x, window) <= MOST_PRODUCTS;
    return pays ? "winogradStride2" : "direct";
  }
  if (!(kernelHeight in TILE_HEIGHTS) || stride !== 1) return alongRows(x, filters, window);
  const small = kernelHeight === 3 && window.padding === "same" && height in MAP_SIDES && width in MAP_SIDES;
  if (small && least >= MAP_LEAST_CHANNELS) return "winogradMap";
  const { outHeight, outWidth } = windowGeometry("conv2d", height, width, window);
  const wide = winogradTileWidth(x, kernel);
  const tiles = Math.ceil(outHeight / TILE_HEIGHTS[kernelHeight]) * Math.ceil(outWidth / wide);
  const points = 6 * (wide + kernelWidth - 1);
  const products = (points * tiles) / (kernelHeight * kernelWidth * outHeight * outWidth);
  if (least >= LEAST_CHANNELS && products <= MOST_PRODUCTS) return "winograd";
  return alongRows(x, filters, window);
}

/** Outputs of Winograd's tiles along the width, in all passes. @param x [N, H, W, C]  @param kernel [k, k, C, F] */
export function winogradTileWidth([, , width]: Shape, [k, , channels, filters]: Shape): 2 | 4 {
  if (k === 3) return 4;
  return width > 2 && Math.max(channels, filters) <= MOST_TERMS_OF_WIDE ? 4 : 2;
}

/** Whether F(4, 3) or F(4, 5) along the width pays, and in which passes. */
function alongRows(
  [, height, width, channels]: Shape,
  filters: number,
  window: Window2D,
): "winogradRows" | "winogradRowsForward" | "direct" {
  const [kernelHeight, kernelWidth] = window.kernel;
  const [stride, strideWidth] = window.strides;
  if (![3, 5].includes(kernelWidth)) return "direct";
  if (strideWidth !== 1 || kernelHeight < ROWS_LEAST_USES * stride) return "direct";
  const { outHeight, outWidth } = windowGeometry("conv2d", height, width, window);
  const tilesWide = Math.ceil(outWidth / 4);
  if (((kernelWidth + 3) * tilesWide) / (kernelWidth * outWidth) > MOST_PRODUCTS) return "direct";
  const tiles = outHeight * tilesWide;
  const [forward, gradient] = ROWS_LEAST_TILES[rowsKind(channels, filters)];
  const sums = (kernelWidth + 3) * kernelHeight * channels * filters;
  if (tiles >= gradient && sums <= ROWS_MOST_SUMS) return "winogradRows";
  return tiles >= forward ? "winogradRowsForward" : "direct";
}

function rowsKind(channels: number, filters: number): keyof typeof ROWS_LEAST_TILES {
  if (filters < PANEL) return "fewFilters";
  if (channels < 3) return "fewChannels";
  if (filters % PANEL !== 0) return "other";
  return filters === PANEL ? "onePanel" : "panels";
}

export function amplificationOf(algorithm: ConvolutionAlgorithm, x: Shape, kernel: Shape): Amplification {
  switch (algorithm) {
    case "direct":
      return { forward: 1, gradient: 1 };
    case "winograd": // test/winograd.test.ts
      if (kernel[0] === 3) return { forward: 7.1, gradient: 7.1 };
      if (winogradTileWidth(x, kernel) === 2) return { forward: 5.6, gradient: 9.5 };
      return { forward: 12.9, gradient: 18.5 };
    case "winogradRows": // test/winogradRows.test.ts
      return kernel[1] === 3 ? { forward: 2.7, gradient: 2.45 } : { forward: 5.5, gradient: 6 };
    case "winogradRowsForward":
      return { ...amplificationOf("winogradRows", x, kernel), gradient: 1 };
    case "winogradStride2": // test/winogradStride2.test.ts; the gradients' is that of dX
      return { forward: 4.35, gradient: 5.5 };
    case "winogradMap": {
      const [high, wide] = [MAP_SIDES[x[1]], MAP_SIDES[x[2]]];
      return {
        forward: Math.sqrt(high.forward * wide.forward),
        gradient: Math.sqrt(high.gradient * wide.gradient),
      };
    }
  }
}
