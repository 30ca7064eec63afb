/** An image as text: two rows of pixels a line, since a terminal's cell is about twice as high as wide. */
import type { Dataset } from "../data/index.js";

const SHADES = " ░▒▓█";
const RESET = "\x1b[0m";

type Colour = readonly [number, number, number];

/**
 * With colour: ▀ whose foreground is the upper pixel and whose background the lower, in 24-bit colours.
 * Without: five shades, by the mean luminance of both, meant for light text on dark ground.
 */
export function terminalImage(dataset: Dataset, index: number, options: { colour: boolean }): string {
  const [height, width] = dataset.imageShape;
  const rgb = imageRgb(dataset, index);
  const pixel = (y: number, x: number): Colour | undefined => {
    const at = (y * width + x) * 3;
    return y < height ? [rgb[at], rgb[at + 1], rgb[at + 2]] : undefined;
  };
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = "";
    for (let x = 0; x < width; x++) {
      const upper = pixel(y, x)!;
      const lower = pixel(y + 1, x); // none below the last row of an odd height
      line += options.colour ? halfBlock(upper, lower) : shade(upper, lower ?? upper);
    }
    lines.push(options.colour ? line + RESET : line.trimEnd());
  }
  return lines.join("\n");
}

function halfBlock(upper: Colour, lower: Colour | undefined): string {
  const below = lower ? `\x1b[48;2;${lower.join(";")}m` : "\x1b[49m";
  return `\x1b[38;2;${upper.join(";")}m${below}▀`;
}

function shade(upper: Colour, lower: Colour): string {
  const mean = (luminance(upper) + luminance(lower)) / 2;
  return SHADES[Math.min(SHADES.length - 1, Math.floor((mean / 256) * SHADES.length))];
}

/** Rec. 709 luma. */
function luminance([r, g, b]: Colour): number {
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** uint8 [H, W, 3] of one image, each pixel enlarged to `zoom` × `zoom`; grey becomes colour. */
export function imageRgb(dataset: Dataset, index: number, zoom = 1): Uint8Array {
  const [height, width, channels] = dataset.imageShape;
  const start = index * height * width * channels;
  const rgb = new Uint8Array(height * zoom * width * zoom * 3);
  for (let y = 0; y < height * zoom; y++) {
    for (let x = 0; x < width * zoom; x++) {
      const from = start + (Math.floor(y / zoom) * width + Math.floor(x / zoom)) * channels;
      for (let c = 0; c < 3; c++) {
        const value = dataset.images[from + (channels === 1 ? 0 : c)] * dataset.scale * 255;
        rgb[(y * width * zoom + x) * 3 + c] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
  return rgb;
}
