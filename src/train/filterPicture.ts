/** What a network looks for first: the filters of its first convolution as a picture. */
import type { Conv2DOptions } from "../layers/conv2d.js";
import type { Graph } from "../models/graph.js";

export interface FilterPicture {
  /** The layer's name. */
  readonly layer: string;
  readonly width: number;
  readonly height: number;
  /** RGB, row by row. */
  readonly pixels: Uint8Array;
}

const SCALE = 8;
const GAP = 4;
const BACKGROUND = 255;

/**
 * Filters side by side, each with its own contrast: its smallest weight black, its largest white. Three channels are red,
 * green and blue; of any other number the mean is shown in grey. Undefined for a network without convolutions.
 */
export function filterPicture(
  graph: Graph,
  weights: ReadonlyMap<string, Float32Array>,
): FilterPicture | undefined {
  const node = graph.nodes.find(({ layer }) => layer.kind === "conv2d");
  if (!node) return undefined;
  const { filters } = node.options as Conv2DOptions;
  const [kh, kw, channels] = node.specs.kernel.shape;
  const kernel = weights.get(`${node.name}/kernel`)!; // [kh, kw, C, F]
  const columns = Math.ceil(Math.sqrt(filters));
  const rows = Math.ceil(filters / columns);
  const [cellHeight, cellWidth] = [kh * SCALE + GAP, kw * SCALE + GAP];
  const [width, height] = [columns * cellWidth + GAP, rows * cellHeight + GAP];
  const pixels = new Uint8Array(width * height * 3).fill(BACKGROUND);
  for (let f = 0; f < filters; f++) {
    const [top, left] = [Math.floor(f / columns) * cellHeight + GAP, (f % columns) * cellWidth + GAP];
    const colours = normalized(kernel, f, filters, channels);
    for (let y = 0; y < kh * SCALE; y++) {
      for (let x = 0; x < kw * SCALE; x++) {
        const from = (Math.floor(y / SCALE) * kw + Math.floor(x / SCALE)) * 3;
        pixels.set(colours.subarray(from, from + 3), ((top + y) * width + left + x) * 3);
      }
    }
  }
  return { layer: node.name, width, height, pixels };
}

/** One filter as RGB bytes, place by place. */
function normalized(kernel: Float32Array, f: number, filters: number, channels: number): Uint8Array {
  const places = kernel.length / (channels * filters);
  const at = (place: number, channel: number) => kernel[(place * channels + channel) * filters + f];
  const mean = (place: number) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += at(place, c);
    return sum / channels;
  };
  const shown = Float64Array.from({ length: places * 3 }, (_, i) => {
    const place = Math.floor(i / 3);
    return channels === 3 ? at(place, i % 3) : mean(place);
  });
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  return Uint8Array.from(shown, (value) =>
    high > low ? Math.round((255 * (value - low)) / (high - low)) : 128,
  );
}
