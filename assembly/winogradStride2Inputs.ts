/** Tiles of X and dY, transformed, for Winograd convolution at stride 2: see winogradStride2.ts. */
import { GAP, phases, planeStart, planesBytes } from "./winogradStride2Tiles";
import { evenInputLine, oddInputLine, slopeLine } from "./winogradStride2Transforms";

/** Row `r` of an image, or zeros where the padding is. */
function rowOrZeros(image: usize, r: i32, height: i32, rowBytes: usize, zeros: usize): usize {
  return r < 0 || r >= height ? zeros : image + <usize>r * rowBytes;
}

/**
 * V = Bᵀ d B: x [N, H, W, C] → v, for each chunk of channels 25 planes [T, phases·chunk], T = N·⌈Ho/4⌉·⌈Wo/4⌉. Images
 * [begin, end) of `images`. Scratch: stripe 9·((8·⌈Wo/4⌉ + 1)·C·4 + 64), zeros W·C·4.
 */
export function winogradStride2InputTiles(
  v: usize,
  x: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  padTop: i32,
  padLeft: i32,
  chunk: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (outHeight + 3) >> 2;
  const tilesWide = (outWidth + 3) >> 2;
  const tiles = <usize>(images * tilesHigh * tilesWide);
  const channelBytes = (<usize>channels) << 2;
  const rowBytes = <usize>width * channelBytes;
  const stripeStride = <usize>(8 * tilesWide + 1) * channelBytes + GAP;
  const zeros = scratch + 9 * stripeStride;
  memory.fill(scratch, 0, 9 * stripeStride + rowBytes);
  const even = scratch + <usize>padLeft * channelBytes;
  const odd = even + 5 * stripeStride;
  const usedBytes = <usize>min(width, 8 * tilesWide + 1 - padLeft) * channelBytes;
  for (let row = begin * tilesHigh; row < end * tilesHigh; row++) {
    const image = x + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const top = 8 * (row % tilesHigh) - padTop;
    evenInputLine(
      even,
      stripeStride,
      even + 4 * stripeStride,
      rowOrZeros(image, top, height, rowBytes, zeros),
      rowOrZeros(image, top + 2, height, rowBytes, zeros),
      rowOrZeros(image, top + 4, height, rowBytes, zeros),
      rowOrZeros(image, top + 6, height, rowBytes, zeros),
      rowOrZeros(image, top + 8, height, rowBytes, zeros),
      usedBytes,
    );
    oddInputLine(
      odd,
      stripeStride,
      rowOrZeros(image, top + 1, height, rowBytes, zeros),
      rowOrZeros(image, top + 3, height, rowBytes, zeros),
      rowOrZeros(image, top + 5, height, rowBytes, zeros),
      rowOrZeros(image, top + 7, height, rowBytes, zeros),
      usedBytes,
    );
    let planes = v;
    for (let first = 0; first < channels; first += chunk) {
      const bytes = (<usize>min(chunk, channels - first)) << 2;
      const unit = tiles * bytes;
      for (let a = 0; a < 9; a++) {
        inputTilesOfLine(
          planes,
          a,
          unit,
          bytes,
          <usize>(row * tilesWide),
          tilesWide,
          scratch + <usize>a * stripeStride + ((<usize>first) << 2),
          channelBytes,
        );
      }
      planes += planesBytes(unit);
    }
  }
}

/** The transform along the width, of line `a` of a stripe: 0 to 4 even rows at all points, 5 to 8 odd ones at the finite. */
function inputTilesOfLine(
  planes: usize,
  a: i32,
  unit: usize,
  bytes: usize,
  tile: usize,
  count: i32,
  from: usize,
  pixel: usize,
): void {
  const odd: usize = a > 4 ? 1 : 0;
  const i = odd ? a - 5 : a;
  const infinityStep = <usize>phases(i) * bytes;
  const step = infinityStep << 1;
  const stride = <usize>(2 * phases(i)) * unit + GAP;
  let to = planes + planeStart(i, 0, unit) + tile * step + 2 * odd * bytes;
  let infinity = planes + planeStart(i, 4, unit) + tile * infinityStep + odd * bytes;
  for (; count > 0; count--) {
    const from2 = from + 2 * pixel;
    const from4 = from2 + 2 * pixel;
    const from6 = from4 + 2 * pixel;
    const next = from6 + 2 * pixel;
    evenInputLine(to, stride, infinity, from, from2, from4, from6, next, bytes);
    oddInputLine(to + bytes, stride, from + pixel, from2 + pixel, from4 + pixel, from6 + pixel, bytes);
    to += step;
    infinity += infinityStep;
    from = next;
  }
}

/**
 * The transform of dY that its way back to dX needs, with rows and columns in reverse order, so that even and odd rows of
 * dX share it: dY [N, H, W, F] → v 25 planes [T, F], T = N·tilesHigh·tilesWide. Images [begin, end) of `images`.
 * Scratch: stripe 5·((4·tilesWide + 1)·F·4 + 64), zeros W·F·4.
 */
export function winogradStride2ReversedTiles(
  v: usize,
  dY: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  filters: i32,
  tilesHigh: i32,
  tilesWide: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>filters) << 2;
  const rowBytes = <usize>width * pixel;
  const plane = <usize>(images * tilesHigh * tilesWide) * pixel + GAP;
  const stripeStride = <usize>(4 * tilesWide + 1) * pixel + GAP;
  const zeros = scratch + 5 * stripeStride;
  memory.fill(scratch, 0, 5 * stripeStride + rowBytes);
  for (let row = begin * tilesHigh; row < end * tilesHigh; row++) {
    const image = dY + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const top = 4 * (row % tilesHigh);
    evenInputLine(
      scratch + pixel,
      stripeStride,
      scratch + pixel + 4 * stripeStride,
      rowOrZeros(image, top + 3, height, rowBytes, zeros),
      rowOrZeros(image, top + 2, height, rowBytes, zeros),
      rowOrZeros(image, top + 1, height, rowBytes, zeros),
      rowOrZeros(image, top, height, rowBytes, zeros),
      rowOrZeros(image, top - 1, height, rowBytes, zeros),
      rowBytes,
    );
    for (let i: usize = 0; i < 5; i++) {
      let to = v + i * 5 * plane + <usize>(row * tilesWide) * pixel;
      let from = scratch + i * stripeStride;
      for (let t = 0; t < tilesWide; t++) {
        const from2 = from + 2 * pixel;
        const from4 = from2 + 2 * pixel;
        evenInputLine(to, plane, to + 4 * plane, from4, from2 + pixel, from2, from + pixel, from, pixel);
        to += pixel;
        from = from4;
      }
    }
  }
}

/**
 * Z = A dY Aᵀ: dY [N, H, W, F] → z 25 planes [F/8, T, 8], T = N·⌈H/4⌉·⌈W/4⌉. Images [begin, end) of `images`.
 * Scratch: stripe 5·(4·⌈W/4⌉·F·4 + 64), zeros W·F·4.
 */
export function winogradStride2GradientTiles(
  z: usize,
  dY: usize,
  scratch: usize,
  images: i32,
  height: i32,
  width: i32,
  filters: i32,
  begin: i32,
  end: i32,
): void {
  const tilesHigh = (height + 3) >> 2;
  const tilesWide = (width + 3) >> 2;
  const pixel = (<usize>filters) << 2;
  const rowBytes = <usize>width * pixel;
  const tiles = <usize>(images * tilesHigh * tilesWide);
  const plane = tiles * pixel + GAP;
  const stripeStride = <usize>(4 * tilesWide) * pixel + GAP;
  const zeros = scratch + 5 * stripeStride;
  memory.fill(scratch, 0, 5 * stripeStride + rowBytes);
  for (let row = begin * tilesHigh; row < end * tilesHigh; row++) {
    const image = dY + <usize>(row / tilesHigh) * <usize>height * rowBytes;
    const top = 4 * (row % tilesHigh);
    slopeLine(
      scratch,
      stripeStride,
      32,
      rowOrZeros(image, top, height, rowBytes, zeros),
      rowOrZeros(image, top + 1, height, rowBytes, zeros),
      rowOrZeros(image, top + 2, height, rowBytes, zeros),
      rowOrZeros(image, top + 3, height, rowBytes, zeros),
      rowBytes,
    );
    for (let i: usize = 0; i < 5; i++) {
      let to = z + i * 5 * plane + ((<usize>(row * tilesWide)) << 5);
      let from = scratch + i * stripeStride;
      for (let t = 0; t < tilesWide; t++) {
        const from2 = from + 2 * pixel;
        slopeLine(to, plane, tiles << 5, from, from + pixel, from2, from2 + pixel, pixel);
        to += 32;
        from = from2 + 2 * pixel;
      }
    }
  }
}
