/** Parts of a dataset, and what can be said about one. Runs in browsers too. */
import { DataError, mustBe, OptionError } from "../errors.js";
import { sizeOf } from "../shape.js";
import { type Dataset, imagesOf, withStoredImages } from "./dataset.js";

/** The first `count` images, or all where there are fewer; shares the memory. @throws OptionError unless positive */
export function limit(dataset: Dataset, count: number): Dataset {
  requireLimit(count);
  if (count >= dataset.count) return dataset;
  const size = count * sizeOf(dataset.imageShape);
  const images = imagesOf(dataset);
  const labels = dataset.labels.subarray(0, count);
  if (ArrayBuffer.isView(images)) return { ...dataset, count, images: images.subarray(0, size), labels };
  const { name, imageShape, scale, classes, source, licence } = dataset;
  return withStoredImages(
    { name, count, imageShape, scale, labels, classes, source, licence },
    images.subarray(0, size),
    () => (dataset.images as Uint8Array).subarray(0, size),
  );
}

/** Apart, so that a wrong limit is an error before anything is fetched. */
export function requireLimit(count: number): void {
  if (!Number.isInteger(count) || count < 1) {
    throw new OptionError(mustBe("limit", "count", "be a positive integer", count));
  }
}

/**
 * Checks a dataset against itself and against a network's number of classes, before a label becomes an address.
 * @throws DataError with the first wrong label's image, value and bound
 */
export function checkLabels(dataset: Dataset, classes: number): void {
  const { name, count, images, labels, imageShape } = dataset;
  if (labels.length !== count || images.length !== count * sizeOf(imageShape)) {
    throw new DataError(
      `${name}: must have one label and ${sizeOf(imageShape)} values for each of its ${count} images; ` +
        `got ${labels.length} labels and ${images.length} values.`,
    );
  }
  const wrong = labels.findIndex((label: number) => label < 0 || label >= classes);
  if (wrong >= 0) {
    const rule = `lie in 0 … ${classes - 1}`;
    throw new DataError(
      mustBe(name, `the label of image ${wrong}`, rule, labels[wrong], `the network has ${classes} classes`),
    );
  }
}

/** Number of images of each class, in label order. */
export function classCounts(dataset: Dataset): number[] {
  const counts = dataset.classes.map(() => 0);
  for (const label of dataset.labels) counts[label]++;
  return counts;
}
