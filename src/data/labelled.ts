/** Datasets from arrays that anybody may have written: every size, type and label is checked, and memory follows from the file. */
import { DataError, show } from "../errors.js";
import { sizeOf } from "../shape.js";
import type { Dataset, DatasetPair } from "./dataset.js";
import type { ImageShape } from "./pictures.js";
import { divided, type SplitOptions } from "./split.js";

/** A part of a file with images in it. */
export interface Part {
  readonly count: number;
  readonly imageShape: ImageShape;
  readonly images: Uint8Array | Float32Array;
  readonly scale: number;
  readonly labels: Uint8Array | Int32Array;
}

export interface LabelledOptions extends SplitOptions {
  /** In label order; default "0", "1", … */
  readonly classNames?: readonly string[];
}

/** What a packed file may unpack to: no dataset that is worth training on is packed to less. */
export const MOST_RATIO = 64;
export const RATIO_FREE_BYTES = 1 << 24;
/** A run's memory has 4 GiB at most, with the network in it. */
export const MAX_BYTES = 3 * 2 ** 30;
/** Above this a label is a mistake. */
const MAX_CLASSES = 10_000;

export function unpackedLimit(packedBytes: number): number {
  return Math.min(MAX_BYTES, RATIO_FREE_BYTES + MOST_RATIO * packedBytes);
}

/** @param label names the label in messages @throws DataError */
export function checkLabel(label: number, name: string): void {
  if (Number.isInteger(label) && label >= 0 && label < MAX_CLASSES) return;
  throw new DataError(`${name} must be a whole number in 0 … ${MAX_CLASSES - 1}; got ${label}.`, {
    code: "DATASET_LABEL",
  });
}

/** @param kind "idx" @throws DataError when the parts do not fit together, or the names do not fit them */
export function labelledPair(
  kind: string,
  source: string,
  train: Part,
  test: Part | undefined,
  options: LabelledOptions,
): DatasetPair {
  if (test && show(test.imageShape) !== show(train.imageShape)) {
    const what = `training images have shape ${show(train.imageShape)}, test images ${show(test.imageShape)}`;
    throw new DataError(`${kind}: ${source}: ${what}.`, { code: "DATASET_ARRAY_SHAPE" });
  }
  let largest = 0;
  for (const { labels } of test ? [train, test] : [train]) {
    for (const label of labels) largest = Math.max(largest, label);
  }
  const { classNames } = options;
  if (classNames && classNames.length <= largest) {
    throw new DataError(
      `${kind}: ${source} has the label ${largest}; got ${classNames.length} class names, the last for label ${classNames.length - 1}.`,
    );
  }
  const classes = classNames ?? Array.from({ length: largest + 1 }, (_, label) => String(label));
  const dataset = (part: Part, which: string): Dataset => {
    const { count, imageShape, images, labels } = part;
    if (labels.length !== count || images.length !== count * sizeOf(imageShape) || count === 0) {
      throw new DataError(`${kind}: ${source}: ${which} has ${count} images and ${labels.length} labels.`, {
        code: "DATASET_COUNT",
      });
    }
    return { ...part, name: `${kind} ${which}`, classes, source, licence: "yours" };
  };
  return divided(dataset(train, "train"), test && dataset(test, "test"), options);
}
