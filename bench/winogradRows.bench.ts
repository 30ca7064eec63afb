/**
 * Few filters or channels: direct sums against F(4, 3) and F(4, 5) along the width, one core. Milliseconds of both, best of turns, with
 * everything that the pass needs, and their ratio. FILTER=regexp chooses layers, BATCH the number of images.
 */
import { directConvolution } from "../src/backend/wasm/conv2d.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { winogradRows } from "../src/backend/wasm/winogradRows.js";
import { type Padding, sizeOf, type Window2D, windowGeometry } from "../src/shape.js";
import { randomValues } from "../test/support/arrays.js";
import { expectClose } from "../test/support/close.js";
import { Core } from "../test/support/kernels.js";
import { Program } from "../test/support/recording.js";

const BATCH = Number(process.env.BATCH ?? 32);
const TURNS = Number(process.env.TURNS ?? 30);
/** Height and width of the input, channels, filters, kernel's height, vertical stride, padding; the kernel's width, 5 if not given. */
const LAYERS: readonly (readonly [number, number, number, number, number, number, Padding, number?])[] = [
  ...[8, 16, 64, 96].map((filters) => [32, 32, 3, filters, 3, 1, "same", 3] as const),
  [32, 32, 3, 96, 3, 1, "valid", 3],
  [32, 32, 60, 64, 3, 1, "same", 3],
  [16, 16, 60, 128, 3, 1, "same", 3],
  [16, 16, 100, 100, 3, 1, "same", 3],
  [16, 16, 250, 256, 3, 1, "same", 3],
  [16, 16, 16, 16, 5, 1, "same", 3],
  [32, 32, 3, 6, 5, 1, "valid"],
  [32, 32, 3, 6, 5, 1, "same"],
  [28, 28, 1, 6, 5, 1, "same"],
  [28, 28, 1, 6, 5, 1, "valid"],
  ...[1, 2, 3, 4, 5, 7].map((filters) => [32, 32, 3, filters, 5, 1, "same"] as const),
  ...[1, 2, 3, 4, 5, 7].map((filters) => [32, 32, 1, filters, 5, 1, "same"] as const),
  ...[1, 2, 3, 4].map((kernelHeight) => [32, 32, 3, 6, kernelHeight, 1, "same"] as const),
  ...[1, 2, 3, 4].map((kernelHeight) => [32, 32, 1, 6, kernelHeight, 1, "same"] as const),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 16].map((side) => [side, side, 3, 6, 5, 1, "same"] as const),
  ...[1, 2, 3, 4, 5, 6, 8, 9].map((width) => [32, width, 3, 6, 5, 1, "same"] as const),
  ...[1, 2, 3, 5, 9].map((height) => [height, 32, 3, 6, 5, 1, "same"] as const),
  [32, 32, 3, 6, 5, 2, "same"],
  [32, 32, 3, 6, 5, 3, "valid"],
  [14, 14, 6, 6, 5, 1, "valid"],
  ...[1, 3, 6].flatMap((channels) =>
    [8, 16, 32].flatMap((filters) =>
      [14, 16, 28].map((side) => [side, side, channels, filters, 5, 1, "valid"] as const),
    ),
  ),
  ...[3, 5].flatMap((kernel) =>
    [1, 3, 6, 12].flatMap((channels) =>
      [6, 8, 20, 32].flatMap((filters) =>
        [4, 6, 8, 10, 12, 16].map(
          (side) => [side, side, channels, filters, kernel, 1, "same", kernel] as const,
        ),
      ),
    ),
  ),
  [8, 8, 6, 16, 5, 1, "same"],
  [12, 12, 20, 50, 5, 1, "valid"],
  [16, 16, 30, 50, 5, 1, "same"],
  [16, 16, 60, 100, 5, 1, "same"],
  [32, 32, 16, 6, 5, 1, "same"],
  [16, 16, 64, 4, 5, 1, "same"],
  [96, 96, 3, 6, 5, 1, "same"],
  [64, 512, 3, 6, 5, 1, "same"],
];

for (const layer of LAYERS) {
  const [height, width, channels, filters, kernelHeight, stride, padding, kernelWidth = 5] = layer;
  const name = `${height}×${width}×${channels} → ${filters}, ${kernelHeight}×${kernelWidth}, stride ${stride}, ${padding}`;
  if (process.env.FILTER && !name.match(process.env.FILTER)) continue;
  const passes = (["forward", "dKernel"] as const).map((pass) => `${pass} ${compare(name, layer, pass)}`);
  console.log(name.padEnd(44), passes.join("   "));
}

function compare(
  name: string,
  [height, width, channels, filters, kernelHeight, stride, padding, kernelWidth = 5]: (typeof LAYERS)[number],
  pass: "forward" | "dKernel",
): string {
  const window: Window2D = { kernel: [kernelHeight, kernelWidth], strides: [stride, 1], padding };
  const { outHeight, outWidth } = windowGeometry("bench", height, width, window);
  const core = new Core();
  const programs = [directConvolution, winogradRows].map((form) => {
    const recorder = new Recorder();
    const x = recorder.tensor([BATCH, height, width, channels]);
    const kernel = recorder.tensor([kernelHeight, kernelWidth, channels, filters]);
    const dY = recorder.tensor([BATCH, outHeight, outWidth, filters]);
    const algorithm = form(recorder);
    const result =
      pass === "forward"
        ? algorithm.forward(x, kernel, undefined, window)
        : algorithm.kernelGradient(x, kernel.shape, dY, window);
    const program = new Program(core, recorder);
    for (const [seed, tensor] of [x, kernel, dY].entries())
      program.write(tensor, randomValues(sizeOf(tensor.shape), seed));
    program.run();
    return { program, values: program.read(result) };
  });
  expectClose(programs[1].values, programs[0].values, { rtol: 2e-5 }, `${name} ${pass}`);
  const best = programs.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < TURNS; turn++) {
    programs.forEach(({ program }, i) => {
      const start = performance.now();
      program.run();
      best[i] = Math.min(best[i], performance.now() - start);
    });
  }
  return `${best.map((ms) => ms.toFixed(3).padStart(7)).join(" → ")} (${(best[0] / best[1]).toFixed(2)})`;
}
