/** What every dataset is, wherever it came from. */
export interface Dataset {
  /** "cifar10 train" */
  readonly name: string;
  readonly count: number;
  /** [H, W, C] */
  readonly imageShape: readonly [number, number, number];
  /** NHWC, row-major, `count` images. */
  readonly images: Uint8Array | Float32Array;
  /** What an image's numbers are multiplied by to become the network's input: 1/255 for bytes. */
  readonly scale: number;
  /** Class index of each image. */
  readonly labels: Uint8Array | Int32Array;
  /** Class names, in label order. */
  readonly classes: readonly string[];
  /** The file of each image, where each has one of its own. */
  readonly files?: readonly string[];
  readonly source?: string;
  readonly licence?: string;
}

/** Training and test part of a dataset. */
export interface DatasetPair {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Bytes that are still in a file. */
export interface StoredBytes {
  readonly byteLength: number;
  /** A part of them. */
  subarray(begin: number, end: number): StoredBytes;
  /** Reads them to where they are wanted. @throws DataError when they are no longer what they were */
  readInto(target: Uint8Array): Promise<void>;
  /** Reads, at once, only `length` bytes at each of `begins`. @returns false where only `readInto` can tell whether they are right */
  readSomeInto(target: Uint8Array, begins: readonly number[], length: number): boolean;
}

// Not enumerable: a copy with other images must not have it.
const STORED = Symbol("stored images");

/** A dataset whose images are read when somebody looks at them, once; training reads them to where it needs them. */
export function withStoredImages(
  rest: Omit<Dataset, "images">,
  stored: StoredBytes,
  read: () => Uint8Array,
): Dataset {
  let images: Uint8Array | undefined;
  const dataset = {
    ...rest,
    get images() {
      images ??= read();
      return images;
    },
  };
  return Object.defineProperty(dataset, STORED, { value: () => images ?? stored });
}

/** Where a dataset's images are: in memory, or in a file. */
export function imagesOf(dataset: Dataset): Dataset["images"] | StoredBytes {
  const { [STORED]: where } = dataset as { [STORED]?: () => Uint8Array | StoredBytes };
  return where ? where() : dataset.images;
}
