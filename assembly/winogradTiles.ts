/**
 * The two-dimensional transforms of Winograd's F(4×4, 3×3): rows of tiles, and panels of kernels. A tile is 4×4 of the
 * output; it needs 6×6 of the input, and its 36 products are kept apart, one plane each: plane p = 6·i + j belongs to
 * point i along the height and point j along the width.
 */
import {
  winogradGradientLine,
  winogradInputLine,
  winogradKernelGradientLine,
  winogradKernelLine,
  winogradOutputLine,
  winogradOutputLineBias,
} from "./winogradTransforms";

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
      from = from4;
    }
  }
}

/** A dY Aᵀ of the tiles that lie side by side from row `top` on; arguments as above, without padding. */
export function winogradGradientRow(
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
  winogradGradientLine(
    stripe,
    stripeStride,
    32,
    rowOrZeros(image, top, height, rowBytes, zeros),
    rowOrZeros(image, top + 1, height, rowBytes, zeros),
    rowOrZeros(image, top + 2, height, rowBytes, zeros),
    rowOrZeros(image, top + 3, height, rowBytes, zeros),
    rowBytes,
  );
  for (let i = 0; i < 6; i++) {
    let to = z + <usize>(6 * i) * plane;
    let from = stripe + <usize>i * stripeStride;
    for (let t = 0; t < tilesWide; t++) {
      const from2 = from + 2 * channelBytes;
      winogradGradientLine(
        to,
        plane,
        panelStride,
        from,
        from + channelBytes,
        from2,
        from2 + channelBytes,
        channelBytes,
      );
      to += tileStep;
      from = from2 + 2 * channelBytes;
    }
  }
}

/**
 * Y = Aᵀ M A + bias for one tile: rows × columns (≤ 4 × 4) of it are inside the image at `y`. M at m + p·plane.
 * `half` [4, 6, F] holds Aᵀ M; `spare` [F] takes the columns outside.
 */
export function winogradOutputTile(
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
): void {
  const halfRow = filterBytes * 6;
  for (let j = 0; j < 6; j++) {
    const to = half + <usize>j * filterBytes;
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
    winogradOutputLineBias(
      y,
      columns > 1 ? y + filterBytes : spare,
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
 * U = G g Gᵀ of `bytes` bytes of kernels: taps [9, bytes] → u + p·plane. `half` [18, bytes] holds G g.
 */
export function winogradKernelTiles(u: usize, plane: usize, taps: usize, half: usize, bytes: usize): void {
  for (let b: usize = 0; b < 3; b++) {
    winogradKernelLine(half + b * bytes, 3 * bytes, taps + b * bytes, 3 * bytes, bytes);
  }
  for (let i: usize = 0; i < 6; i++) {
    winogradKernelLine(u + 6 * i * plane, plane, half + 3 * i * bytes, bytes, bytes);
  }
}

/** dg = Gᵀ dU G of `bytes` bytes: dU at du + p·plane, tap k goes to dKernel + k·tapBytes. `half` [18, bytes]. */
export function winogradKernelGradientTiles(
  dKernel: usize,
  tapBytes: usize,
  du: usize,
  plane: usize,
  half: usize,
  bytes: usize,
): void {
  for (let j: usize = 0; j < 6; j++) {
    winogradKernelGradientLine(half + j * bytes, 6 * bytes, du + j * plane, 6 * plane, bytes);
  }
  for (let a: usize = 0; a < 3; a++) {
    winogradKernelGradientLine(dKernel + 3 * a * tapBytes, tapBytes, half + 6 * a * bytes, bytes, bytes);
  }
}
