/** Mistakes about pooling. */
import { type NDArray, ndarray } from "../../reference/ndarray.js";
import { type Shape, type Window2D, windowGeometry } from "../../shape.js";
import { symmetricPads } from "./kernels.js";
import type { Mistake, Reference } from "./mistake.js";

/** For each output, in order, the flat indices of its window's real elements in x. */
function eachWindow(
  [N, H, W, C]: Shape,
  window: Window2D,
  visit: (output: number, elements: readonly number[]) => void,
  [top, left]: readonly [number, number] = tensorFlowPads([N, H, W, C], window),
): void {
  const { outHeight, outWidth } = windowGeometry("pooling", H, W, window);
  const [kh, kw] = window.kernel;
  let output = 0;
  for (let n = 0; n < N; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let c = 0; c < C; c++) {
          const elements: number[] = [];
          for (let a = 0; a < kh; a++) {
            for (let b = 0; b < kw; b++) {
              const [row, column] = [i * window.strides[0] + a - top, j * window.strides[1] + b - left];
              if (row < 0 || row >= H || column < 0 || column >= W) continue;
              elements.push(((n * H + row) * W + column) * C + c);
            }
          }
          visit(output++, elements);
        }
      }
    }
  }
}

function tensorFlowPads([, H, W]: Shape, window: Window2D): [number, number] {
  const { padTop, padLeft } = windowGeometry("pooling", H, W, window);
  return [padTop, padLeft];
}

/** Average pooling with other places for its windows, or another divisor. */
function averaging(
  backend: Reference,
  divisor: (real: number, window: Window2D) => number,
  padsOf = tensorFlowPads,
): Reference {
  const pads = (shape: Shape, window: Window2D) =>
    window.padding === "same" ? padsOf(shape, window) : tensorFlowPads(shape, window);
  return {
    ...backend,
    averagePooling2d(x, window) {
      const y = ndarray(backend.averagePooling2d(x, window).shape);
      eachWindow(
        x.shape,
        window,
        (output, elements) => {
          for (const at of elements) y.data[output] += x.data[at] / divisor(elements.length, window);
        },
        pads(x.shape, window),
      );
      return y;
    },
    averagePooling2dGradient(dY, xShape, window) {
      const dX = ndarray(xShape);
      eachWindow(
        xShape,
        window,
        (output, elements) => {
          for (const at of elements) dX.data[at] += dY.data[output] / divisor(elements.length, window);
        },
        pads(xShape, window),
      );
      return dX;
    },
  };
}

/** Max pooling whose gradient goes to the maxima that `choose` picks of all that tie. */
function sendingTies(
  backend: Reference,
  choose: (maxima: readonly number[]) => readonly number[],
  give: (held: number, dY: number, ties: number) => number = (held, dY) => held + dY,
): Reference {
  const inputs = new WeakMap<NDArray, NDArray>();
  return {
    ...backend,
    maxPooling2d(x, window) {
      const pooled = backend.maxPooling2d(x, window);
      inputs.set(pooled.argMax, x);
      return pooled;
    },
    maxPooling2dGradient(argMax, dY, xShape, window) {
      const x = inputs.get(argMax)!;
      const dX = ndarray(xShape);
      eachWindow(xShape, window, (output, elements) => {
        const largest = Math.max(...elements.map((at) => x.data[at]));
        const chosen = choose(elements.filter((element) => x.data[element] === largest));
        for (const at of chosen) dX.data[at] = give(dX.data[at], dY.data[output], chosen.length);
      });
      return dX;
    },
  };
}

/** A window with padding in it, whose real elements are all negative, gives 0, and lets no gradient through. */
function zeroPadding(backend: Reference): Reference {
  const lost = new WeakMap<NDArray, Set<number>>();
  return {
    ...backend,
    maxPooling2d(x, window) {
      const { y, argMax } = backend.maxPooling2d(x, window);
      const zeros = new Set<number>();
      eachWindow(x.shape, window, (output, elements) => {
        if (elements.length < window.kernel[0] * window.kernel[1] && y.data[output] < 0) zeros.add(output);
      });
      lost.set(argMax, zeros);
      return {
        y: ndarray(
          y.shape,
          y.data.map((value, i) => (zeros.has(i) ? 0 : value)),
        ),
        argMax,
      };
    },
    maxPooling2dGradient(argMax, dY, xShape, window) {
      const zeros = lost.get(argMax)!;
      const seen = ndarray(
        dY.shape,
        dY.data.map((value, i) => (zeros.has(i) ? 0 : value)),
      );
      return backend.maxPooling2dGradient(argMax, seen, xShape, window);
    },
  };
}

export const POOLING_MISTAKES: readonly Mistake[] = [
  {
    name: "max-pooling-gradient-to-all-ties",
    explanation:
      "Where several elements of a window are the largest, each got the whole gradient. One gets it, the first in row-major order.",
    concerns: ["max_pooling2d"],
    plant: (backend) => sendingTies(backend, (maxima) => maxima),
  },
  {
    name: "max-pooling-gradient-to-last-tie",
    explanation:
      "Where several elements of a window are the largest, the last got the gradient. Here the first in row-major order does.",
    concerns: ["max_pooling2d"],
    plant: (backend) => sendingTies(backend, (maxima) => maxima.slice(-1)),
  },
  {
    name: "max-pooling-gradient-shared-among-ties",
    explanation:
      "Where several elements of a window are the largest, they shared the gradient. One gets all of it, the first in row-major order.",
    concerns: ["max_pooling2d"],
    plant: (backend) =>
      sendingTies(
        backend,
        (maxima) => maxima,
        (held, dY, ties) => held + dY / ties,
      ),
  },
  {
    name: "max-pooling-gradient-overwritten",
    explanation:
      "An element that is the largest of several windows got the gradient of one. It gets their sum.",
    concerns: ["max_pooling2d"],
    plant: (backend) =>
      sendingTies(
        backend,
        (maxima) => maxima.slice(0, 1),
        (_held, dY) => dY,
      ),
  },
  {
    name: "max-pooling-pads-zeros",
    explanation:
      "The padding was zeros, which win over negative numbers. Padding is never seen: pad with −∞.",
    concerns: ["max_pooling2d"],
    plant: zeroPadding,
  },
  {
    name: "average-pooling-counts-padding",
    explanation:
      "The mean was taken over the whole window, padding included, as PyTorch does by default. It is the mean of the real elements.",
    concerns: ["average_pooling2d"],
    plant: (backend) => averaging(backend, (_real, { kernel }) => kernel[0] * kernel[1]),
  },
  {
    name: "average-pooling-padding-symmetric",
    explanation:
      'The picture was padded equally on both sides, as PyTorch does. TensorFlow\'s "same" puts the odd row and column at bottom and right.',
    concerns: ["average_pooling2d"],
    plant: (backend) => averaging(backend, (real) => real, symmetricPads),
  },
  {
    name: "average-pooling-of-pytorch",
    explanation:
      "The picture was padded equally on both sides, and the mean taken over the padding too: PyTorch's defaults. Here the odd row and column are at bottom and right, and padding does not count.",
    concerns: ["average_pooling2d"],
    plant: (backend) => averaging(backend, (_real, { kernel }) => kernel[0] * kernel[1], symmetricPads),
  },
  {
    name: "average-pooling-gradient-not-divided",
    explanation: "The gradient of a mean is dY divided by the number of elements, for each of them.",
    concerns: ["average_pooling2d", "global_average_pooling2d"],
    plant: (backend) => ({
      ...backend,
      averagePooling2dGradient: (dY, xShape, window) =>
        averaging(backend, () => 1).averagePooling2dGradient(dY, xShape, window),
      globalAveragePooling2dGradient(dY, xShape) {
        const { shape, data } = backend.globalAveragePooling2dGradient(dY, xShape);
        return ndarray(
          shape,
          data.map((value) => value * xShape[1] * xShape[2]),
        );
      },
    }),
  },
];
