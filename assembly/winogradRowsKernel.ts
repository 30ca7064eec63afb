/** The kernel's part of winogradRows.ts and winogradRowsPanels.ts: U = G·g along the width, and back. */
import { aligned, GAP } from "./winogradRowsInput";
import { winogradKernelGradientLine, winogradKernelLine } from "./winogradTransforms";
import { winogradKernelGradientLine8, winogradKernelLine8 } from "./winogradTransforms8";

/** Images whose sums are added up before they join the others': shorter sums round less. */
const SUMMED: i32 = 16;

/**
 * U = G·g, [kw + 3, kh·C, F], planes `step` apart, by way of a copy of the kernel. Returns the address behind the copy.
 */
export function transformKernel(
  to: usize,
  step: usize,
  kernel: usize,
  copy: usize,
  kernelHeight: i32,
  kernelWidth: i32,
  run: i32,
): usize {
  const row = (<usize>run) << 2;
  const bytes = <usize>(kernelHeight * kernelWidth) * row;
  memory.copy(copy, kernel, bytes);
  // A row's last vector may write into the next row, which comes after it.
  let from = copy;
  for (let a = 0; a < kernelHeight; a++) {
    if (kernelWidth == 3) winogradKernelLine(to, step, from, row, row);
    else winogradKernelLine8(to, step, from, row, row);
    to += row;
    from += <usize>kernelWidth * row;
  }
  return aligned(copy + bytes) + GAP;
}

/**
 * Rows [begin, end) of dW = Gᵀ·dU, with dU the sum of all images' `sums` [kw + 3, depth, F] and four floats. Scratch: 2·kw + 4
 * rows of C·F floats, each in whole vectors.
 */
export function winogradRowsKernelGradient(
  dKernel: usize,
  sums: usize,
  scratch: usize,
  images: i32,
  depth: i32,
  channels: i32,
  filters: i32,
  kernelWidth: i32,
  begin: i32,
  end: i32,
): void {
  const points = kernelWidth + 3;
  const image = (<usize>(points * depth * filters + 4)) << 2;
  const run = channels * filters;
  const vectors = (run + 3) >> 2;
  const row = (<usize>vectors) << 4;
  const results = scratch + <usize>points * row;
  const group = results + <usize>kernelWidth * row;
  for (let a = begin; a < end; a++) {
    memory.fill(scratch, 0, <usize>points * row);
    for (let p = 0; p < points; p++) {
      const from = sums + ((<usize>(p * depth * filters + a * run)) << 2);
      const to = scratch + <usize>p * row;
      for (let first = 0; first < images; first += SUMMED) {
        memory.fill(group, 0, row);
        const behind = min(images, first + SUMMED);
        for (let n = first; n < behind; n++) addRow(group, from + <usize>n * image, vectors);
        addRow(to, group, vectors);
      }
    }
    if (kernelWidth == 3) winogradKernelGradientLine(results, row, scratch, row, row);
    else winogradKernelGradientLine8(results, row, scratch, row, row);
    const to = dKernel + ((<usize>(a * kernelWidth * run)) << 2);
    const bytes = (<usize>run) << 2;
    for (let b: usize = 0; b < <usize>kernelWidth; b++) memory.copy(to + b * bytes, results + b * row, bytes);
  }
}

function addRow(to: usize, from: usize, vectors: i32): void {
  for (; vectors > 0; vectors--) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
}
