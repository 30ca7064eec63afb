/** The batch that training takes at a step: the images in the epoch's order, scaled as the gather kernel scales them. */
import type { Dataset } from "../data/dataset.js";
import { permutation } from "../random.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";

export interface Batch {
  /** [N, H, W, C] */
  readonly x: NDArray;
  /** [N] */
  readonly labels: NDArray;
  /** Where the images lie in the dataset. */
  readonly examples: Int32Array;
}

/** @param step counts from 0, over all epochs; a last batch that is not full is as small as there */
export function trainingBatch(
  { count, imageShape, images, scale, labels }: Dataset,
  { seed, step, batchSize }: { readonly seed: number; readonly step: number; readonly batchSize: number },
): Batch {
  const stepsPerEpoch = Math.ceil(count / batchSize);
  const order = permutation(count, seed, Math.floor(step / stepsPerEpoch));
  const first = (step % stepsPerEpoch) * batchSize;
  const examples = order.slice(first, first + batchSize);
  const size = images.length / count;
  const factor = Math.fround(scale);
  const x = ndarray([examples.length, ...imageShape]);
  examples.forEach((example, n) => {
    for (let i = 0; i < size; i++) x.data[n * size + i] = Math.fround(images[example * size + i] * factor);
  });
  const held = Array.from(examples, (example) => labels[example]);
  return { x, labels: ndarray([examples.length], held), examples };
}
