/**
 * winogradRows.ts where the filters are whole panels of eight: lanes are filters, so that outputs and slopes lie in memory as they
 * are used, and only pictures are turned into lanes:
 *   Y = Aᵀ·M,  M_p [tiles, 8] = Σ_k V_p[k, tiles]·U_p[k, 8],  for each panel.
 * Derivation: docs/winograd.md.
 */
import { aligned, GAP, lineBytes, phaseBytes, transformRows, writeRowOffsets } from "./winogradRowsInput";
import { transformKernel } from "./winogradRowsKernel";
import { panelDots, panelProducts, TILES } from "./winogradRowsPanelsTiles";
import { winogradGradientRun, winogradOutputLineBias, winogradOutputRun } from "./winogradTransforms";
import { winogradGradientRun8, winogradOutputLine8, winogradOutputRun8 } from "./winogradTransforms8";

/**
 * Tiles of which all filters' products wait for their transform, so that outputs are written one after the other: in panels of eight
 * filters, 32 bytes here and there, that takes some three times as long where they go to memory. bench/winogradRows.bench.ts
 */
const BLOCK: i32 = 2 * TILES;

/** Y = conv2d(X, W) + b for images [begin, end); bias 0 for none. Scratch: see src/backend/wasm/winogradRows.ts. */
export function winogradRowsPanelsForward(
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
  const filterBytes = (<usize>filters) << 2;
  const weights = v + points * point;
  const weightStep = <usize>depth * filterBytes + GAP;
  const copy = weights + points * weightStep;
  const biases = transformKernel(
    weights,
    weightStep,
    kernel,
    copy,
    kernelHeight,
    kernelWidth,
    channels * filters,
  );
  if (bias) memory.copy(biases, bias, filterBytes);
  else memory.fill(biases, 0, filterBytes);
  const spare = biases + filterBytes; // a pixel beyond the edge
  const m = spare + filterBytes;
  const mStep = <usize>BLOCK * filterBytes + GAP;

  for (let n = begin; n < end; n++) {
    const image = x + ((<usize>n * <usize>(height * width * channels)) << 2);
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
      const to = y + <usize>((n * outHeight + first) * outWidth) * filterBytes;
      const tiles = rows * tilesWide;
      for (let block = 0; block < tiles; block += BLOCK) {
        const last = min(tiles, block + BLOCK);
        for (let f: usize = 0; f < filterBytes; f += 32) {
          let products = m + f;
          for (let t = block; t < last; t += TILES) {
            const from = v + ((<usize>t) << 2);
            panelProducts(
              products,
              mStep,
              from,
              point,
              scratch,
              weights + f,
              weightStep,
              filterBytes,
              depth,
              points,
            );
            products += <usize>TILES * filterBytes;
          }
        }
        storeTiles(to, m, mStep, biases, spare, block, last, outWidth, filterBytes, kernelWidth);
      }
    }
  }
}

/** Aᵀ·M + bias of tiles [begin, end); y is where the first tile's outputs go, spare a pixel beyond the edge. */
function storeTiles(
  y: usize,
  m: usize,
  step: usize,
  bias: usize,
  spare: usize,
  begin: i32,
  end: i32,
  outWidth: i32,
  filterBytes: usize,
  kernelWidth: i32,
): void {
  const whole = outWidth >> 2;
  const left = outWidth & 3;
  const tilesWide = (outWidth + 3) >> 2;
  for (let t = begin; t < end; ) {
    const i = t / tilesWide;
    const j = t % tilesWide;
    const to = y + <usize>(i * outWidth + (j << 2)) * filterBytes;
    if (j < whole) {
      const run = min(end - t, whole - j);
      if (kernelWidth == 3) winogradOutputRun(to, m, step, bias, filterBytes, filterBytes, run);
      else winogradOutputRun8(to, m, step, bias, filterBytes, filterBytes, run);
      m += <usize>run * filterBytes;
      t += run;
    } else {
      const to1 = left > 1 ? to + filterBytes : spare;
      const to2 = left > 2 ? to1 + filterBytes : spare;
      if (kernelWidth == 3) winogradOutputLineBias(to, to1, to2, spare, m, step, bias, filterBytes);
      else winogradOutputLine8(to, to1, to2, spare, m, step, bias, filterBytes);
      m += filterBytes;
      t++;
    }
  }
}

/**
 * For images [begin, end) what each adds to dU: sums[n] = Σ_tiles V_p[k, tile]·Z_p[tile, f], with Z = A·dY: [points, K, F] and
 * four floats. A block's sums are added up first, then blocks.
 */
export function winogradRowsPanelsKernelSums(
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
  blockRows: i32,
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
  const filterBytes = (<usize>filters) << 2;
  const edge = v + points * point; // a tile at the right edge, [4, F]
  const z = edge + 4 * filterBytes;
  const zStep = <usize>(blockRows * tilesWide) * 32 + GAP;
  const zPanel = points * zStep;
  const plane = <usize>depth * filterBytes;
  const whole = outWidth >> 2;
  const left = outWidth & 3;
  memory.fill(edge, 0, 4 * filterBytes);

  for (let n = begin; n < end; n++) {
    const image = x + ((<usize>n * <usize>(height * width * channels)) << 2);
    const sum = sums + <usize>n * (points * plane + 16);
    memory.fill(sum, 0, points * plane);
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
      for (let i = 0; i < rows; i += blockRows) {
        const now = min(blockRows, rows - i);
        const from = v + ((<usize>(i * tilesWide)) << 2);
        let row = z;
        let slopes = dY + <usize>((n * outHeight + first + i) * outWidth) * filterBytes;
        for (let r = 0; r < now; r++) {
          if (kernelWidth == 3)
            winogradGradientRun(row, zStep, zPanel, slopes, filterBytes, filterBytes, whole);
          else winogradGradientRun8(row, zStep, zPanel, slopes, filterBytes, filterBytes, whole);
          if (left) {
            memory.copy(edge, slopes + <usize>(whole << 2) * filterBytes, <usize>left * filterBytes);
            const last = row + <usize>(whole << 5);
            if (kernelWidth == 3) winogradGradientRun(last, zStep, zPanel, edge, filterBytes, filterBytes, 1);
            else winogradGradientRun8(last, zStep, zPanel, edge, filterBytes, filterBytes, 1);
          }
          row += <usize>(tilesWide << 5);
          slopes += <usize>outWidth * filterBytes;
        }
        row = z;
        for (let f: usize = 0; f < filterBytes; f += 32) {
          for (let p: usize = 0; p < points; p++) {
            panelDots(
              sum + p * plane + f,
              filterBytes,
              from + p * point,
              scratch,
              row,
              depth,
              now * tilesWide,
            );
            row += zStep;
          }
        }
      }
    }
  }
}
