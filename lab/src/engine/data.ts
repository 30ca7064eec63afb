/** Datasets in the tab: drawn by the library, or fetched from the page's own origin. */
import { DataError, type Dataset, type DatasetPair, datasets } from "./library.js";
import type { DataName, DatasetView, ImagesView } from "./protocol/train.js";

/** So many of `shapes`: what `--limit 200 --limit-test 200` takes. */
const SAMPLE = { train: 200, test: 200 };

/** The page's address. */
let page = location.href;

export function setPage(address: string): void {
  page = address;
}

const loaded = new Map<DataName, Promise<DatasetPair>>();

export function dataset(name: DataName): Promise<DatasetPair> {
  let pair = loaded.get(name);
  if (!pair) {
    pair = load(name);
    loaded.set(name, pair);
    // The next one who wants it tries again.
    pair.catch(() => loaded.delete(name));
  }
  return pair;
}

async function load(name: DataName): Promise<DatasetPair> {
  switch (name) {
    case "sample":
      return datasets.shapes(SAMPLE);
    case "shapes":
      return datasets.shapes();
    case "cifar10":
      return fetchPair(new URL("./data/cifar10/", page));
  }
}

/** Any static host can have these files; `cbapd lab` does. */
export async function hasCifar10(): Promise<boolean> {
  const response = await fetch(new URL("./data/index.json", page)).catch(() => undefined);
  if (!response?.ok) return false;
  const index: unknown = await response.json().catch(() => undefined);
  return (index as { cifar10?: unknown } | undefined)?.cifar10 === true;
}

async function fetchPair(folder: URL): Promise<DatasetPair> {
  const get = async (name: string): Promise<Response> => {
    const response = await fetch(new URL(name, folder)).catch((cause: Error) => {
      throw new DataError(`cifar10: ${name} cannot be fetched: ${cause.message}. Is the server still there?`);
    });
    if (response.ok) return response;
    throw new DataError(`cifar10: ${name} cannot be fetched: ${(await response.text()).trim()}`);
  };
  const bytes = async (name: string) => new Uint8Array(await (await get(name)).arrayBuffer());
  const about = (await (await get("index.json")).json()) as Omit<DatasetView, "name"> & { scale: number };
  const part = async (which: "train" | "test"): Promise<Dataset> => {
    const [images, labels] = await Promise.all([bytes(`${which}-images`), bytes(`${which}-labels`)]);
    const count = which === "train" ? about.trainCount : about.testCount;
    const [height, width, channels] = about.imageShape;
    if (labels.length !== count || images.length !== count * height * width * channels) {
      throw new DataError(
        `cifar10: ${which} must have ${count} images; the server sent another number of bytes.`,
      );
    }
    const { imageShape, classes, scale, licence } = about;
    return { name: `cifar10 ${which}`, count, imageShape, images, scale, labels, classes, licence };
  };
  const [train, test] = await Promise.all([part("train"), part("test")]);
  return { train, test };
}

export async function describeData(name: DataName): Promise<DatasetView> {
  const { train, test } = await dataset(name);
  return {
    name,
    trainCount: train.count,
    testCount: test.count,
    imageShape: train.imageShape,
    classes: train.classes,
    licence: train.licence ?? "",
  };
}

export async function testImages(wanted: {
  readonly data: DataName;
  readonly from: number;
  readonly count: number;
}): Promise<ImagesView> {
  const { test } = await dataset(wanted.data);
  const from = Math.min(wanted.from, test.count);
  const to = Math.min(from + wanted.count, test.count);
  const size = test.images.length / test.count;
  return {
    pixels: Uint8Array.from(test.images.subarray(from * size, to * size)),
    labels: Uint8Array.from(test.labels.subarray(from, to)),
  };
}
