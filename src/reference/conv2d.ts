/**
 * 2-D convolution by its definition, NHWC:
 *   y[n, i, j, f] = bias[f] + Σ_{a, b, c} x[n, i·sh + a − padTop, j·sw + b − padLeft, c]·kernel[a, b, c, f],
 * where x is zero outside its borders. (Strictly a cross-correlation: the kernel is not flipped, as everywhere in
 * deep learning.)
 */
import { type Window2D, windowGeometry } from "../shape.js";
import { type NDArray, ndarray } from "./ndarray.js";
import { channelSums } from "./sums.js";

/** Which gradients of a convolution or dense layer are worth computing. */
export interface Wishes {
  readonly dX: boolean;
  readonly dBias: boolean;
}

/** dX like x, dKernel like the kernel, dBias [F]; undefined where not wished for. */
export interface KernelGradients {
  readonly dX: NDArray | undefined;
  readonly dKernel: NDArray;
  readonly dBias: NDArray | undefined;
}

/** x [N, H, W, C], kernel [kh, kw, C, F], bias [F] → y [N, Ho, Wo, F]. @throws ShapeError when the window does not fit */
export function conv2d(x: NDArray, kernel: NDArray, bias: NDArray | undefined, window: Window2D): NDArray {
  const [images, height, width] = x.shape;
  const filters = kernel.shape[3];
  const { outHeight, outWidth } = windowGeometry("conv2d", height, width, window);
  const y = ndarray([images, outHeight, outWidth, filters]);
  if (bias) for (let i = 0; i < y.data.length; i++) y.data[i] = bias.data[i % filters];
  eachProduct(x.shape, kernel.shape, window, (xAt, kernelAt, yAt) => {
    y.data[yAt] += x.data[xAt] * kernel.data[kernelAt];
  });
  return y;
}

/**
 * y is a sum of products x·kernel. So each product gives, times its dY,
 *   dKernel += x·dY  at its place in the kernel,   dX += kernel·dY  at its place in x;   dBias = Σ dY.
 */
export function conv2dGradients(
  x: NDArray,
  kernel: NDArray,
  dY: NDArray,
  window: Window2D,
  wishes: Wishes = { dX: true, dBias: true },
): KernelGradients {
  const dX = ndarray(x.shape);
  const dKernel = ndarray(kernel.shape);
  eachProduct(x.shape, kernel.shape, window, (xAt, kernelAt, yAt) => {
    dKernel.data[kernelAt] += x.data[xAt] * dY.data[yAt];
    dX.data[xAt] += kernel.data[kernelAt] * dY.data[yAt];
  });
  return { dX: wishes.dX ? dX : undefined, dKernel, dBias: wishes.dBias ? channelSums(dY) : undefined };
}

/** Visits every product x[xAt]·kernel[kernelAt] that goes into y[yAt]. */
function eachProduct(
  xShape: readonly number[],
  kernelShape: readonly number[],
  window: Window2D,
  visit: (xAt: number, kernelAt: number, yAt: number) => void,
): void {
  const [images, height, width, channels] = xShape;
  const [kernelHeight, kernelWidth, , filters] = kernelShape;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("conv2d", height, width, window);
  for (let n = 0; n < images; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let a = 0; a < kernelHeight; a++) {
          const row = i * window.strides[0] + a - padTop;
          if (row < 0 || row >= height) continue;
          for (let b = 0; b < kernelWidth; b++) {
            const column = j * window.strides[1] + b - padLeft;
            if (column < 0 || column >= width) continue;
            for (let c = 0; c < channels; c++) {
              const xAt = ((n * height + row) * width + column) * channels + c;
              for (let f = 0; f < filters; f++) {
                const kernelAt = ((a * kernelWidth + b) * channels + c) * filters + f;
                const yAt = ((n * outHeight + i) * outWidth + j) * filters + f;
                visit(xAt, kernelAt, yAt);
              }
            }
          }
        }
      }
    }
  }
}
