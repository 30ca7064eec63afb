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
