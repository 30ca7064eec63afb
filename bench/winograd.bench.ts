/**
 * Winograd's forms of 3×3 and 5×5 convolution over the layers of the six networks, batch 32, one core. Effective GFLOP/s: the operations of the
 * direct convolution, 2·N·Ho·Wo·k·k·C·F, divided by the best time; and their ratio to the machine's peak in the same run,
 * which a direct convolution cannot exceed.
 */
import Benchmark from "benchmark";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { winogradForward, winogradGradients } from "../src/backend/wasm/winograd.js";
import { winogradStride2 } from "../src/backend/wasm/winogradStride2.js";
import { type Padding, type Shape, sizeOf, type Window2D, windowGeometry } from "../src/shape.js";
import { randomValues } from "../test/support/arrays.js";
import { Core } from "../test/support/kernels.js";
import { Program } from "../test/support/recording.js";
import { peakGflops } from "./support/peak.js";

interface Layer {
  readonly name: string;
  readonly size: number;
  readonly channels: number;
  readonly filters: number;
  readonly padding: Padding;
  readonly stride?: 1 | 2;
  readonly k?: 3 | 5;
}

const LAYERS: readonly Layer[] = [
  { name: "64 ch, 32²", size: 32, channels: 64, filters: 64, padding: "same" },
  { name: "128 ch, 16²", size: 16, channels: 128, filters: 128, padding: "same" },
  { name: "256 ch, 8²", size: 8, channels: 256, filters: 256, padding: "same" },
  { name: "512 ch, 4²", size: 4, channels: 512, filters: 512, padding: "same" },
  { name: "512 ch, 2²", size: 2, channels: 512, filters: 512, padding: "same" },
  { name: "384 ch, 5²", size: 5, channels: 384, filters: 384, padding: "same" },
  { name: "96 → 256 ch, 14² valid", size: 14, channels: 96, filters: 256, padding: "valid" },
  { name: "32 ch, 16²", size: 16, channels: 32, filters: 32, padding: "same" },
  { name: "16 ch, 32²", size: 32, channels: 16, filters: 16, padding: "same" },
  { name: "32 ch, 8²", size: 8, channels: 32, filters: 32, padding: "same" },
  { name: "16 ch, 16²", size: 16, channels: 16, filters: 16, padding: "same" },
  { name: "16 ch, 16², 5×5", size: 16, channels: 16, filters: 16, padding: "same", k: 5 },
  { name: "32 ch, 8², 5×5", size: 8, channels: 32, filters: 32, padding: "same", k: 5 },
  { name: "16 ch, 3²", size: 3, channels: 16, filters: 16, padding: "same" },
  { name: "64 → 128 ch, 32², stride 2", size: 32, channels: 64, filters: 128, padding: "same", stride: 2 },
  { name: "128 → 256 ch, 16², stride 2", size: 16, channels: 128, filters: 256, padding: "same", stride: 2 },
  { name: "256 → 512 ch, 8², stride 2", size: 8, channels: 256, filters: 512, padding: "same", stride: 2 },
  { name: "16 ch, 32², stride 2", size: 32, channels: 16, filters: 16, padding: "same", stride: 2 },
  { name: "64 ch, 14², stride 2", size: 14, channels: 64, filters: 64, padding: "same", stride: 2 },
];
const BATCH = 32;

/** Which kernels make up which pass. */
const PASSES = {
  forward: ["winogradKernel", "winogradConvolution"],
  dX: ["winogradKernelTransposed", "winogradConvolution", "winogradInputGradient"],
  dKernel: ["winogradInputTiles", "winogradGradientTiles", "winogradKernelGradient"],
} as const;
/** The input's transform counts in both that use it, though a training step has it once. */
const STRIDE_2_PASSES = {
  forward: ["winogradStride2InputTiles", "winogradStride2Forward"],
  dX: ["winogradStride2ReversedTiles", "winogradStride2InputGradient"],
  dKernel: ["winogradStride2InputTiles", "winogradStride2GradientTiles", "winogradStride2KernelGradient"],
} as const;

const core = new Core();
const peak = await peakGflops();
console.log(`peak ${peak.toFixed(1)} GFLOP/s`);
const chosen = process.env.LAYER;
for (const layer of LAYERS) {
  if (chosen && !layer.name.includes(chosen)) continue;
  const cells = Object.keys(PASSES).map((pass) => {
    const gflops = measure(layer, pass as keyof typeof PASSES);
    return `${pass} ${gflops.toFixed(0).padStart(4)} (${(gflops / peak).toFixed(2)} of peak)`;
  });
  console.log(`${layer.name.padEnd(28)} ${cells.join("   ")}`);
}

function measure(
  { size, channels, filters, padding, stride = 1, k: taps = 3 }: Layer,
  pass: keyof typeof PASSES,
): number {
  core.reset();
  const window: Window2D = { kernel: [taps, taps], strides: [stride, stride], padding };
  const { outHeight, outWidth, padTop } = windowGeometry("bench", size, size, window);
  const recorder = new Recorder();
  const x = recorder.tensor([BATCH, size, size, channels]);
  const kernel = recorder.tensor([taps, taps, channels, filters]);
  const dY = recorder.tensor([BATCH, outHeight, outWidth, filters]);
  const result = record();
  const program = new Program(core, recorder);
  const values = [x, kernel, dY].map((tensor, seed) => {
    const data = randomValues(sizeOf(tensor.shape), seed);
    program.write(tensor, data);
    return data;
  });
  const run = () => program.run(1, (stride === 1 ? PASSES : STRIDE_2_PASSES)[pass]);
  run();
  checkElement();

  const benchmark = new Benchmark(pass, run, { maxTime: 0.5, minSamples: 10 });
  benchmark.run();
  const seconds = Math.min(...benchmark.stats.sample);
  return (2 * BATCH * outHeight * outWidth * taps * taps * channels * filters) / seconds / 1e9;

  function record() {
    if (stride === 2) {
      const stride2 = winogradStride2(recorder);
      if (pass === "forward") return stride2.forward(x, kernel, undefined, window);
      const wishes = { dX: pass === "dX", dBias: false };
      const { dX, dKernel } = stride2.gradients(x, kernel, dY, window, wishes);
      return dX ?? dKernel;
    }
    if (pass === "forward") return winogradForward(recorder, x, kernel, undefined, window);
    const wishes = { dX: pass === "dX", dBias: false };
    const { dX, dKernel } = winogradGradients(recorder, x, kernel, dY, window, wishes);
    return dX ?? dKernel;
  }

  /** One element near the middle against its direct sum. */
  function checkElement(): void {
    const [xs, kernels, dYs] = values;
    const got = program.read(result);
    const middle = indexOf(result.shape, Math.floor(sizeOf(result.shape) / 2) + 5);
    const [p, q, r, s] = middle;
    let sum = 0;
    if (pass === "dKernel") {
      for (let n = 0; n < BATCH; n++)
        for (let i = 0; i < outHeight; i++)
          for (let j = 0; j < outWidth; j++)
            sum +=
              at(xs, x.shape, n, stride * i + p - padTop, stride * j + q - padTop, r) *
              at(dYs, dY.shape, n, i, j, s);
    } else if (pass === "forward") {
      for (let a = 0; a < taps; a++)
        for (let b = 0; b < taps; b++)
          for (let k = 0; k < channels; k++)
            sum +=
              at(xs, x.shape, p, stride * q + a - padTop, stride * r + b - padTop, k) *
              at(kernels, kernel.shape, a, b, k, s);
    } else {
      for (let a = 0; a < taps; a++)
        for (let b = 0; b < taps; b++) {
          const [i, j] = [(q + padTop - a) / stride, (r + padTop - b) / stride];
          if (!Number.isInteger(i) || !Number.isInteger(j)) continue;
          for (let k = 0; k < filters; k++)
            sum += at(dYs, dY.shape, p, i, j, k) * at(kernels, kernel.shape, a, b, s, k);
        }
    }
    const value = at(got, result.shape, p, q, r, s);
    const largest = got.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    if (!(Math.abs(value - sum) <= 2e-5 * largest)) {
      throw new Error(`${pass}: element ${middle} is ${value}, should be ${sum}`);
    }
  }
}

function indexOf(shape: Shape, flat: number): number[] {
  return shape.map((size, axis) => Math.floor(flat / sizeOf(shape.slice(axis + 1))) % size);
}

/** An element of a four-dimensional array; 0 outside of it, as padding is. */
function at(data: ArrayLike<number>, shape: Shape, ...index: number[]): number {
  if (index.some((i, axis) => i < 0 || i >= shape[axis])) return 0;
  return data[index.reduce((flat, i, axis) => flat * shape[axis] + i, 0)];
}
