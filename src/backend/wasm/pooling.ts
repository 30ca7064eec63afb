/** Records max, average and global average pooling. All are split by images. */
import { type Shape, sizeOf, type Window2D, windowGeometry } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";

type PoolingOps = Pick<
  Backend<WasmTensor>,
  | "maxPooling2d"
  | "maxPooling2dGradient"
  | "averagePooling2d"
  | "averagePooling2dGradient"
  | "globalAveragePooling2d"
  | "globalAveragePooling2dGradient"
>;

export function poolingOps(recorder: Recorder): PoolingOps {
  return {
    maxPooling2d(x, window) {
      const { yShape, sizes } = windowSizes("maxPooling2d", x.shape, window);
      const y = recorder.tensor(yShape);
      const argMax = recorder.tensor(yShape, "int32");
      recorder.record("maxPoolForward", byImages(yShape[0]), out(y), out(argMax), own(x), ...sizes);
      return { y, argMax };
    },
    maxPooling2dGradient(argMax, dY, xShape) {
      const dX = recorder.tensor(xShape);
      const [n] = xShape;
      const inputs = sizeOf(xShape) / n;
      const outputs = sizeOf(dY.shape) / n;
      recorder.record("maxPoolBackward", byImages(n), out(dX), own(argMax), own(dY), inputs, outputs);
      return dX;
    },
    averagePooling2d(x, window) {
      const { yShape, sizes } = windowSizes("averagePooling2d", x.shape, window);
      const y = recorder.tensor(yShape);
      recorder.record("averagePoolForward", byImages(yShape[0]), out(y), own(x), ...sizes);
      return y;
    },
    averagePooling2dGradient(dY, xShape, window) {
      const { sizes } = windowSizes("averagePooling2d", xShape, window);
      const dX = recorder.tensor(xShape);
      recorder.record("averagePoolBackward", byImages(xShape[0]), out(dX), own(dY), ...sizes);
      return dX;
    },
    globalAveragePooling2d(x) {
      const [n, height, width, channels] = x.shape;
      const y = recorder.tensor([n, channels]);
      recorder.record("globalAveragePoolForward", byImages(n), out(y), own(x), height * width, channels);
      return y;
    },
    globalAveragePooling2dGradient(dY, xShape) {
      const [n, height, width, channels] = xShape;
      const dX = recorder.tensor(xShape);
      recorder.record("globalAveragePoolBackward", byImages(n), out(dX), own(dY), height * width, channels);
      return dX;
    },
  };
}

/** Output shape, and the numbers that window kernels take: kh, kw, sh, sw, padTop, padLeft, H, W, C, Ho, Wo. */
function windowSizes(where: string, xShape: Shape, window: Window2D): { yShape: Shape; sizes: number[] } {
  const [n, height, width, channels] = xShape;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry(where, height, width, window);
  return {
    yShape: [n, outHeight, outWidth, channels],
    sizes: [
      ...window.kernel,
      ...window.strides,
      padTop,
      padLeft,
      height,
      width,
      channels,
      outHeight,
      outWidth,
    ],
  };
}
