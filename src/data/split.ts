/** Stratified splits: a share of each class is set aside. Runs in browsers too. */
import { DataError, mustBe, OptionError } from "../errors.js";
import { Purpose, randomWords } from "../random.js";
import { sizeOf } from "../shape.js";
import type { Dataset, DatasetPair } from "./dataset.js";

/** How training images become a test part. */
export interface SplitOptions {
  /** Share of each class that becomes the test part, where the data has none of its own; in (0, 1). */
  readonly testSplit?: number; // 0.2
  /** The same of the training images, also where the data has a test part, which is then left out. */
  readonly validationSplit?: number;
  /** Chooses which images those are. */
  readonly seed?: number; // 0
}

const TEST_SPLIT = 0.2;

/** @throws OptionError */
export function checkSplit(where: string, options: SplitOptions): void {
  for (const name of ["testSplit", "validationSplit"] as const) {
    const share = options[name];
    if (share !== undefined && !(share > 0 && share < 1)) {
      throw new OptionError(mustBe(where, name, "lie between 0 and 1", share));
    }
  }
}

/** The share to set aside; undefined when the test part is to be the data's own. */
export function shareOf(
  { testSplit = TEST_SPLIT, validationSplit }: SplitOptions,
  hasTest: boolean,
): number | undefined {
  return validationSplit ?? (hasTest ? undefined : testSplit);
}

/**
 * Which of a class's `count` images are set aside: round(count·share), at least one, but never a class's only image. A function of
 * seed, label and count alone, in whole numbers: the same on every machine.
 */
export function chosen(count: number, share: number, seed: number, label: number): Set<number> {
  const wanted = Math.min(count - 1, Math.max(1, Math.round(count * share)));
  const next = randomWords(seed, Purpose.Dataset, label);
  const ranked = Array.from({ length: count }, (_, i) => ({ i, word: next() }));
  ranked.sort((a, b) => a.word - b.word || a.i - b.i);
  return new Set(ranked.slice(0, wanted).map(({ i }) => i));
}

/** Training and test part as the options want them. @throws OptionError, DataError */
export function divided(train: Dataset, test: Dataset | undefined, options: SplitOptions): DatasetPair {
  const share = shareOf(options, test !== undefined);
  if (share === undefined) return { train, test: test! };
  return splitStratified(train, share, options.seed);
}

/** Both parts keep the images' order. @throws OptionError; DataError when no class has two images */
export function splitStratified(dataset: Dataset, share: number, seed = 0): DatasetPair {
  checkSplit("split", { validationSplit: share });
  const ofClass = dataset.classes.map((): number[] => []);
  dataset.labels.forEach((label, i) => void ofClass[label].push(i));
  const aside = new Set<number>();
  ofClass.forEach((images, label) => {
    for (const i of chosen(images.length, share, seed, label)) aside.add(images[i]);
  });
  if (aside.size === 0) {
    throw new DataError(`${dataset.name}: no class has two images, so that none can be set aside.`);
  }
  const all = Array.from({ length: dataset.count }, (_, i) => i);
  const base = dataset.name.replace(/ train$/, "");
  return {
    train: take(
      dataset,
      all.filter((i) => !aside.has(i)),
      dataset.name,
    ),
    test: take(
      dataset,
      all.filter((i) => aside.has(i)),
      `${base} validation`,
    ),
  };
}

/** These images, copied. */
export function take(dataset: Dataset, indices: readonly number[], name = dataset.name): Dataset {
  const { images, labels, files } = dataset;
  const size = sizeOf(dataset.imageShape);
  const someImages = images.slice(0, 0).constructor as typeof Uint8Array | typeof Float32Array;
  const some = new someImages(indices.length * size);
  const someLabels = labels.slice(0, indices.length);
  indices.forEach((index, i) => {
    some.set(images.subarray(index * size, (index + 1) * size), i * size);
    someLabels[i] = labels[index];
  });
  return {
    ...dataset,
    name,
    count: indices.length,
    images: some,
    labels: someLabels,
    ...(files && { files: indices.map((index) => files[index]) }),
  };
}
