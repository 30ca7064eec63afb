/** One number of a stage's value, and where it lies. */
import { mustBe, OptionError } from "../errors.js";
import { type Shape, sizeOf, type Window2D, windowGeometry } from "../shape.js";
import type { Stage } from "./stages.js";
import type { ExplainedStep } from "./step.js";

export interface Cell {
  readonly stage: number;
  /** Position in the batch. */
  readonly image: number;
  /** Within the image, row-major: (row·W + column)·C + channel. */
  readonly index: number;
}

/** @throws OptionError unless there is such a cell */
export function checkCell({ stages, batch }: ExplainedStep, { stage, image, index }: Cell): void {
  const inside = (value: number, count: number) => Number.isInteger(value) && value >= 0 && value < count;
  if (!inside(stage, stages.length)) {
    throw new OptionError(mustBe("cell", "stage", `lie in 0 … ${stages.length - 1}`, stage));
  }
  if (!inside(image, batch)) {
    throw new OptionError(mustBe("cell", "image", `lie in 0 … ${batch - 1}`, image));
  }
  const count = sizeOf(stages[stage].shape);
  if (!inside(index, count)) {
    throw new OptionError(mustBe("cell", "index", `lie in 0 … ${count - 1}`, index, stages[stage].name));
  }
}

/** Position of a cell in its stage's whole batch. */
export function flatIndex(stage: Stage, image: number, index: number): number {
  return image * sizeOf(stage.shape) + index;
}

/** Row, column, channel of a picture's cell; for a vector row and column are 0. */
export function placeOf(shape: Shape, index: number): { row: number; column: number; channel: number } {
  if (shape.length !== 3) return { row: 0, column: 0, channel: index };
  const [, width, channels] = shape;
  const channel = index % channels;
  const position = Math.floor(index / channels);
  return { row: Math.floor(position / width), column: position % width, channel };
}

export function indexAt([, width, channels]: Shape, row: number, column: number, channel: number): number {
  return (row * width + column) * channels + channel;
}

/** Tap (a, b) of the window of an output, and where in the input it lies. */
export interface Tap {
  readonly a: number;
  readonly b: number;
  readonly row: number;
  readonly column: number;
}

/** The taps of an output's window that lie inside the input. */
export function tapsOf(input: Shape, window: Window2D, row: number, column: number): Tap[] {
  const [height, width] = input;
  const { padTop, padLeft } = windowGeometry("window", height, width, window);
  const taps: Tap[] = [];
  for (let a = 0; a < window.kernel[0]; a++) {
    for (let b = 0; b < window.kernel[1]; b++) {
      const tap = {
        a,
        b,
        row: row * window.strides[0] + a - padTop,
        column: column * window.strides[1] + b - padLeft,
      };
      if (tap.row >= 0 && tap.row < height && tap.column >= 0 && tap.column < width) taps.push(tap);
    }
  }
  return taps;
}

/** The outputs whose windows cover an input, each with the tap that lies on it. */
export function windowsOver(
  input: Shape,
  window: Window2D,
  row: number,
  column: number,
): { readonly row: number; readonly column: number; readonly a: number; readonly b: number }[] {
  const [height, width] = input;
  const { outHeight, outWidth, padTop, padLeft } = windowGeometry("window", height, width, window);
  const covering = (at: number, kernel: number, stride: number, count: number) => {
    const first = Math.max(0, Math.ceil((at - kernel + 1) / stride));
    const last = Math.min(count - 1, Math.floor(at / stride));
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => first + k);
  };
  const rows = covering(row + padTop, window.kernel[0], window.strides[0], outHeight);
  const columns = covering(column + padLeft, window.kernel[1], window.strides[1], outWidth);
  return rows.flatMap((i) =>
    columns.map((j) => ({
      row: i,
      column: j,
      a: row + padTop - i * window.strides[0],
      b: column + padLeft - j * window.strides[1],
    })),
  );
}
