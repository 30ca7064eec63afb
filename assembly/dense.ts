/**
 * Dense layers: products with few rows, the batch, and large weights. Each weight is read once: it is packed on the fly
 * in pieces of 256 deep and 32 wide, which stay in the first-level cache while the whole batch passes.
 */
import { DEPTH, EDGE_BYTES, multiply, multiplyTransposed, packPanels, packTransposedPanels } from "./matmul";

/** Columns of a packed piece. */
const WIDTH: i32 = 32;
/** Panels of dY that stay in the first-level cache while rows of dW pass: 16 of them, 32 deep, are 16 KB. */
const GRADIENT_COLUMNS: i32 = 128;

/**
 * Y[:, begin … end) = X·W[:, begin … end) + b. X [N, in], W [in, out]; bias 0 for none. `scratch`: a tile's edge (160
 * bytes), then 256·32 floats.
 */
export function denseForward(
  y: usize,
  x: usize,
  kernel: usize,
  bias: usize,
  scratch: usize,
  batch: i32,
  inputs: i32,
  units: i32,
  begin: i32,
  end: i32,
): void {
  const unitBytes = (<usize>units) << 2;
  const inputBytes = (<usize>inputs) << 2;
  const panels = scratch + EDGE_BYTES;
  for (let j = begin; j < end; j += WIDTH) {
    const columns = min(WIDTH, end - j);
    const to = y + ((<usize>j) << 2);
    if (bias) {
      const bytes = (<usize>columns) << 2;
      for (let n = 0; n < batch; n++) memory.copy(to + <usize>n * unitBytes, bias + ((<usize>j) << 2), bytes);
    }
    for (let first = 0; first < inputs; first += DEPTH) {
      const depth = min(DEPTH, inputs - first);
      const stride = (<usize>depth) << 5;
      const from = kernel + <usize>first * unitBytes + ((<usize>j) << 2);
      packPanels(panels, stride, from, unitBytes, depth, columns, 0, (columns + 7) >> 3);
      const add = bias != 0 || first > 0 ? 1 : 0;
      const a = x + ((<usize>first) << 2);
      multiply(to, unitBytes, a, inputBytes, panels, stride, batch, columns, depth, add, scratch);
    }
  }
}

/** dX[:, begin … end) = dY·Wᵀ[:, begin … end): rows begin … end of W. `scratch` as above. */
export function denseInputGradient(
  dX: usize,
  dY: usize,
  kernel: usize,
  scratch: usize,
  batch: i32,
  inputs: i32,
  units: i32,
  begin: i32,
  end: i32,
): void {
  const unitBytes = (<usize>units) << 2;
  const inputBytes = (<usize>inputs) << 2;
  const panels = scratch + EDGE_BYTES;
  for (let j = begin; j < end; j += WIDTH) {
    const columns = min(WIDTH, end - j);
    for (let first = 0; first < units; first += DEPTH) {
      const depth = min(DEPTH, units - first);
      const stride = (<usize>depth) << 5;
      const from = kernel + <usize>j * unitBytes + ((<usize>first) << 2);
      packTransposedPanels(panels, stride, from, unitBytes, depth, columns, 0, (columns + 7) >> 3);
      const to = dX + ((<usize>j) << 2);
      const a = dY + ((<usize>first) << 2);
      multiply(to, inputBytes, a, unitBytes, panels, stride, batch, columns, depth, first, scratch);
    }
  }
}

/**
 * Rows [begin, end) of dW = Xᵀ·dY, summed over the batch in order. `scratch`: a tile's edge (160 bytes), 5·256 floats,
 * then batch·128 floats.
 */
export function denseKernelGradient(
  dKernel: usize,
  x: usize,
  dY: usize,
  scratch: usize,
  batch: i32,
  inputs: i32,
  units: i32,
  begin: i32,
  end: i32,
): void {
  const unitBytes = (<usize>units) << 2;
  const inputBytes = (<usize>inputs) << 2;
  const packed = scratch + EDGE_BYTES;
  const panels = packed + 5120;
  const stride = (<usize>batch) << 5;
  for (let j = 0; j < units; j += GRADIENT_COLUMNS) {
    const columns = min(GRADIENT_COLUMNS, units - j);
    packPanels(panels, stride, dY + ((<usize>j) << 2), unitBytes, batch, columns, 0, (columns + 7) >> 3);
    multiplyTransposed(
      dKernel + <usize>begin * unitBytes + ((<usize>j) << 2),
      unitBytes,
      x + ((<usize>begin) << 2),
      inputBytes,
      panels,
      stride,
      end - begin,
      columns,
      batch,
      0,
      packed,
      scratch,
    );
  }
}
