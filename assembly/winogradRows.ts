/**
 * Convolutions of few filters or channels and kernels three or five wide, of horizontal stride 1, by Winograd's F(4, 3) or F(4, 5) along the width:
 *   Y = Aᵀ·M,  M_p [F, tiles] = Σ_k U_p[k, F]·V_p[k, tiles],  k over window rows and channels,
 * for each of the six or eight points p. A row of outputs is cut into tiles of four; lanes are tiles, row after row without a gap, so
 * that the window's row a is the same list of tiles some rows further. For a vertical stride s rows 0, s, 2s …, rows 1, s + 1 …
 * and so on lie in planes of their own, which keeps that true. Each row of the picture is transformed once for all windows.
 * The work goes in bands of `bandRows` rows of outputs. Derivation: docs/winograd.md.
 */

import { aligned, GAP, lineBytes, phaseBytes, transformRows, writeRowOffsets } from "./winogradRowsInput";
import { transformKernel } from "./winogradRowsKernel";
import { dots, products, sumLanes } from "./winogradRowsTiles";
import {
  lanesToTiles,
  rowsGradientLine8,
  rowsOutputLine6,
  rowsOutputLine8,
  tilesToLanes,
} from "./winogradRowsTransforms";
import { winogradGradientLine } from "./winogradTransforms";

/** Vectors of tiles whose products are in the cache at a time: bench/winogradRows.bench.ts */
const BLOCK: i32 = 24;

/** Y = conv2d(X, W) + b for images [begin, end); bias 0 for none. Scratch: see src/backend/wasm/winogradRows.ts. */
export function winogradRowsForward(
  y: usize,
  x: usize,
  kernel: usize,
  bias: usize,
  scratch: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  padTop: i32,
  padLeft: i32,
  bandRows: i32,
  begin: i32,
  end: i32,
): void {
  const points = <usize>(kernelWidth + 3);
  const depth = kernelHeight * channels;
  const tilesWide = (outWidth + 3) >> 2;
  const phase = phaseBytes(bandRows, kernelHeight, strideHeight, tilesWide);
  const point = <usize>(channels * strideHeight) * phase;
  const line = aligned(
    writeRowOffsets(scratch, depth, kernelHeight, channels, strideHeight, phase, tilesWide),
  );
  const v = line + lineBytes(channels, tilesWide);
  memory.fill(line, 0, v + points * point - line);
  const weights = v + points * point;
  const weightStep = ((<usize>(depth * filters)) << 2) + GAP;
  const behind = aligned(weights + points * weightStep);
  const m = transformKernel(
    weights,
    weightStep,
    kernel,
    behind,
    kernelHeight,
    kernelWidth,
    channels * filters,
  );
  const laneBytes = (<usize>BLOCK) << 4;
  const mStep = <usize>filters * laneBytes;
  const lanes = m + points * mStep; // [4·F, lanes]
  const tiles = lanes + 4 * mStep; // [tiles, 4, F]
  const filterBytes = (<usize>filters) << 2;
  const tileBytes = filterBytes << 2;
  const inPlace = (outWidth & 3) == 0;

  for (let n = begin; n < end; n++) {
    const image = x + ((<usize>n * <usize>(height * width * channels)) << 2);
    for (let first = 0; first < outHeight; first += bandRows) {
      const rows = min(bandRows, outHeight - first);
      const top = first * strideHeight - padTop;
      const count = (rows - 1) * strideHeight + kernelHeight;
      transformRows(
        v,
        point,
        phase,
        line,
        image,
        height,
        width,
        channels,
        top,
        count,
        strideHeight,
        padLeft,
        kernelWidth,
        outWidth,
      );
      const to = y + <usize>((n * outHeight + first) * outWidth) * filterBytes;
      const all = rows * tilesWide;
      const vectors = (all + 3) >> 2;
      const blocks = (vectors + BLOCK - 1) / BLOCK;
      const block = ((vectors + blocks - 1) / blocks + 1) & ~1;
      for (let at = 0; at < vectors; at += block) {
        const now = min(block, vectors - at);
        for (let p: usize = 0; p < points; p++) {
          for (let f = 0; f < filters; ) {
            const height = heightOf(filters - f);
            const row = m + p * mStep + <usize>f * laneBytes;
            const from = v + p * point + ((<usize>at) << 4);
            const u = weights + p * weightStep + ((<usize>f) << 2);
            products(height, row, laneBytes, from, scratch, u, filterBytes, depth, (now + 1) >> 1);
            f += height;
          }
        }
        for (let f = 0; f < filters; f++) {
          const b: f32 = bias ? load<f32>(bias + ((<usize>f) << 2)) : 0;
          const row = <usize>f * laneBytes;
          if (kernelWidth == 3) rowsOutputLine6(lanes + row, mStep, m + row, mStep, b, now);
          else rowsOutputLine8(lanes + row, mStep, m + row, mStep, b, now);
        }
        const offset = <usize>at * 4 * tileBytes;
        if (!inPlace) {
          lanesToTiles(tiles + offset, lanes, laneBytes, filters << 2, now);
          continue;
        }
        // The last vector may be of fewer than four tiles.
        const whole = min(now, (all >> 2) - at);
        lanesToTiles(to + offset, lanes, laneBytes, filters << 2, whole);
        if (whole < now) {
          const last = (<usize>whole) << 4;
          lanesToTiles(tiles, lanes + last, laneBytes, filters << 2, 1);
          memory.copy(to + offset + (last * tileBytes) / 4, tiles, <usize>(all & 3) * tileBytes);
        }
      }
      if (!inPlace) {
        const row = <usize>outWidth * filterBytes;
        for (let i = 0; i < rows; i++) {
          memory.copy(to + <usize>i * row, tiles + <usize>(i * tilesWide) * tileBytes, row);
        }
      }
    }
  }
}

/**
 * For images [begin, end) what each adds to dU: sums[n] = Σ_tiles V_p[k, tile]·Z_p[f, tile], with Z = A·dY: [points, K, F] with
 * K filled up to what tiles can cover, and four floats behind. A band's sums are
 * added up lane by lane, then bands, then lanes.
 */
export function winogradRowsKernelSums(
  sums: usize,
  x: usize,
  dY: usize,
  scratch: usize,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filters: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideHeight: i32,
  padTop: i32,
  padLeft: i32,
  bandRows: i32,
  begin: i32,
  end: i32,
): void {
  const points = kernelWidth + 3;
  const depth = wholeDepth(kernelHeight * channels);
  const tilesWide = (outWidth + 3) >> 2;
  const phase = phaseBytes(bandRows, kernelHeight, strideHeight, tilesWide);
  const point = <usize>(channels * strideHeight) * phase;
  const line = aligned(
    writeRowOffsets(scratch, depth, kernelHeight, channels, strideHeight, phase, tilesWide),
  );
  const v = line + lineBytes(channels, tilesWide);
  const z = v + <usize>points * point;
  const vectorBytes = (<usize>filters) << 4;
  const most = <usize>((bandRows * tilesWide + 3) >> 2);
  const zStep = most * vectorBytes + GAP;
  const lanes = z + <usize>points * zStep; // [4, F], vectors
  const tiles = lanes + 4 * vectorBytes; // [tiles, 4, F]
  const partial = tiles + most * 4 * vectorBytes; // [points, K, F], vectors
  memory.fill(line, 0, z - line);
  memory.fill(tiles, 0, partial - tiles);
  const count = points * depth * filters;
  const filterBytes = (<usize>filters) << 2;
  const tileBytes = vectorBytes;
  const inPlace = (outWidth & 3) == 0;

  for (let n = begin; n < end; n++) {
    const image = x + ((<usize>n * <usize>(height * width * channels)) << 2);
    memory.fill(partial, 0, (<usize>count) << 4);
    for (let first = 0; first < outHeight; first += bandRows) {
      const rows = min(bandRows, outHeight - first);
      const top = first * strideHeight - padTop;
      const read = (rows - 1) * strideHeight + kernelHeight;
      transformRows(
        v,
        point,
        phase,
        line,
        image,
        height,
        width,
        channels,
        top,
        read,
        strideHeight,
        padLeft,
        kernelWidth,
        outWidth,
      );
      const slopes = dY + <usize>((n * outHeight + first) * outWidth) * filterBytes;
      const all = rows * tilesWide;
      const vectors = (all + 3) >> 2;
      const whole = inPlace ? all >> 2 : 0;
      if (!inPlace) {
        const row = <usize>outWidth * filterBytes;
        for (let i = 0; i < rows; i++) {
          memory.copy(tiles + <usize>(i * tilesWide) * tileBytes, slopes + <usize>i * row, row);
        }
        memory.fill(tiles + <usize>all * tileBytes, 0, <usize>((vectors << 2) - all) * tileBytes);
      } else if (whole < vectors) {
        const last = <usize>(whole << 2) * tileBytes;
        memory.copy(tiles, slopes + last, <usize>(all & 3) * tileBytes);
        memory.fill(tiles + <usize>(all & 3) * tileBytes, 0, <usize>(4 - (all & 3)) * tileBytes);
      }
      transformSlopes(z, zStep, points, lanes, slopes, filters, whole);
      const left = z + <usize>whole * vectorBytes;
      transformSlopes(left, zStep, points, lanes, tiles, filters, vectors - whole);
      for (let p = 0; p < points; p++) {
        const from = v + <usize>p * point;
        for (let f = 0; f < filters; f += 2) {
          const height = min(2, filters - f);
          const slope = z + <usize>p * zStep + ((<usize>f) << 4);
          let sum = partial + ((<usize>(p * depth * filters + f)) << 4);
          for (let k = 0; k < depth; ) {
            const group = widthOf(depth - k);
            const offsets = scratch + ((<usize>k) << 2);
            dots(height, group, sum, vectorBytes, from, offsets, slope, vectorBytes, vectors);
            sum += <usize>group * vectorBytes;
            k += group;
          }
        }
      }
    }
    sumLanes(sums + ((<usize>n * <usize>(count + 4)) << 2), partial, count);
  }
}

/** Z = A·dY for `vectors` times four tiles [4, F]: vectors [8, vectors, F], planes `step` apart. */
function transformSlopes(
  z: usize,
  step: usize,
  points: i32,
  lanes: usize,
  tiles: usize,
  filters: i32,
  vectors: i32,
): void {
  const vectorBytes = (<usize>filters) << 4;
  for (; vectors > 0; vectors--) {
    tilesToLanes(lanes, 16, tiles, filters << 2, 1);
    if (points == 6) {
      const lanes2 = lanes + 2 * vectorBytes;
      winogradGradientLine(
        z,
        step,
        32,
        lanes,
        lanes + vectorBytes,
        lanes2,
        lanes2 + vectorBytes,
        vectorBytes,
      );
    } else rowsGradientLine8(z, step, lanes, vectorBytes, filters);
    tiles += 4 * vectorBytes;
    z += vectorBytes;
  }
}

/** Window rows and channels, filled up to what tiles of three and four can cover. */
function wholeDepth(depth: i32): i32 {
  return depth == 5 ? 6 : max(3, depth);
}

/** The next tile's window rows and channels. */
function widthOf(left: i32): i32 {
  return (left & 3) == 0 ? 4 : 3;
}

/** The next tile's filters: as few tiles as there can be, of almost equal heights. */
function heightOf(left: i32): i32 {
  const tiles = (left + 5) / 6;
  return (left + tiles - 1) / tiles;
}
