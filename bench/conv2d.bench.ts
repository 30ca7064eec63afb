/**
 * Direct convolution over the layers of the six networks, batch 32, one core. GFLOP/s count 2·N·Ho·Wo·K·F for each pass,
 * padding included; the ratio is to the machine's peak measured in the same moment. FILTER=regexp chooses layers.
 */
import { directConvolution } from "../src/backend/wasm/conv2d.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { type Padding, sizeOf, type Window2D, windowGeometry } from "../src/shape.js";
import { randomValues } from "../test/support/arrays.js";
import { Core } from "../test/support/kernels.js";
import { Program } from "../test/support/recording.js";
import { checkElements, rate } from "./support/measure.js";

const BATCH = 32;
/** name, size of the input, channels, filters, kernel, stride, padding */
const LAYERS: readonly [string, number, number, number, number, number, Padding][] = [
  ["baseline 5×5 3→6 same", 32, 3, 6, 5, 1, "same"],
  ["lenet5 5×5 3→6", 32, 3, 6, 5, 1, "valid"],
  ["lenet5 5×5 6→16", 14, 6, 16, 5, 1, "valid"],
  ["alexnet8 3×3 3→96", 32, 3, 96, 3, 1, "valid"],
  ["vgg16 3×3 3→64", 32, 3, 64, 3, 1, "same"],
  ["vgg16 3×3 64→64", 32, 64, 64, 3, 1, "same"],
  ["vgg16 3×3 256→256 8²", 8, 256, 256, 3, 1, "same"],
  ["vgg16 3×3 512→512 2²", 2, 512, 512, 3, 1, "same"],
  ["inception10 3×3 3→16", 32, 3, 16, 3, 1, "same"],
  ["inception10 1×1 16→16 s2", 32, 16, 16, 1, 2, "same"],
  ["inception10 1×1 64→16", 16, 64, 16, 1, 1, "same"],
  ["inception10 5×5 16→16", 16, 16, 16, 5, 1, "same"],
  ["inception10 5×5 32→32", 8, 32, 32, 5, 1, "same"],
  ["resnet18 3×3 64→128 s2", 32, 64, 128, 3, 2, "same"],
  ["resnet18 3×3 256→512 s2", 8, 256, 512, 3, 2, "same"],
  ["resnet18 1×1 64→128 s2", 32, 64, 128, 1, 2, "same"],
  ["resnet18 1×1 256→512 s2", 8, 256, 512, 1, 2, "same"],
];

for (const layer of LAYERS) {
  if (process.env.FILTER && !layer[0].match(process.env.FILTER)) continue;
  const passes = (["forward", "dX", "dKernel"] as const).map((pass) => `${pass} ${measure(layer, pass)}`);
  console.log(layer[0].padEnd(26), passes.join("   "));
}

function measure(
  [name, size, channels, filters, kernelSize, stride, padding]: (typeof LAYERS)[number],
  pass: "forward" | "dX" | "dKernel",
): string {
  const core = new Core();
  const window: Window2D = { kernel: [kernelSize, kernelSize], strides: [stride, stride], padding };
  const { outHeight, outWidth, padTop } = windowGeometry("bench", size, size, window);
  const recorder = new Recorder();
  const { forward, inputGradient, kernelGradient } = directConvolution(recorder);
  const x = recorder.tensor([BATCH, size, size, channels]);
  const kernel = recorder.tensor([kernelSize, kernelSize, channels, filters]);
  const dY = recorder.tensor([BATCH, outHeight, outWidth, filters]);
  const result =
    pass === "forward"
      ? forward(x, kernel, undefined, window)
      : pass === "dX"
        ? inputGradient(x.shape, kernel, dY, window)
        : kernelGradient(x, kernel.shape, dY, window);
  const program = new Program(core, recorder);
  const [xs, kernels, dYs] = [x, kernel, dY].map((tensor, seed) => {
    const values = randomValues(sizeOf(tensor.shape), seed);
    program.write(tensor, values);
    return values;
  });
  program.run();
  const inside = (i: number) => i >= 0 && i < size;
  const expected = {
    forward(index: number): number {
      const [n, i, j, f] = place(index, outHeight, outWidth, filters);
      let sum = 0;
      for (let a = 0; a < kernelSize; a++)
        for (let b = 0; b < kernelSize; b++) {
          const [row, column] = [i * stride + a - padTop, j * stride + b - padTop];
          if (!inside(row) || !inside(column)) continue;
          for (let c = 0; c < channels; c++)
            sum +=
              xs[((n * size + row) * size + column) * channels + c] *
              kernels[((a * kernelSize + b) * channels + c) * filters + f];
        }
      return sum;
    },
    dX(index: number): number {
      const [n, row, column, c] = place(index, size, size, channels);
      let sum = 0;
      for (let a = 0; a < kernelSize; a++)
        for (let b = 0; b < kernelSize; b++) {
          const [i, j] = [(row + padTop - a) / stride, (column + padTop - b) / stride];
          if (!(Number.isInteger(i) && i >= 0 && i < outHeight)) continue;
          if (!(Number.isInteger(j) && j >= 0 && j < outWidth)) continue;
          for (let f = 0; f < filters; f++)
            sum +=
              dYs[((n * outHeight + i) * outWidth + j) * filters + f] *
              kernels[((a * kernelSize + b) * channels + c) * filters + f];
        }
      return sum;
    },
    dKernel(index: number): number {
      const [a, b, c, f] = place(index, kernelSize, channels, filters);
      let sum = 0;
      for (let n = 0; n < BATCH; n++)
        for (let i = 0; i < outHeight; i++)
          for (let j = 0; j < outWidth; j++) {
            const [row, column] = [i * stride + a - padTop, j * stride + b - padTop];
            if (!inside(row) || !inside(column)) continue;
            sum +=
              xs[((n * size + row) * size + column) * channels + c] *
              dYs[((n * outHeight + i) * outWidth + j) * filters + f];
          }
      return sum;
    },
  };
  const terms = {
    forward: kernelSize ** 2 * channels,
    dX: kernelSize ** 2 * filters,
    dKernel: sizeOf(dY.shape),
  };
  checkElements(`${name} ${pass}`, program.read(result), expected[pass], terms[pass]);
  return rate(2 * BATCH * outHeight * outWidth * kernelSize ** 2 * channels * filters, () => program.run());
}

/** Index of an element in the last four axes of an array. */
function place(index: number, ...sizes: [number, number, number]): [number, number, number, number] {
  const [second, third, last] = sizes;
  const rest = Math.floor(index / last);
  return [Math.floor(rest / third / second), Math.floor(rest / third) % second, rest % third, index % last];
}
