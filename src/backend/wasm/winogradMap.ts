/**
 * Records Winograd convolution of whole small maps: 3×3, stride 1, same padding, sides of 2, 4 or 5. V and Z are
 * transformed by images; products are cut by filters, the kernel's gradient by channels. Layouts and derivation: assembly/winogradMap.ts,
 * docs/winograd.md.
 */
import type { Shape } from "../../shape.js";
import type { ConvolutionGradients, GradientWishes } from "../backend.js";
import { PACKED_BYTES, PANEL, TILE_ROWS } from "./blocks.js";
import { all, byImages, byRows, outAll, own, type Recorder, scratch, type WasmTensor } from "./recorder.js";
import { channelSums } from "./sums.js";

/** Products for an axis of a size: assembly/winogradMapLines.ts. */
const POINTS: Readonly<Record<number, number>> = { 2: 3, 4: 6, 5: 7 };
const GAP_BYTES = 64;
const KERNEL_ROWS = 32;
/** For a transformed piece of the kernel, and of its gradient: most of a 1 MB second-level cache. */
const CHUNK_BYTES = 768 * 1024;
/**
 * Terms that are added up before they join the sum, where size 5 amplifies roundings 16.8 times: shorter sums round less.
 * 64 at 384 channels give 2.5e-6 of max|Y|, one sum 7e-6.
 */
const AMPLIFIED_DEPTH = 64;
/** Elsewhere: such a piece of V and a panel of U lie in the first-level cache together. */
const DEPTH = 128;
/** Filters that one pass over V serves: more leave workers without work. */
const MOST_PANELS = 8;
export interface WinogradMap {
  /** Y = conv2d(X, W) + b. */
  forward(x: WasmTensor, kernel: WasmTensor, bias: WasmTensor | undefined): WasmTensor;
  gradients(
    x: WasmTensor,
    kernel: WasmTensor,
    dY: WasmTensor,
    wishes: GradientWishes,
  ): ConvolutionGradients<WasmTensor>;
}

export function winogradMap(recorder: Recorder): WinogradMap {
  /** V = Bᵀ x B of an input, kept from forward for the kernel's gradient. */
  const inputs = new Map<WasmTensor, WasmTensor>();

  function input(x: WasmTensor): WasmTensor {
    const [images, height, width, channels] = x.shape;
    const v = recorder.tensor([planes(x.shape), planeFloats(images * channels)]);
    recorder.record(
      "mapInput",
      byImages(images),
      outAll(v),
      own(x),
      scratch(POINTS[height] * width * channels * 4),
      images,
      height,
      width,
      channels,
    );
    return v;
  }

  /** The convolution of what v was made of, [N, H, W, C], with a kernel [3, 3, C, F], or transposed [3, 3, F, C]. */
  function convolution(
    [images, height, width, channels]: Shape,
    v: WasmTensor,
    kernel: WasmTensor,
    bias: WasmTensor | undefined,
    transposed: boolean,
  ): WasmTensor {
    const filters = kernel.shape[transposed ? 2 : 3];
    const y = recorder.tensor([images, height, width, filters]);
    const points = POINTS[height] * POINTS[width];
    const depth = Math.min(channels, height === 5 || width === 5 ? AMPLIFIED_DEPTH : DEPTH);
    const panelBytes = points * depth * PANEL * 4;
    const chunk = Math.max(1, Math.min(MOST_PANELS, filters / PANEL, Math.floor(CHUNK_BYTES / panelBytes)));
    const productBytes = points * (images * chunk * PANEL * 4 + 2 * GAP_BYTES);
    const tapBytes = (9 * chunk + 3 * POINTS[height]) * KERNEL_ROWS * PANEL * 4;
    const halfBytes = height * POINTS[width] * chunk * PANEL * 4;
    recorder.record(
      "mapConvolution",
      byRows(filters / PANEL),
      outAll(y),
      all(v),
      all(kernel),
      bias ? all(bias) : 0,
      scratch(chunk * panelBytes + productBytes + tapBytes + halfBytes),
      images,
      height,
      width,
      channels,
      filters,
      transposed ? 1 : 0,
      depth,
      chunk,
    );
    return y;
  }

  function kernelGradient(v: WasmTensor, dY: WasmTensor, kernelShape: Shape): WasmTensor {
    const [images, height, width, filters] = dY.shape;
    const channels = kernelShape[2];
    const points = planes(dY.shape);
    const z = recorder.tensor([points, planeFloats(images * filters)]);
    recorder.record(
      "mapGradient",
      byImages(images),
      outAll(z),
      own(dY),
      scratch(POINTS[height] * width * filters * 4),
      images,
      height,
      width,
      filters,
    );
    const dKernel = recorder.tensor(kernelShape);
    const rowBytes = points * filters * 4;
    const rows = TILE_ROWS * Math.max(1, Math.floor(CHUNK_BYTES / rowBytes / TILE_ROWS));
    recorder.record(
      "mapKernelGradient",
      byRows(channels, TILE_ROWS),
      outAll(dKernel),
      all(v),
      all(z),
      scratch(rows * rowBytes + points * GAP_BYTES + 3 * POINTS[width] * filters * 4 + PACKED_BYTES),
      images,
      height,
      width,
      channels,
      filters,
      rows,
    );
    return dKernel;
  }

  return {
    forward(x, kernel, bias) {
      const v = input(x);
      inputs.set(x, v);
      return convolution(x.shape, v, kernel, bias, false);
    },
    gradients(x, kernel, dY, wishes) {
      return {
        dX: wishes.dX ? convolution(dY.shape, input(dY), kernel, undefined, true) : undefined,
        dKernel: kernelGradient(inputs.get(x) ?? input(x), dY, kernel.shape),
        dBias: wishes.dBias ? channelSums(recorder, dY) : undefined,
      };
    },
  };
}

function planes(x: Shape): number {
  return POINTS[x[1]] * POINTS[x[2]];
}

/** Floats of a plane of `count` values. */
function planeFloats(count: number): number {
  return count + GAP_BYTES / 4;
}
