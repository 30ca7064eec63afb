/** Datasets in the tab. */
import { datasets } from "./library.js";
import type { DataName, DatasetView } from "./protocol/train.js";

type Pair = ReturnType<typeof datasets.shapes>;
const SAMPLE = { train: 200, test: 200 };

const loaded = new Map<DataName, Promise<Pair>>();

export function dataset(name: DataName): Promise<Pair> {
  let pair = loaded.get(name);
  if (!pair) {
    pair = load(name);
    loaded.set(name, pair);
    pair.catch(() => loaded.delete(name));
  }
  return pair;
}

async function load(name: DataName): Promise<Pair> {
  switch (name) {
    case "sample":
      return datasets.shapes(SAMPLE);
    case "shapes":
      return datasets.shapes();
    case "cifar10":
      throw new Error("CIFAR-10 needs the server of `cbapd lab`.");
  }
}

export async function describeData(name: DataName): Promise<DatasetView> {
  const { train, test } = await dataset(name);
  return {
    name,
    trainCount: train.count,
    testCount: test.count,
    imageShape: train.imageShape,
    classes: train.classes,
    source: train.source ?? "",
    licence: train.licence ?? "",
  };
}
