/**
 * The two-dimensional transforms of Winograd's F(4×4, 3×3) and F(2×2, 5×5): rows of tiles, and panels of kernels. A tile
 * is 4×4 or 2×2 of the output, `side` = 4 or 2; it needs 6×6 of the input, and its 36 products are kept apart, one plane
 * each: plane p = 6·i + j belongs to point i along the height and point j along the width.
 */
import {
  winogradGradientLine,
  winogradInputLine,
  winogradKernelGradientLine,
  winogradKernelLine,
  winogradOutputLine,
  winogradOutputLineBias,
} from "./winogradTransforms";
import {
  winogradGradientLine5,
  winogradKernelGradientLine5,
  winogradKernelLine5,
  winogradOutputLine5,
} from "./winogradTransforms5";

/** Row `r` of an image, or zeros where the padding is. */
function rowOrZeros(image: usize, r: i32, height: i32, rowBytes: usize, zeros: usize): usize {
  return r < 0 || r >= height ? zeros : image + <usize>r * rowBytes;
}

/**
 * Bᵀ d B of the tiles that lie side by side from input row `top` on. Rows outside the image read `zeros` (one row of
 * zeros); columns outside it read `stripe` [6, stripeStride], which must be zero there: left of `leftBytes` and right of
 * the image. Value of plane p, tile t, channel c goes to v + p·plane + t·tileStep, panels of 8 channels panelStride apart.
 */
export function winogradInputRow(
  side: i32,
  v: usize,
  plane: usize,
  panelStride: usize,
  tileStep: usize,
  image: usize,
  top: i32,
  height: i32,
  rowBytes: usize,
  channelBytes: usize,
  leftBytes: usize,
  tilesWide: i32,
  stripe: usize,
  stripeStride: usize,
  zeros: usize,
): void {
  winogradInputLine(
    stripe + leftBytes,
    stripeStride,
    32,
    rowOrZeros(image, top, height, rowBytes, zeros),
    rowOrZeros(image, top + 1, height, rowBytes, zeros),
    rowOrZeros(image, top + 2, height, rowBytes, zeros),
    rowOrZeros(image, top + 3, height, rowBytes, zeros),
    rowOrZeros(image, top + 4, height, rowBytes, zeros),
    rowOrZeros(image, top + 5, height, rowBytes, zeros),
    rowBytes,
  );
  for (let i = 0; i < 6; i++) {
    let to = v + <usize>(6 * i) * plane;
    let from = stripe + <usize>i * stripeStride;
    for (let t = 0; t < tilesWide; t++) {
      const from2 = from + 2 * channelBytes;
      const from4 = from2 + 2 * channelBytes;
      winogradInputLine(
        to,
        plane,
        panelStride,
        from,
        from + channelBytes,
        from2,
        from2 + channelBytes,
        from4,
        from4 + channelBytes,
        channelBytes,
      );
      to += tileStep;
      from += <usize>side * channelBytes;
    }
  }
}

/** A dY Aᵀ of the tiles that lie side by side from row `top` on; arguments as above, without padding. */
export function winogradGradientRow(
  side: i32,
  z: usize,
  plane: usize,
  panelStride: usize,
  tileStep: usize,
  image: usize,
  top: i32,
  height: i32,
  rowBytes: usize,
  channelBytes: usize,
  tilesWide: i32,
  stripe: usize,
  stripeStride: usize,
  zeros: usize,
): void {
  const r0 = rowOrZeros(image, top, height, rowBytes, zeros);
  const r1 = rowOrZeros(image, top + 1, height, rowBytes, zeros);
  if (side === 2) {
    winogradGradientLine5(stripe, stripeStride, 32, r0, r1, rowBytes);
  } else {
    const r2 = rowOrZeros(image, top + 2, height, rowBytes, zeros);
    const r3 = rowOrZeros(image, top + 3, height, rowBytes, zeros);
    winogradGradientLine(stripe, stripeStride, 32, r0, r1, r2, r3, rowBytes);
  }
  for (let i = 0; i < 6; i++) {
    let to = z + <usize>(6 * i) * plane;
    let from = stripe + <usize>i * stripeStride;
    for (let t = 0; t < tilesWide; t++) {
      const from1 = from + channelBytes;
      const from2 = from1 + channelBytes;
      if (side === 2) {
        winogradGradientLine5(to, plane, panelStride, from, from1, channelBytes);
      } else {
        winogradGradientLine(to, plane, panelStride, from, from1, from2, from2 + channelBytes, channelBytes);
      }
      to += tileStep;
      from += <usize>side * channelBytes;
    }
  }
}

/**
 * Y = Aᵀ M A + bias for one tile: rows × columns (≤ side × side) of it are inside the image at `y`. M at m + p·plane.
 * `half` [4, 6, F] holds Aᵀ M; `spare` [F] takes the columns outside; `zeros` is a bias of none.
 */
export function winogradOutputTile(
  side: i32,
  y: usize,
  rows: i32,
  columns: i32,
  rowBytes: usize,
  m: usize,
  plane: usize,
  bias: usize,
  filterBytes: usize,
  half: usize,
  spare: usize,
  zeros: usize,
): void {
  const halfRow = filterBytes * 6;
  for (let j = 0; j < 6; j++) {
    const to = half + <usize>j * filterBytes;
    if (side === 2) {
      winogradOutputLine5(to, to + halfRow, m + <usize>j * plane, 6 * plane, zeros, filterBytes);
      continue;
    }
    winogradOutputLine(
      to,
      to + halfRow,
      to + 2 * halfRow,
      to + 3 * halfRow,
      m + <usize>j * plane,
      6 * plane,
      filterBytes,
    );
  }
  for (let i = 0; i < rows; i++) {
    const y1 = columns > 1 ? y + filterBytes : spare;
    if (side === 2) {
      winogradOutputLine5(y, y1, half + <usize>i * halfRow, filterBytes, bias, filterBytes);
      y += rowBytes;
      continue;
    }
    winogradOutputLineBias(
      y,
      y1,
      columns > 2 ? y + 2 * filterBytes : spare,
      columns > 3 ? y + 3 * filterBytes : spare,
      half + <usize>i * halfRow,
      filterBytes,
      bias,
      filterBytes,
    );
    y += rowBytes;
  }
}

/**
 * U = G g Gᵀ of `bytes` bytes of kernels: taps [k·k, bytes] → u + p·plane, k = 7 − side. `half` [6·k, bytes] holds G g.
 */
export function winogradKernelTiles(
  side: i32,
  u: usize,
  plane: usize,
  taps: usize,
  half: usize,
  bytes: usize,
): void {
  const k = <usize>(7 - side);
  for (let b: usize = 0; b < k; b++) {
    kernelLine(side, half + b * bytes, k * bytes, taps + b * bytes, k * bytes, bytes);
  }
  for (let i: usize = 0; i < 6; i++) {
    kernelLine(side, u + 6 * i * plane, plane, half + k * i * bytes, bytes, bytes);
  }
}

/** dg = Gᵀ dU G of `bytes` bytes: dU at du + p·plane, tap t goes to dKernel + t·tapBytes. `half` [6·k, bytes]. */
export function winogradKernelGradientTiles(
  side: i32,
  dKernel: usize,
  tapBytes: usize,
  du: usize,
  plane: usize,
  half: usize,
  bytes: usize,
): void {
  for (let j: usize = 0; j < 6; j++) {
    kernelGradientLine(side, half + j * bytes, 6 * bytes, du + j * plane, 6 * plane, bytes);
  }
  const k = <usize>(7 - side);
  for (let a: usize = 0; a < k; a++) {
    kernelGradientLine(side, dKernel + k * a * tapBytes, tapBytes, half + 6 * a * bytes, bytes, bytes);
  }
}

function kernelLine(side: i32, to: usize, stride: usize, from: usize, fromStride: usize, bytes: usize): void {
  if (side === 2) winogradKernelLine5(to, stride, from, fromStride, bytes);
  else winogradKernelLine(to, stride, from, fromStride, bytes);
}

function kernelGradientLine(
  side: i32,
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  if (side === 2) winogradKernelGradientLine5(to, stride, from, fromStride, bytes);
  else winogradKernelGradientLine(to, stride, from, fromStride, bytes);
}
