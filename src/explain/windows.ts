/** What moving windows do with a picture: im2col's matrix, the output-size formula in numbers, and where max pooling takes its values. */
import { mustBe, OptionError } from "../errors.js";
import { type Padding, sizeOf, windowAxis } from "../shape.js";
import { flatIndex, indexAt, placeOf, tapsOf } from "./cells.js";
import { firstLargest } from "./forward.js";
import type { ExplainedStep } from "./step.js";

/** im2col(X) of one image: a row for each output position, a column for each weight of a filter. */
export interface Im2col {
  /** Ho·Wo */
  readonly rows: number;
  /** kh·kw·C */
  readonly columns: number;
  /** Of the output: row r of the matrix is the window of output (⌊r/Wo⌋, r mod Wo). */
  readonly outWidth: number;
  /** Column (a·kw + b)·C + c is tap (a, b) of channel c. */
  readonly kernel: readonly [number, number];
  readonly channels: number;
  readonly values: Float64Array;
  /** Where in the image [H, W, C] each element comes from; −1 on padding, whose value is 0. */
  readonly source: Int32Array;
}

/** @throws OptionError unless the stage is a convolution */
export function im2col(step: ExplainedStep, stageIndex: number, image: number): Im2col {
  const stage = step.stages[stageIndex];
  if (stage?.kind !== "conv2d") {
    throw new OptionError(mustBe("im2col", "stage", "be a convolution", stage?.name));
  }
  const input = step.stages[stage.inputs[0]];
  const [height, width, channels] = input.shape;
  const [outHeight, outWidth] = stage.shape;
  const { kernel } = stage.window!;
  const columns = kernel[0] * kernel[1] * channels;
  const rows = outHeight * outWidth;
  const source = new Int32Array(rows * columns).fill(-1);
  for (let r = 0; r < rows; r++) {
    const row = Math.floor(r / outWidth);
    for (const tap of tapsOf([height, width], stage.window!, row, r % outWidth)) {
      const first = (tap.a * kernel[1] + tap.b) * channels;
      for (let c = 0; c < channels; c++) {
        source[r * columns + first + c] = indexAt(input.shape, tap.row, tap.column, c);
      }
    }
  }
  const x = step.values[input.index].data;
  const start = flatIndex(input, image, 0);
  const values = Float64Array.from(source, (at) => (at < 0 ? 0 : x[start + at]));
  return { rows, columns, outWidth, kernel, channels, values, source };
}

/** The output-size rule along one axis, with every number that stands in it. */
export interface AxisNumbers {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: Padding;
  /** same: ⌈size/stride⌉; valid: ⌊(size − kernel)/stride⌋ + 1; below 1 where the window does not fit. */
  readonly out: number;
  /** max((out − 1)·stride + kernel − size, 0); 0 for valid. */
  readonly total: number;
  readonly before: number;
  readonly after: number;
  /** Rows at the end that no window reaches. */
  readonly unseen: number;
}

/** @throws OptionError unless all are positive integers */
export function axisNumbers(size: number, kernel: number, stride: number, padding: Padding): AxisNumbers {
  for (const [name, value] of Object.entries({ size, kernel, stride })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError(mustBe("padding", name, "be a positive integer", value));
    }
  }
  const { out, before, after } = windowAxis(size, kernel, stride, padding);
  const reached = (out - 1) * stride + kernel - before;
  const unseen = out < 1 ? size : Math.max(0, size - reached);
  return { size, kernel, stride, padding, out, total: before + after, before, after, unseen };
}

/** Where one image's max pooling takes its values, and sends its gradients. */
export interface Routes {
  /** For each output cell, the index within its input image of what it copies. */
  readonly from: Int32Array;
  /** For each input cell, how many outputs copy it. */
  readonly taken: Uint16Array;
}

/** @throws OptionError unless the stage is a max pooling */
export function poolingRoutes(step: ExplainedStep, stageIndex: number, image: number): Routes {
  const stage = step.stages[stageIndex];
  if (stage?.kind !== "max_pooling2d") {
    throw new OptionError(mustBe("poolingRoutes", "stage", "be a max pooling", stage?.name));
  }
  const input = step.stages[stage.inputs[0]];
  const x = step.values[input.index].data;
  const start = flatIndex(input, image, 0);
  const from = new Int32Array(sizeOf(stage.shape));
  const taken = new Uint16Array(sizeOf(input.shape));
  from.forEach((_, index) => {
    const { row, column, channel } = placeOf(stage.shape, index);
    const places = tapsOf(input.shape, stage.window!, row, column).map((tap) =>
      indexAt(input.shape, tap.row, tap.column, channel),
    );
    from[index] = places[firstLargest(places.map((at) => x[start + at]))];
    taken[from[index]]++;
  });
  return { from, taken };
}
