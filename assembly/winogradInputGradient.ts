/**
 * dX of a 3×3 convolution of stride 1 and valid padding as the transpose of its forward pass, tile by tile of dY:
 *
 *     dX = Σ_tiles B[Uᵀ ⊙ (A dY Aᵀ)]Bᵀ, summed over filters at each of the 36 points.
 *
 * A tile of 4×4 of dY adds to 6×6 of dX, of which it shares two rows and two columns with each neighbour. dX is larger than dY:
 * 12×12 of dY are nine tiles, the 14×14 of dX would be sixteen. Layouts as in winograd.ts; docs/winograd.md.
 */
import { multiply } from "./matmul";
import { winogradInputGradientLine, winogradInputGradientRun } from "./winogradInputGradientTransforms";
import { rowOr } from "./winogradTiles";
import { winogradGradientLine } from "./winogradTransforms";

/** Bytes between planes beyond their content: one cache line. */
const GAP: usize = 64;

/**
 * dX [N, Ho + 2, Wo + 2, C] from dY [N, Ho, Wo, F] and U = `winogradKernelTransposed` of g, not flipped. Images [begin, end), `blockRows` rows
 * of tiles at a time. A value's bits do not depend on the block its tiles fall in.
 * Scratch, in this order: Z 36·(T·F·4 + 64) and M 36·(T·C·4 + 64) with T = blockRows·⌈Wo/4⌉; stripe of dY 6·(4·⌈Wo/4⌉·F·4 + 64);
 * stripe of dX 6·((4·⌈Wo/4⌉ + 2)·C·4 + 64); zeros max((Wo + 2)·C, Wo·F)·4; spare (Wo + 2)·C·4.
 */
export function winogradInputGradient(
  dX: usize,
  dY: usize,
  u: usize,
  scratch: usize,
  channels: i32,
  filters: i32,
  outHeight: i32,
  outWidth: i32,
  blockRows: i32,
  begin: i32,
  end: i32,
): void {
  const height = outHeight + 2;
  const width = outWidth + 2;
  const tilesHigh = (outHeight + 3) >> 2;
  const tilesWide = (outWidth + 3) >> 2;
  const channelBytes = (<usize>channels) << 2;
  const filterBytes = (<usize>filters) << 2;
  const rowBytes = <usize>width * channelBytes;
  const outRowBytes = <usize>outWidth * filterBytes;
  const blockTiles = <usize>(blockRows * tilesWide);
  const zPlane = blockTiles * filterBytes + GAP;
  const mPlane = blockTiles * channelBytes + GAP;
  const uPlane = <usize>filters * channelBytes + GAP;
  const inStride = <usize>(4 * tilesWide) * filterBytes + GAP;
  const outStride = <usize>(4 * tilesWide + 2) * channelBytes + GAP;
  const m = scratch + 36 * zPlane;
  const inStripe = m + 36 * mPlane;
  const outStripe = inStripe + 6 * inStride;
  const zeros = outStripe + 6 * outStride;
  const zeroBytes = max(rowBytes, outRowBytes);
  const spare = zeros + zeroBytes;
  memory.fill(inStripe, 0, 6 * inStride);
  memory.fill(zeros, 0, zeroBytes);

  const lastRow = end * tilesHigh;
  for (let first = begin * tilesHigh; first < lastRow; first += blockRows) {
    const rows = min(blockRows, lastRow - first);
    for (let r = 0; r < rows; r++) {
      const image = dY + <usize>(((first + r) / tilesHigh) * outHeight) * outRowBytes;
      const top = 4 * ((first + r) % tilesHigh);
      const to = scratch + <usize>(r * tilesWide) * filterBytes;
      gradientTiles(
        to,
        zPlane,
        image,
        top,
        outHeight,
        outRowBytes,
        filterBytes,
        tilesWide,
        inStripe,
        inStride,
        zeros,
      );
    }
    for (let p: usize = 0; p < 36; p++) {
      const kernels = u + p * uPlane;
      const sums = m + p * mPlane;
      const from = scratch + p * zPlane;
      multiply(
        sums,
        channelBytes,
        from,
        filterBytes,
        kernels,
        filterBytes << 3,
        rows * tilesWide,
        channels,
        filters,
        0,
        0,
      );
    }
    for (let r = 0; r < rows; r++) {
      const image = dX + <usize>(((first + r) / tilesHigh) * height) * rowBytes;
      const tileRow = (first + r) % tilesHigh;
      let from = m + <usize>(r * tilesWide) * channelBytes;
      for (let i: usize = 0; i < 6; i++) {
        const line = outStripe + i * outStride;
        memory.fill(line, 0, channelBytes << 1);
        winogradInputGradientRun(line, from, mPlane, channelBytes, tilesWide);
        from += 6 * mPlane;
      }
      const top = 4 * tileRow;
      const row0 = rowOr(image, top, height, rowBytes, spare);
      const row1 = rowOr(image, top + 1, height, rowBytes, spare);
      winogradInputGradientLine(
        row0,
        row1,
        rowOr(image, top + 2, height, rowBytes, spare),
        rowOr(image, top + 3, height, rowBytes, spare),
        rowOr(image, top + 4, height, rowBytes, spare),
        rowOr(image, top + 5, height, rowBytes, spare),
        tileRow ? row0 : zeros,
        tileRow ? row1 : zeros,
        outStripe,
        outStride,
        rowBytes,
      );
    }
  }
}

/** A dY Aᵀ of the tiles whose first row is `top`: tile t's value of plane p to z + p·plane + t·filterBytes. The stripe is zero right of dY. */
function gradientTiles(
  z: usize,
  plane: usize,
  image: usize,
  top: i32,
  height: i32,
  rowBytes: usize,
  filterBytes: usize,
  tilesWide: i32,
  stripe: usize,
  stripeStride: usize,
  zeros: usize,
): void {
  winogradGradientLine(
    stripe,
    stripeStride,
    32,
    rowOr(image, top, height, rowBytes, zeros),
    rowOr(image, top + 1, height, rowBytes, zeros),
    rowOr(image, top + 2, height, rowBytes, zeros),
    rowOr(image, top + 3, height, rowBytes, zeros),
    rowBytes,
  );
  for (let i = 0; i < 6; i++) {
    let from = stripe;
    let to = z;
    for (let t = 0; t < tilesWide; t++) {
      const next = from + 2 * filterBytes;
      winogradGradientLine(to, plane, 32, from, from + filterBytes, next, next + filterBytes, filterBytes);
      from = next + 2 * filterBytes;
      to += filterBytes;
    }
    z += 6 * plane;
    stripe += stripeStride;
  }
}
