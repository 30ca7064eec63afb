/** Mistakes about convolution's and dense layers' kernels, biases and padding. */
import { type NDArray, ndarray } from "../../reference/ndarray.js";
import { type Shape, sizeOf, type Window2D, windowGeometry } from "../../shape.js";
import type { Mistake, Reference } from "./mistake.js";

const WEIGHTED = ["conv2d", "dense"];

/** For each element of the kernel the one that `order` names. */
function permuted(kernel: NDArray, order: (shape: Shape) => number[]): NDArray {
  const from = order(kernel.shape);
  return ndarray(
    kernel.shape,
    kernel.data.map((_, i) => kernel.data[from[i]]),
  );
}

/** The other way round: element i goes where `order` says. */
function laidOut(gradient: NDArray, order: (shape: Shape) => number[]): NDArray {
  const from = order(gradient.shape);
  const result = ndarray(gradient.shape);
  from.forEach((source, i) => {
    result.data[source] = gradient.data[i];
  });
  return result;
}

/** A kernel read in another order of its elements; its gradient comes back in the order of the kernel. */
function readKernel(
  backend: Reference,
  kind: "conv2d" | "dense",
  order: (shape: Shape) => number[],
): Reference {
  if (kind === "dense") {
    return {
      ...backend,
      dense: (x, kernel, bias) => backend.dense(x, permuted(kernel, order), bias),
      denseGradients(x, kernel, dY, wishes) {
        const found = backend.denseGradients(x, permuted(kernel, order), dY, wishes);
        return { ...found, dKernel: laidOut(found.dKernel, order) };
      },
    };
  }
  return {
    ...backend,
    conv2d: (x, kernel, bias, window) => backend.conv2d(x, permuted(kernel, order), bias, window),
    conv2dGradients(x, kernel, dY, window, wishes) {
      const found = backend.conv2dGradients(x, permuted(kernel, order), dY, window, wishes);
      return { ...found, dKernel: laidOut(found.dKernel, order) };
    },
  };
}

/** For each element of [kh, kw, C, F] its place with both window axes reversed. */
function flipped([kh, kw, C, F]: Shape): number[] {
  const depth = C * F;
  return Array.from(
    { length: kh * kw * depth },
    (_, i) => (kh * kw - 1 - Math.floor(i / depth)) * depth + (i % depth),
  );
}

/** For each element of [kh, kw, C, F] its place in a buffer laid out [F, C, kh, kw]. */
function inOIHW([kh, kw, C, F]: Shape): number[] {
  return Array.from({ length: kh * kw * C * F }, (_, i) => {
    const [f, c] = [i % F, Math.floor(i / F) % C];
    const tap = Math.floor(i / (F * C));
    return (f * C + c) * kh * kw + tap;
  });
}

/** For each element of [in, out] its place in a buffer laid out [out, in]. */
function transposed([inputs, outputs]: Shape): number[] {
  return Array.from({ length: inputs * outputs }, (_, i) => (i % outputs) * inputs + Math.floor(i / outputs));
}

interface Weights {
  readonly dKernel: NDArray;
  readonly dBias: NDArray | undefined;
}

/** Both layers' weight gradients, changed. */
function changeGradients(
  backend: Reference,
  change: (found: Weights, images: number) => Partial<Weights>,
): Reference {
  return {
    ...backend,
    conv2dGradients(x, kernel, dY, window, wishes) {
      const found = backend.conv2dGradients(x, kernel, dY, window, wishes);
      return { ...found, ...change(found, x.shape[0]) };
    },
    denseGradients(x, kernel, dY, wishes) {
      const found = backend.denseGradients(x, kernel, dY, wishes);
      return { ...found, ...change(found, x.shape[0]) };
    },
  };
}

function times({ shape, data }: NDArray, factor: number): NDArray {
  return ndarray(
    shape,
    data.map((value) => value * factor),
  );
}

/** The picture as a "valid" window sees it that gives the same outputs with PyTorch's padding (`symmetricPads`). */
function symmetricPicture(x: NDArray, window: Window2D, fill: number): NDArray {
  const picture = pictureOf(x.shape, window);
  const seen = ndarray([x.shape[0], picture.height, picture.width, x.shape[3]]);
  seen.data.fill(fill);
  eachSeen(x.shape, picture, (inX, inSeen) => {
    seen.data[inSeen] = x.data[inX];
  });
  return seen;
}

/** The gradient of what `symmetricPicture` copied. */
function symmetricGradient(dSeen: NDArray, xShape: Shape, window: Window2D): NDArray {
  const dX = ndarray(xShape);
  eachSeen(xShape, pictureOf(xShape, window), (inX, inSeen) => {
    dX.data[inX] = dSeen.data[inSeen];
  });
  return dX;
}

interface Picture {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
}

function pictureOf(xShape: Shape, window: Window2D): Picture {
  const [, H, W] = xShape;
  const { outHeight, outWidth } = windowGeometry("conv2d", H, W, window);
  const [kh, kw] = window.kernel;
  const [top, left] = symmetricPads(xShape, window);
  return {
    height: (outHeight - 1) * window.strides[0] + kh,
    width: (outWidth - 1) * window.strides[1] + kw,
    top,
    left,
  };
}

/**
 * PyTorch pads both sides alike, usually by ⌊k/2⌋, where TensorFlow's "same" puts the odd one, and with strides all that is left over, after
 * the picture. Where ⌊k/2⌋ gives more outputs than "same", the odd one before the picture is the likeliest.
 */
export function symmetricPads([, H, W]: Shape, window: Window2D): [number, number] {
  const { outHeight, outWidth, padTop, padBottom, padLeft, padRight } = windowGeometry(
    "padding",
    H,
    W,
    window,
  );
  const along = (size: number, kernel: number, stride: number, out: number, total: number) => {
    const half = Math.floor(kernel / 2);
    const outputs = Math.floor((size + 2 * half - kernel) / stride) + 1;
    return outputs === out ? half : Math.ceil(total / 2);
  };
  return [
    along(H, window.kernel[0], window.strides[0], outHeight, padTop + padBottom),
    along(W, window.kernel[1], window.strides[1], outWidth, padLeft + padRight),
  ];
}

function eachSeen([N, H, W, C]: Shape, picture: Picture, visit: (inX: number, inSeen: number) => void): void {
  for (let at = 0; at < sizeOf([N, H, W, C]); at++) {
    const [c, j, i] = [at % C, Math.floor(at / C) % W, Math.floor(at / (C * W)) % H];
    const [row, column] = [i + picture.top, j + picture.left];
    if (row >= picture.height || column >= picture.width) continue;
    const n = Math.floor(at / (C * W * H));
    visit(at, ((n * picture.height + row) * picture.width + column) * C + c);
  }
}

const asValid = (window: Window2D): Window2D => ({ ...window, padding: "valid" });

export const KERNEL_MISTAKES: readonly Mistake[] = [
  {
    name: "kernel-flipped",
    explanation:
      "The kernel was flipped, as in signal processing's convolution. Deep learning's does not flip it: y[i, j] = Σ x[i + a, j + b]·w[a, b].",
    concerns: ["conv2d"],
    plant: (backend) => readKernel(backend, "conv2d", flipped),
  },
  {
    name: "kernel-layout-oihw",
    explanation:
      "The kernel's buffer is laid out [F, C, kh, kw], as PyTorch has it, and was taken for [kh, kw, C, F]: transpose it with (2, 3, 1, 0).",
    concerns: ["conv2d"],
    plant: (backend) => readKernel(backend, "conv2d", inOIHW),
  },
  {
    name: "kernel-gradient-layout-oihw",
    explanation:
      "The kernel is right, but its gradient is laid out [F, C, kh, kw], as PyTorch has it: transpose it with (2, 3, 1, 0).",
    concerns: ["conv2d"],
    plant: (backend) => ({
      ...backend,
      conv2dGradients(x, kernel, dY, window, wishes) {
        const found = backend.conv2dGradients(x, kernel, dY, window, wishes);
        return { ...found, dKernel: laidOut(found.dKernel, inOIHW) };
      },
    }),
  },
  {
    name: "kernel-not-flipped-in-input-gradient",
    explanation:
      "dX was computed with the kernel as it stands. It is dY convolved with the kernel rotated by 180°, as each input meets the taps in reverse.",
    concerns: ["conv2d"],
    plant: (backend) => ({
      ...backend,
      conv2dGradients(x, kernel, dY, window, wishes) {
        const found = backend.conv2dGradients(x, kernel, dY, window, wishes);
        const { dX } = backend.conv2dGradients(x, permuted(kernel, flipped), dY, window, wishes);
        return { ...found, dX };
      },
    }),
  },
  {
    name: "dense-kernel-gradient-transposed",
    explanation:
      "The dense kernel is right, but its gradient is laid out [out, in], as PyTorch has it: transpose it.",
    concerns: ["dense"],
    plant: (backend) => ({
      ...backend,
      denseGradients(x, kernel, dY, wishes) {
        const found = backend.denseGradients(x, kernel, dY, wishes);
        return { ...found, dKernel: laidOut(found.dKernel, transposed) };
      },
    }),
  },
  {
    name: "dense-kernel-transposed",
    explanation:
      "The dense kernel's buffer is laid out [out, in], as PyTorch has it, and was taken for [in, out]: transpose it.",
    concerns: ["dense"],
    plant: (backend) => readKernel(backend, "dense", transposed),
  },
  {
    name: "padding-symmetric",
    explanation:
      'The picture was padded equally on both sides, as PyTorch does. TensorFlow\'s "same" puts the odd row and column at bottom and right; with strides the windows lie elsewhere.',
    concerns: ["conv2d", "max_pooling2d"],
    plant: (backend) => ({
      ...backend,
      conv2d(x, kernel, bias, window) {
        if (window.padding === "valid") return backend.conv2d(x, kernel, bias, window);
        return backend.conv2d(symmetricPicture(x, window, 0), kernel, bias, asValid(window));
      },
      conv2dGradients(x, kernel, dY, window, wishes) {
        if (window.padding === "valid") return backend.conv2dGradients(x, kernel, dY, window, wishes);
        const seen = symmetricPicture(x, window, 0);
        const { dX, ...found } = backend.conv2dGradients(seen, kernel, dY, asValid(window), wishes);
        return { ...found, dX: dX && symmetricGradient(dX, x.shape, window) };
      },
      maxPooling2d(x, window) {
        if (window.padding === "valid") return backend.maxPooling2d(x, window);
        return backend.maxPooling2d(symmetricPicture(x, window, Number.NEGATIVE_INFINITY), asValid(window));
      },
      maxPooling2dGradient(argMax, dY, xShape, window) {
        if (window.padding === "valid") return backend.maxPooling2dGradient(argMax, dY, xShape, window);
        const { height, width } = pictureOf(xShape, window);
        const seen = [xShape[0], height, width, xShape[3]];
        return symmetricGradient(
          backend.maxPooling2dGradient(argMax, dY, seen, asValid(window)),
          xShape,
          window,
        );
      },
    }),
  },
  {
    name: "filter-gradient-divided-by-batch",
    explanation:
      "The kernel's gradient was divided by the batch size. It is the sum over the batch; the mean is in the loss's gradient already.",
    concerns: WEIGHTED,
    plant: (backend) =>
      changeGradients(backend, ({ dKernel }, images) => ({ dKernel: times(dKernel, 1 / images) })),
  },
  {
    name: "filter-gradient-multiplied-by-batch",
    explanation:
      "The kernel's gradient is larger by the batch size: somewhere on its way the division by it is missing.",
    concerns: WEIGHTED,
    plant: (backend) =>
      changeGradients(backend, ({ dKernel }, images) => ({ dKernel: times(dKernel, images) })),
  },
  {
    name: "weight-gradients-divided-by-batch",
    explanation:
      "Kernel and bias gradients were divided by the batch size. They are sums over the batch; the mean is in the loss's gradient already.",
    concerns: WEIGHTED,
    plant: (backend) =>
      changeGradients(backend, ({ dKernel, dBias }, images) => ({
        dKernel: times(dKernel, 1 / images),
        dBias: dBias && times(dBias, 1 / images),
      })),
  },
  {
    name: "weight-gradients-multiplied-by-batch",
    explanation:
      "Kernel and bias gradients are larger by the batch size: somewhere on their way the division by it is missing.",
    concerns: WEIGHTED,
    plant: (backend) =>
      changeGradients(backend, ({ dKernel, dBias }, images) => ({
        dKernel: times(dKernel, images),
        dBias: dBias && times(dBias, images),
      })),
  },
  {
    name: "bias-gradient-missing",
    explanation: "The bias's gradient is zero. It is the sum of dY over images, rows and columns.",
    concerns: WEIGHTED,
    plant: (backend) => changeGradients(backend, ({ dBias }) => ({ dBias: dBias && ndarray(dBias.shape) })),
  },
  {
    name: "bias-gradient-divided-by-batch",
    explanation: "The bias's gradient is a mean over the batch, not a sum.",
    concerns: WEIGHTED,
    plant: (backend) =>
      changeGradients(backend, ({ dBias }, images) => ({ dBias: dBias && times(dBias, 1 / images) })),
  },
];
