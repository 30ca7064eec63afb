/** What `cbapd data` prints about one part of a dataset; plain JSON. */
import { sha256 } from "./cache.js";
import { classCounts } from "./checks.js";
import type { Dataset } from "./dataset.js";

export interface DatasetDescription {
  readonly name: string;
  readonly count: number;
  readonly imageShape: readonly [number, number, number];
  readonly classCounts: Readonly<Record<string, number>>;
  /** Of the values' bytes; numbers of more than one byte are little-endian on every machine that runs this. */
  readonly imagesSha256: string;
  readonly labelsSha256: string;
}

export function describe(dataset: Dataset): DatasetDescription {
  const { name, count, imageShape, images, labels } = dataset;
  const counts = classCounts(dataset);
  return {
    name,
    count,
    imageShape,
    classCounts: Object.fromEntries(dataset.classes.map((className, i) => [className, counts[i]])),
    imagesSha256: sha256(bytesOf(images)),
    labelsSha256: sha256(bytesOf(labels)),
  };
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
