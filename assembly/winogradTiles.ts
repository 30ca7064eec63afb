/**
 * The two-dimensional transforms of Winograd's F(4×4, 3×3), F(2×2, 5×5) and F(2×4, 5×5): rows of tiles, and panels of kernels.
 * A tile is 7 − k rows of `wide` outputs, k the side of the kernel; it needs 6 rows of wide + k − 1 inputs, and so many
 * products, which are kept apart, one plane each: plane i·(wide + k − 1) + j belongs to point i along the height and point
 * j along the width.
 */
import {
  winogradGradientColumns,
  winogradGradientRun,
  winogradInputLine,
  winogradInputRun,
  winogradKernelGradientLine,
  winogradKernelLine,
  winogradOutputLine,
  winogradOutputLineBias,
  winogradOutputRun,
} from "./winogradTransforms";
import {
  winogradGradientColumns5,
  winogradGradientRun5,
  winogradKernelGradientLine5,
  winogradKernelLine5,
  winogradOutputLine5,
  winogradOutputRun5,
} from "./winogradTransforms5";
import {
  winogradGradientRun8,
  winogradInputRun8,
  winogradKernelGradientLine8,
  winogradKernelLine8,
  winogradOutputLine8,
  winogradOutputRun8,
} from "./winogradTransforms8";

/** Row `r` of an image, or `other` where the padding is. */
export function rowOr(image: usize, r: i32, height: i32, rowBytes: usize, other: usize): usize {
  return r < 0 || r >= height ? other : image + <usize>r * rowBytes;
}

/**
 * Bᵀ d B of the tiles that lie side by side from input row `top` on. Rows outside the image read `zeros` (one row of
 * zeros); columns outside it read `stripe` [6, stripeStride], which must be zero there: left of `leftBytes` and right of
 * the image. Tile t's value of plane p goes to v + p·plane + t·channelBytes.
 */
export function winogradInputRow(
  k: i32,
  wide: i32,
  v: usize,
  plane: usize,
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
    rowOr(image, top, height, rowBytes, zeros),
    rowOr(image, top + 1, height, rowBytes, zeros),
    rowOr(image, top + 2, height, rowBytes, zeros),
    rowOr(image, top + 3, height, rowBytes, zeros),
    rowOr(image, top + 4, height, rowBytes, zeros),
    rowOr(image, top + 5, height, rowBytes, zeros),
    rowBytes,
  );
  const across = wide + k - 1;
  for (let i = 0; i < 6; i++) {
    if (across === 8) winogradInputRun8(v, plane, stripe, channelBytes, tilesWide);
    else winogradInputRun(v, plane, stripe, channelBytes, wide, tilesWide);
    v += <usize>across * plane;
    stripe += stripeStride;
  }
}

/**
 * A dY Aᵀ of an image's tiles, 8 channels of them: to z + p·plane, [tiles, 8]. `image` is at these channels of its first pixel. Rows
 * below the image read `zeros` (one row of zeros); lines of the stripe, [6, tilesHigh, wide·tilesWide, 8], must be zero right of it.
 */
export function winogradGradientPanel(
  k: i32,
  wide: i32,
  z: usize,
  plane: usize,
  image: usize,
  height: i32,
  width: i32,
  pixel: usize,
  tilesHigh: i32,
  tilesWide: i32,
  stripe: usize,
  stripeStride: usize,
  zeros: usize,
): void {
  const rowBytes = <usize>width * pixel;
  const line = (<usize>(wide * tilesWide)) << 5;
  for (let i = 0; i < tilesHigh; i++) {
    const top = (7 - k) * i;
    const to = stripe + <usize>i * line;
    const r0 = rowOr(image, top, height, rowBytes, zeros);
    const r1 = rowOr(image, top + 1, height, rowBytes, zeros);
    if (k === 5) {
      winogradGradientColumns5(to, stripeStride, r0, r1, pixel, width);
      continue;
    }
    const r2 = rowOr(image, top + 2, height, rowBytes, zeros);
    const r3 = rowOr(image, top + 3, height, rowBytes, zeros);
    winogradGradientColumns(to, stripeStride, r0, r1, r2, r3, pixel, width);
  }
  const tiles = tilesHigh * tilesWide;
  for (let i = 0; i < 6; i++) {
    if (k === 3) winogradGradientRun(z, plane, 0, stripe, 32, 32, tiles);
    else if (wide === 4) winogradGradientRun8(z, plane, 0, stripe, 32, 32, tiles);
    else winogradGradientRun5(z, plane, stripe, tiles);
    z += <usize>(wide + k - 1) * plane;
    stripe += stripeStride;
  }
}

/**
 * Y = Aᵀ M A + bias of the tiles that lie side by side, `together` at a time: `rows` rows of outWidth pixels at `y`, of whose last
 * tile some columns may lie outside. M at m + p·plane. `half` [7 − k, wide + k − 1, together·F] holds Aᵀ M; `spare` [F]
 * takes the columns outside; `zeros`, together·F of them, is a bias of none.
 */
export function winogradOutputRow(
  k: i32,
  wide: i32,
  y: usize,
  rows: i32,
  outWidth: i32,
  rowBytes: usize,
  m: usize,
  plane: usize,
  bias: usize,
  filterBytes: usize,
  together: i32,
  half: usize,
  spare: usize,
  zeros: usize,
): void {
  const across = <usize>(wide + k - 1);
  const tilesWide = (outWidth + wide - 1) / wide;
  for (let first = 0; first < tilesWide; first += together) {
    const tiles = min(together, tilesWide - first);
    const bytes = <usize>tiles * filterBytes;
    const halfRow = across * bytes;
    for (let j: usize = 0; j < across; j++) {
      const to = half + j * bytes;
      const from = m + j * plane;
      if (k === 5) winogradOutputLine5(to, to + halfRow, from, across * plane, zeros, bytes);
      else {
        const to2 = to + 2 * halfRow;
        winogradOutputLine(to, to + halfRow, to2, to2 + halfRow, from, across * plane, bytes);
      }
    }
    m += bytes;
    const whole = min(tiles, outWidth / wide - first);
    for (let i = 0; i < rows; i++) {
      let to = y + <usize>i * rowBytes + <usize>(wide * first) * filterBytes;
      let from = half + <usize>i * halfRow;
      if (k === 3) winogradOutputRun(to, from, bytes, bias, filterBytes, filterBytes, whole);
      else if (wide === 4) winogradOutputRun8(to, from, bytes, bias, filterBytes, filterBytes, whole);
      else winogradOutputRun5(to, from, bytes, bias, filterBytes, whole);
      if (whole === tiles) continue;
      to += <usize>(wide * whole) * filterBytes;
      from += <usize>whole * filterBytes;
      const columns = outWidth - wide * (first + whole);
      const to1 = columns > 1 ? to + filterBytes : spare;
      const to2 = columns > 2 ? to + 2 * filterBytes : spare;
      if (k === 3) winogradOutputLineBias(to, to1, to2, spare, from, bytes, bias, filterBytes);
      else if (wide === 4) winogradOutputLine8(to, to1, to2, spare, from, bytes, bias, filterBytes);
      else winogradOutputLine5(to, spare, from, bytes, bias, filterBytes);
    }
  }
}

/**
 * U = G g Gᵀ of `bytes` bytes of kernels: taps [k·k, bytes] → u + p·plane. `half` [6·k, bytes] holds G g.
 */
export function winogradKernelTiles(
  k: i32,
  wide: i32,
  u: usize,
  plane: usize,
  taps: usize,
  half: usize,
  bytes: usize,
): void {
  const line = <usize>k * bytes;
  for (let b: usize = 0; b < line; b += bytes) {
    if (k === 5) winogradKernelLine5(half + b, line, taps + b, line, bytes);
    else winogradKernelLine(half + b, line, taps + b, line, bytes);
  }
  for (let i = 0; i < 6; i++) {
    if (k === 3) winogradKernelLine(u, plane, half, bytes, bytes);
    else if (wide === 4) winogradKernelLine8(u, plane, half, bytes, bytes);
    else winogradKernelLine5(u, plane, half, bytes, bytes);
    u += <usize>(wide + k - 1) * plane;
    half += line;
  }
}

/** dg = Gᵀ dU G of `bytes` bytes: dU at du + p·plane, tap t goes to dKernel + t·tapBytes. `half` [k, wide + k − 1, bytes]. */
export function winogradKernelGradientTiles(
  k: i32,
  wide: i32,
  dKernel: usize,
  tapBytes: usize,
  du: usize,
  plane: usize,
  half: usize,
  bytes: usize,
): void {
  const across = <usize>(wide + k - 1);
  const line = across * bytes;
  for (let j: usize = 0; j < across; j++) {
    const to = half + j * bytes;
    if (k === 5) winogradKernelGradientLine5(to, line, du + j * plane, across * plane, bytes);
    else winogradKernelGradientLine(to, line, du + j * plane, across * plane, bytes);
  }
  for (let a = 0; a < k; a++) {
    if (k === 3) winogradKernelGradientLine(dKernel, tapBytes, half, bytes, bytes);
    else if (wide === 4) winogradKernelGradientLine8(dKernel, tapBytes, half, bytes, bytes);
    else winogradKernelGradientLine5(dKernel, tapBytes, half, bytes, bytes);
    dKernel += <usize>k * tapBytes;
    half += line;
  }
}
