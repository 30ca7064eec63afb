/**
 * Ten classes of coloured shapes, drawn by code: needs no file and no network, and serves tests and first tries.
 * Everything is integer arithmetic on Philox words, so that the bytes are the same on every machine.
 * Position, size, tilt, colours and noise vary; specks of other colours lie about, so that no single pixel and no
 * mean colour tells the class.
 */
import { mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { Purpose, randomWords } from "../random.js";
import type { Dataset, DatasetPair } from "./dataset.js";

const SIZE = 32;
const CHANNELS = 3;
/** Training and test images come from different streams: image i is the same however many there are. */
const TEST_STREAM = 0x80000000;

/** How many there are unless told otherwise. */
export const SHAPES_COUNTS = { train: 2000, test: 500 } as const;

export interface ShapesOptions {
  readonly train?: number; // 2000
  readonly test?: number; // 500
  readonly seed?: number; // 0
}

/** Is (u, v) in the shape? v points down; the shape lies in |u|, |v| ≤ r. All three share one unit. */
type Inside = (u: number, v: number, r: number) => boolean;

const disc: Inside = (u, v, r) => u * u + v * v <= r * r;
const square: Inside = (u, v, r) => 5 * Math.max(Math.abs(u), Math.abs(v)) <= 4 * r;
const innerSquare: Inside = (u, v, r) => 9 * Math.max(Math.abs(u), Math.abs(v)) <= 4 * r;
const arm: Inside = (u, v, r) => 4 * Math.abs(u) <= r && Math.abs(v) <= r;

const SHAPES: Readonly<Record<string, Inside>> = {
  disc,
  square,
  triangle: (u, v, r) => 2 * Math.abs(u) <= v + r && v <= r,
  diamond: (u, v, r) => Math.abs(u) + Math.abs(v) <= r,
  ring: (u, v, r) => disc(u, v, r) && 16 * (u * u + v * v) >= 9 * r * r,
  frame: (u, v, r) => square(u, v, r) && !innerSquare(u, v, r),
  plus: (u, v, r) => arm(u, v, r) || arm(v, u, r),
  // |u ± v| is √2 times the distance from a diagonal: 3/8 of r keeps the arms as wide as those of plus.
  cross: (u, v, r) => square(u, v, r) && 8 * Math.min(Math.abs(u - v), Math.abs(u + v)) <= 3 * r,
  crescent: (u, v, r) => disc(u, v, r) && !disc(2 * u - r, 2 * v, 2 * r - Math.floor(r / 4)),
  bars: (u, v, r) =>
    square(u, v, r) && (5 * Math.abs(v) <= r || 5 * Math.abs(v) >= 2 * r + Math.floor(r / 4)),
};
const CLASSES = Object.keys(SHAPES);
const INSIDE = Object.values(SHAPES);

/** Balanced: image i is of class i mod 10. @throws OptionError unless the counts are positive integers */
export function shapes(options: ShapesOptions = {}): DatasetPair {
  rejectUnknownKeys("shapes", options, ["train", "test", "seed"]);
  const { train = SHAPES_COUNTS.train, test = SHAPES_COUNTS.test, seed = 0 } = options;
  for (const [key, value] of Object.entries({ train, test })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError(mustBe("shapes", key, "be a positive integer", value));
    }
  }
  if (!Number.isInteger(seed)) throw new OptionError(mustBe("shapes", "seed", "be an integer", seed));
  return { train: part("train", train, seed, 0), test: part("test", test, seed, TEST_STREAM) };
}

function part(name: string, count: number, seed: number, firstStream: number): Dataset {
  const imageBytes = SIZE * SIZE * CHANNELS;
  const images = new Uint8Array(count * imageBytes);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = i % INSIDE.length;
    const words = randomWords(seed, Purpose.Dataset, firstStream + i);
    draw(images.subarray(i * imageBytes, (i + 1) * imageBytes), INSIDE[labels[i]], words);
  }
  return {
    name: `shapes ${name}`,
    count,
    imageShape: [SIZE, SIZE, CHANNELS],
    images,
    scale: 1 / 255,
    labels,
    classes: CLASSES,
    source: `drawn by code, seed ${seed}`,
    licence: "MIT, as cbapd itself",
  };
}

/** Quarter pixels: four samples a pixel, at odd coordinates, make the edges smooth. */
const UNIT = 4;
const SAMPLES = [1, 3];
/** Tilt by 2·atan(p / 16), |p| ≤ 2, at most 14°: a square must not become a diamond. */
const TILT = 16;

function draw(image: Uint8Array, inside: Inside, words: () => number): void {
  /** Uniform enough in low … high: the bias of a remainder is below 2⁻²². */
  const between = (low: number, high: number) => low + (words() % (high - low + 1));
  const colour = (low: number, high: number) => [between(low, high), between(low, high), between(low, high)];
  // The shape is the brighter one, by 50 a channel on average at least: of either sign, a small network first learns
  // nothing for several epochs, which is too long for a test.
  const background = colour(0, 160);
  const brighter = () => {
    for (;;) {
      const candidate = colour(60, 255);
      if (candidate.reduce((sum, value, c) => sum + value - background[c], 0) >= 150) return candidate;
    }
  };
  const foreground = brighter();
  const r = between(7 * UNIT, 13 * UNIT);
  const centre = () => between(r, SIZE * UNIT - r);
  const [x0, y0] = [centre(), centre()];
  // cos = (16² − p²)/(16² + p²) and sin = 2·16·p/(16² + p²) are rational: scaled by the denominator, all stays integer.
  const p = between(-2, 2);
  const [cos, sin, scale] = [TILT * TILT - p * p, 2 * TILT * p, TILT * TILT + p * p];
  const coverage = (x: number, y: number) => {
    let hits = 0;
    for (const a of SAMPLES) {
      for (const b of SAMPLES) {
        const [u, v] = [x * UNIT + a - x0, y * UNIT + b - y0];
        if (inside(cos * u + sin * v, cos * v - sin * u, r * scale)) hits++;
      }
    }
    return hits;
  };

  const full = SAMPLES.length * SAMPLES.length;
  const specks = Array.from({ length: between(2, 6) }, () => ({
    x: between(0, SIZE - 1),
    y: between(0, SIZE - 1),
    width: between(1, 4),
    height: between(1, 4),
    colour: colour(0, 255),
  }));
  const noise = between(4, 40);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const hits = coverage(x, y);
      const speck = specks.find((s) => x >= s.x && x < s.x + s.width && y >= s.y && y < s.y + s.height);
      const behind = speck?.colour ?? background;
      for (let c = 0; c < CHANNELS; c++) {
        const mixed = Math.floor((foreground[c] * hits + behind[c] * (full - hits)) / full);
        image[(y * SIZE + x) * CHANNELS + c] = Math.min(255, Math.max(0, mixed + between(-noise, noise)));
      }
    }
  }
}
