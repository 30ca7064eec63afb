/**
 * Convolutions of few filters or channels and kernels five wide, of horizontal stride 1, by Winograd's F(4, 5) along the width:
 *   Y = Aᵀ·M,  M_p [F, tiles] = Σ_k U_p[k, F]·V_p[k, tiles],  k over window rows and channels,
 * for each of the eight points p. A row of outputs is cut into tiles of four; lanes are tiles, row after row without a gap, so
 * that the window's row a is the same list of tiles some rows further. For a vertical stride s rows 0, s, 2s …, rows 1, s + 1 …
 * and so on lie in planes of their own, which keeps that true. Each row of the picture is transformed once for all windows.
 * The work goes in bands of `bandRows` rows of outputs. Derivation: docs/winograd.md.
 */

import { dots, products, sumLanes } from "./winogradRowsTiles";
import {
  lanesToTiles,
  rowsGradientLine,
  rowsInputLine,
  rowsOutputLine,
  tilesToLanes,
} from "./winogradRowsTransforms";
import { winogradKernelGradientLine8, winogradKernelLine8 } from "./winogradTransforms8";

const POINTS: i32 = 8;
/** Behind each plane: what is read there goes to lanes that are not used; and planes do not meet in one set of the cache. */
const GAP: usize = 64;
/** Vectors of tiles whose products are in the cache at a time: bench/winogradRows.bench.ts */
const BLOCK: i32 = 24;
/** Images whose sums are added up before they join the others': shorter sums round less. */
const SUMMED: i32 = 16;

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
  strideHeight: i32,
  padTop: i32,
  padLeft: i32,
  bandRows: i32,
  begin: i32,
  end: i32,
): void {
  const depth = kernelHeight * channels;
  const tilesWide = (outWidth + 3) >> 2;
  const phase = phaseBytes(bandRows, kernelHeight, strideHeight, tilesWide);
  const point = <usize>(channels * strideHeight) * phase;
  const line = aligned(
    writeRowOffsets(scratch, depth, kernelHeight, channels, strideHeight, phase, tilesWide),
  );
  const v = line + lineBytes(channels, tilesWide);
  memory.fill(line, 0, v + <usize>POINTS * point - line);
  const weights = v + <usize>POINTS * point;
  const weightStep = ((<usize>(depth * filters)) << 2) + GAP;
  const m = transformKernel(weights, weightStep, kernel, kernelHeight, channels * filters);
  const laneBytes = (<usize>BLOCK) << 4;
  const mStep = <usize>filters * laneBytes;
  const lanes = m + <usize>POINTS * mStep; // [4·F, lanes]
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
      const columns = min(width, outWidth + 4 - padLeft);
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
        columns,
        tilesWide,
      );
      const to = y + <usize>((n * outHeight + first) * outWidth) * filterBytes;
      const all = rows * tilesWide;
      const vectors = (all + 3) >> 2;
      const blocks = (vectors + BLOCK - 1) / BLOCK;
      const block = ((vectors + blocks - 1) / blocks + 1) & ~1;
      for (let at = 0; at < vectors; at += block) {
        const now = min(block, vectors - at);
        for (let p: usize = 0; p < <usize>POINTS; p++) {
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
          rowsOutputLine(lanes + row, mStep, m + row, mStep, b, now);
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
 * For images [begin, end) what each adds to dU: sums[n] = Σ_tiles V_p[k, tile]·Z_p[f, tile], with Z = A·dY: [8, K, F] with
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
  strideHeight: i32,
  padTop: i32,
  padLeft: i32,
  bandRows: i32,
  begin: i32,
  end: i32,
): void {
  const depth = wholeDepth(kernelHeight * channels);
  const tilesWide = (outWidth + 3) >> 2;
  const phase = phaseBytes(bandRows, kernelHeight, strideHeight, tilesWide);
  const point = <usize>(channels * strideHeight) * phase;
  const line = aligned(
    writeRowOffsets(scratch, depth, kernelHeight, channels, strideHeight, phase, tilesWide),
  );
  const v = line + lineBytes(channels, tilesWide);
  const z = v + <usize>POINTS * point;
  const vectorBytes = (<usize>filters) << 4;
  const most = <usize>((bandRows * tilesWide + 3) >> 2);
  const zStep = most * vectorBytes + GAP;
  const lanes = z + <usize>POINTS * zStep; // [4, F], vectors
  const tiles = lanes + 4 * vectorBytes; // [tiles, 4, F]
  const partial = tiles + most * 4 * vectorBytes; // [8, K, F], vectors
  memory.fill(line, 0, z - line);
  memory.fill(tiles, 0, partial - tiles);
  const count = POINTS * depth * filters;
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
      const columns = min(width, outWidth + 4 - padLeft);
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
        columns,
        tilesWide,
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
      transformSlopes(z, zStep, lanes, slopes, filters, whole);
      const left = z + <usize>whole * vectorBytes;
      transformSlopes(left, zStep, lanes, tiles, filters, vectors - whole);
      for (let p = 0; p < POINTS; p++) {
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

/** Rows [begin, end) of dW = Gᵀ·dU, with dU the sum of all images' `sums`. Scratch: 14 rows of C·F floats, each in whole vectors. */
export function winogradRowsKernelGradient(
  dKernel: usize,
  sums: usize,
  scratch: usize,
  images: i32,
  channels: i32,
  filters: i32,
  kernelHeight: i32,
  begin: i32,
  end: i32,
): void {
  const depth = wholeDepth(kernelHeight * channels);
  const image = (<usize>(POINTS * depth * filters + 4)) << 2;
  const run = channels * filters;
  const vectors = (run + 3) >> 2;
  const row = (<usize>vectors) << 4;
  const results = scratch + <usize>POINTS * row;
  const group = results + 5 * row;
  for (let a = begin; a < end; a++) {
    memory.fill(scratch, 0, <usize>POINTS * row);
    for (let p = 0; p < POINTS; p++) {
      const from = sums + ((<usize>(p * depth * filters + a * run)) << 2);
      const to = scratch + <usize>p * row;
      for (let first = 0; first < images; first += SUMMED) {
        memory.fill(group, 0, row);
        const behind = min(images, first + SUMMED);
        for (let n = first; n < behind; n++) addRow(group, from + <usize>n * image, vectors);
        addRow(to, group, vectors);
      }
    }
    winogradKernelGradientLine8(results, row, scratch, row, row);
    const to = dKernel + ((<usize>(a * 5 * run)) << 2);
    const bytes = (<usize>run) << 2;
    for (let b: usize = 0; b < 5; b++) memory.copy(to + b * bytes, results + b * row, bytes);
  }
}

function addRow(to: usize, from: usize, vectors: i32): void {
  for (; vectors > 0; vectors--) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
}

/** U = G·g along the width, [8, kh·C, F], planes `step` apart. Returns the address behind it and a copy of the kernel. */
function transformKernel(to: usize, step: usize, kernel: usize, kernelHeight: i32, run: i32): usize {
  const row = (<usize>run) << 2;
  const copy = aligned(to + <usize>POINTS * step);
  const bytes = <usize>(kernelHeight * 5) * row;
  memory.copy(copy, kernel, bytes);
  // A row's last vector may write into the next row, which comes after it.
  for (let a: usize = 0; a < <usize>kernelHeight; a++) {
    winogradKernelLine8(to + a * row, step, copy + a * 5 * row, row, row);
  }
  return aligned(copy + bytes) + GAP;
}

/** V for rows [top, top + count) of the picture; rows outside of it are zeros. */
function transformRows(
  v: usize,
  point: usize,
  phase: usize,
  line: usize,
  image: usize,
  height: i32,
  width: i32,
  channels: i32,
  top: i32,
  count: i32,
  strideHeight: i32,
  padLeft: i32,
  columns: i32,
  tilesWide: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const laneStep = laneBytesOf(tilesWide);
  const columnStep = <usize>channels * laneStep;
  const values = channels << 2;
  const vectors = (tilesWide + 3) >> 2;
  const readVectors = (tilesWide >> 2) + 1;
  const lanes = line + <usize>(readVectors << 2) * 4 * pixel; // [4·C, lanes]
  const channelStep = <usize>strideHeight * phase;
  const inside = line + <usize>padLeft * pixel;
  for (let q = 0; q < count; q++) {
    const i = top + q;
    let to = v + <usize>(q % strideHeight) * phase + ((<usize>((q / strideHeight) * tilesWide)) << 2);
    if (i < 0 || i >= height) {
      for (let p = 0; p < POINTS; p++) {
        for (let c = 0; c < channels; c++) {
          memory.fill(to + <usize>p * point + <usize>c * channelStep, 0, (<usize>tilesWide) << 2);
        }
      }
      continue;
    }
    memory.copy(inside, image + <usize>(i * width) * pixel, <usize>columns * pixel);
    tilesToLanes(lanes, laneStep, line, values, readVectors);
    for (let c = 0; c < channels; c++) {
      rowsInputLine(to, point, lanes + <usize>c * laneStep, columnStep, vectors);
      to += channelStep;
    }
  }
}

/** Z = A·dY for `vectors` times four tiles [4, F]: vectors [8, vectors, F], planes `step` apart. */
function transformSlopes(
  z: usize,
  step: usize,
  lanes: usize,
  tiles: usize,
  filters: i32,
  vectors: i32,
): void {
  const vectorBytes = (<usize>filters) << 4;
  for (; vectors > 0; vectors--) {
    tilesToLanes(lanes, 16, tiles, filters << 2, 1);
    rowsGradientLine(z, step, lanes, vectorBytes, filters);
    tiles += 4 * vectorBytes;
    z += vectorBytes;
  }
}

/** Where the tiles of window row and channel k lie in a point's planes; of `depth` the last is repeated. */
function writeRowOffsets(
  to: usize,
  depth: i32,
  kernelHeight: i32,
  channels: i32,
  strideHeight: i32,
  phase: usize,
  tilesWide: i32,
): usize {
  for (let k = 0; k < depth; k++) {
    const last = min(k, kernelHeight * channels - 1);
    const a = last / channels;
    const c = last % channels;
    const plane = <usize>(c * strideHeight + (a % strideHeight)) * phase;
    store<u32>(to, <u32>(plane + ((<usize>((a / strideHeight) * tilesWide)) << 2)));
    to += 4;
  }
  return to;
}

/** A plane of the rows i ≡ r modulo the stride that a band reads. */
function phaseBytes(bandRows: i32, kernelHeight: i32, strideHeight: i32, tilesWide: i32): usize {
  const rows = bandRows + (kernelHeight - 1) / strideHeight;
  return aligned((<usize>(rows * tilesWide)) << 2) + GAP;
}

/** A padded row of the picture in whole vectors of tiles, and its columns as lanes. */
function lineBytes(channels: i32, tilesWide: i32): usize {
  const values = (<usize>channels) << 2;
  return ((<usize>((tilesWide >> 2) + 1)) << 4) * values + values * laneBytesOf(tilesWide);
}

/** Columns of all tiles, and of the one behind the last. */
function laneBytesOf(tilesWide: i32): usize {
  return (<usize>(((tilesWide + 3) >> 2) + 1)) << 4;
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

function aligned(address: usize): usize {
  return (address + 15) & ~15;
}
