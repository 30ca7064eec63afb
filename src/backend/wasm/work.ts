/**
 * Marks what products are recorded as: which instructions belong to which pass, and how many operations the pass has, a
 * multiply-add counting 2, as the direct form needs them. The instruction that writes the pass' result carries the number, or
 * the one before it, where that only adds up; packing and transforms carry 0. For profiles; nothing is computed from it.
 */
import { type Shape, sizeOf } from "../../shape.js";
import type { Backend, ConvolutionGradients } from "../backend.js";
import { isOperand } from "./buffers.js";
import type { Pass, Recorder, WasmTensor } from "./recorder.js";

type Products = Pick<Backend<WasmTensor>, "conv2d" | "conv2dGradients" | "dense" | "denseGradients">;

export function countingWork(recorder: Recorder, products: Products): Products {
  const forward = (kernel: WasmTensor, record: () => WasmTensor): WasmTensor => {
    const from = recorder.instructions.length;
    const y = record();
    mark(recorder, from, [{ pass: "forward", result: y, flops: productFlops(y.shape, kernel.shape) }]);
    return y;
  };
  const backward = (
    kernel: WasmTensor,
    dY: WasmTensor,
    record: () => ConvolutionGradients<WasmTensor>,
  ): ConvolutionGradients<WasmTensor> => {
    const from = recorder.instructions.length;
    const { dX, dKernel, dBias } = record();
    const flops = productFlops(dY.shape, kernel.shape);
    const results = [
      { pass: "dX", result: dX, flops },
      { pass: "dKernel", result: dKernel, flops },
      { pass: "dBias", result: dBias, flops: 0 },
    ] as const;
    mark(
      recorder,
      from,
      results.flatMap(({ pass, result, flops }) => (result ? [{ pass, result, flops }] : [])),
    );
    return { dX, dKernel, dBias };
  };
  return {
    conv2d: (x, kernel, bias, window) => forward(kernel, () => products.conv2d(x, kernel, bias, window)),
    conv2dGradients: (x, kernel, dY, window, wishes) =>
      backward(kernel, dY, () => products.conv2dGradients(x, kernel, dY, window, wishes)),
    dense: (x, kernel, bias) => forward(kernel, () => products.dense(x, kernel, bias)),
    denseGradients: (x, kernel, dY, wishes) =>
      backward(kernel, dY, () => products.denseGradients(x, kernel, dY, wishes)),
  };
}

/** Every output is a sum over the kernel's axes but the last. */
function productFlops(y: Shape, kernel: Shape): number {
  return 2 * sizeOf(y) * sizeOf(kernel.slice(0, -1));
}

/** Kernels that add up what the instruction before them multiplied. */
const ADDING_UP: ReadonlySet<string> = new Set(["winogradRowsKernelGradient"]);

interface Result {
  readonly pass: Pass;
  readonly result: WasmTensor;
  readonly flops: number;
}

/** What was recorded since `from`: an instruction belongs to the pass whose result is written next. */
function mark(recorder: Recorder, from: number, results: readonly Result[]): void {
  const { instructions } = recorder;
  const ends = results
    .map(({ pass, result, flops }) => ({ pass, flops, at: lastWriter(recorder, result) }))
    .sort((a, b) => a.at - b.at);
  let at = from;
  for (const end of ends) {
    for (; at <= end.at; at++) instructions[at] = { ...instructions[at], work: { pass: end.pass, flops: 0 } };
    const counted = ADDING_UP.has(instructions[end.at].kernel) ? end.at - 1 : end.at;
    // One instruction may write several results.
    const before = instructions[counted].work;
    const flops = (before?.flops ?? 0) + end.flops;
    instructions[counted] = { ...instructions[counted], work: { pass: before?.pass ?? end.pass, flops } };
  }
}

function lastWriter({ instructions }: Recorder, { buffer }: WasmTensor): number {
  return instructions.findLastIndex(({ args }) =>
    args.some((argument) => isOperand(argument) && argument.writes && argument.buffer === buffer),
  );
}
