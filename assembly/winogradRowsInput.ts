/**
 * The picture's part of winogradRows.ts and winogradRowsPanels.ts: V = Bᵀ·d along the width, in planes [point, channel, rows·tiles].
 * Each row of the picture is transformed once for all windows.
 */
import { rowsInputLine6, rowsInputLine8, tilesToLanes } from "./winogradRowsTransforms";

/** Behind each plane: what is read there goes to sums that are not used; and planes do not meet in one set of the cache. */
export const GAP: usize = 64;

/** V for rows [top, top + count) of the picture; rows outside of it are zeros. */
export function transformRows(
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
  kernelWidth: i32,
  outWidth: i32,
): void {
  const tilesWide = (outWidth + 3) >> 2;
  const points = kernelWidth + 3;
  const columns = min(width, outWidth + kernelWidth - 1 - padLeft);
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
      for (let p = 0; p < points; p++) {
        for (let c = 0; c < channels; c++) {
          memory.fill(to + <usize>p * point + <usize>c * channelStep, 0, (<usize>tilesWide) << 2);
        }
      }
      continue;
    }
    memory.copy(inside, image + <usize>(i * width) * pixel, <usize>columns * pixel);
    tilesToLanes(lanes, laneStep, line, values, readVectors);
    for (let c = 0; c < channels; c++) {
      const from = lanes + <usize>c * laneStep;
      if (kernelWidth == 3) rowsInputLine6(to, point, from, columnStep, vectors);
      else rowsInputLine8(to, point, from, columnStep, vectors);
      to += channelStep;
    }
  }
}

/** Where the tiles of window row and channel k lie in a point's planes; of `depth` the last is repeated. */
export function writeRowOffsets(
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
export function phaseBytes(bandRows: i32, kernelHeight: i32, strideHeight: i32, tilesWide: i32): usize {
  const rows = bandRows + (kernelHeight - 1) / strideHeight;
  return aligned((<usize>(rows * tilesWide)) << 2) + GAP;
}

/** A padded row of the picture in whole vectors of tiles, and its columns as lanes. */
export function lineBytes(channels: i32, tilesWide: i32): usize {
  const values = (<usize>channels) << 2;
  return ((<usize>((tilesWide >> 2) + 1)) << 4) * values + values * laneBytesOf(tilesWide);
}

/** Columns of all tiles, and of the one behind the last. */
export function laneBytesOf(tilesWide: i32): usize {
  return (<usize>(((tilesWide + 3) >> 2) + 1)) << 4;
}

export function aligned(address: usize): usize {
  return (address + 15) & ~15;
}
