/**
 * Dense layers: products with few rows, the batch, and large weights. Each weight is read once: it is packed on the fly
 * in blocks that stay in the cache while the whole batch passes. `scratch` as for productByBlocks.
 */
import { productByBlocks } from "./matmul";

/** Y[:, begin … end) = X·W[:, begin … end) + b. X [N, in], W [in, out]; bias 0 for none. */
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
  const at = (<usize>begin) << 2;
  const columns = end - begin;
  if (bias) {
    for (let n = 0; n < batch; n++)
      memory.copy(y + <usize>n * unitBytes + at, bias + at, (<usize>columns) << 2);
  }
  const add = bias ? 1 : 0;
  const to = y + at;
  productByBlocks(
    false,
    to,
    unitBytes,
    x,
    inputBytes,
    kernel + at,
    unitBytes,
    batch,
    columns,
    inputs,
    add,
    scratch,
  );
}

/** dX[:, begin … end) = dY·Wᵀ[:, begin … end): rows begin … end of W. */
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
  const to = dX + ((<usize>begin) << 2);
  const from = kernel + <usize>begin * unitBytes;
  productByBlocks(
    true,
    to,
    inputBytes,
    dY,
    unitBytes,
    from,
    unitBytes,
    batch,
    end - begin,
    units,
    0,
    scratch,
  );
}
