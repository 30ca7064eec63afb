/**
 * CIFAR-100: 50,000 training and 10,000 test images of 32×32 pixels, in a hundred fine classes or twenty coarse ones. From the authors'
 * binary archive: a record is the coarse label, the fine label, then 1,024 red, 1,024 green and 1,024 blue bytes.
 * Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ErrorCode } from "../errorCodes.js";
import { DataError, mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { withFile } from "../formats/fileSource.js";
import { type Expected, readArchive } from "./archive.js";
import { sha256 } from "./cache.js";
import { interleave } from "./cifar10.js";
import type { Dataset, DatasetPair } from "./dataset.js";

const IMAGE_BYTES = 3072;
const RECORD_BYTES = 2 + IMAGE_BYTES;
const FOLDER = "cifar-100-binary";
const ARCHIVES = ["cifar-100-binary.tar.gz", "cifar-100-binary.tar"];
const NAMES_BYTES = 1 << 16;
const FILES = ["train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt"] as const;
type FileName = (typeof FILES)[number];

/** How many there are of what, and the files' sums; others in tests. */
export interface Cifar100Counts {
  readonly fine: number;
  readonly coarse: number;
  /** Images of each fine class. */
  readonly train: number;
  readonly test: number;
  readonly sha256: { readonly train: string; readonly test: string };
}

/**
 * Sums of the unpacked files, so that a packed archive, an unpacked one and one packed anew are told apart by what they hold.
 * Source: the CIFAR-100 dataset of torchvision for Ruby, whose sum of the archive (58a81ae1…a40d8ec) is also that of
 * MLDatasets.jl and of GoMLX.
 */
const COUNTS: Cifar100Counts = {
  fine: 100,
  coarse: 20,
  train: 500,
  test: 100,
  sha256: {
    train: "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
    test: "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
  },
};

export interface Cifar100Options {
  /** The authors' binary archive, packed or unpacked. */
  readonly dataDir?: string;
  readonly labels?: "fine" | "coarse"; // "fine"
  /** Takes files in this format with other bytes than the authors': cleaned labels, another hundred classes. */
  readonly unchecked?: boolean; // false
}

/** @throws DataError that says where the archive is to be had, or what is wrong with it */
export function cifar100(options: Cifar100Options = {}): Promise<DatasetPair> {
  return loadCifar100(options, COUNTS);
}

/** `cifar100` with other counts, for tests. */
export async function loadCifar100(options: Cifar100Options, counts: Cifar100Counts): Promise<DatasetPair> {
  rejectUnknownKeys("cifar100", options, ["dataDir", "labels", "unchecked"]);
  const { dataDir, labels = "fine", unchecked = false } = options;
  if (labels !== "fine" && labels !== "coarse") {
    throw new OptionError(mustBe("cifar100", "labels", 'be "fine" or "coarse"', labels));
  }
  if (dataDir === undefined) {
    throw new DataError(
      `cifar100: no npm package has it. Get ${ARCHIVES[0]} (161 MB) from https://www.cs.toronto.edu/~kriz/cifar.html, ` +
        "and name it, or the folder that it is in, with --data-dir.",
    );
  }
  const files = await readFiles(await locate(dataDir), counts);
  const names = {
    fine: namesOf(files, "fine_label_names.txt", counts.fine),
    coarse: namesOf(files, "coarse_label_names.txt", counts.coarse),
  };
  /** The coarse class of each fine one, in both files the same. */
  const coarseOf = new Map<number, number>();
  const part = (which: "train" | "test"): Dataset => {
    const records = files.get(`${which}.bin`)!;
    const count = counts.fine * counts[which];
    const images = new Uint8Array(count * IMAGE_BYTES);
    const chosen = new Uint8Array(count);
    const seen = new Array<number>(counts.fine).fill(0);
    for (let i = 0; i < count; i++) {
      const record = i * RECORD_BYTES;
      const [coarse, fine] = [records[record], records[record + 1]];
      if (coarse >= counts.coarse || fine >= counts.fine || (coarseOf.get(fine) ?? coarse) !== coarse) {
        throw refuse(`${which}.bin: image ${i} has the labels ${coarse} and ${fine}`, "CIFAR100_LABELS");
      }
      coarseOf.set(fine, coarse);
      seen[fine]++;
      chosen[i] = labels === "fine" ? fine : coarse;
      interleave(images, i * IMAGE_BYTES, records, record + 2);
    }
    const odd = seen.findIndex((number) => number !== counts[which]);
    if (odd >= 0) {
      throw refuse(
        `${which}.bin has ${seen[odd]} images of class ${odd} instead of ${counts[which]}`,
        "CIFAR100_LABELS",
      );
    }
    const sum = sha256(records);
    if (!unchecked && sum !== counts.sha256[which]) {
      throw new DataError(
        `cifar100: ${which}.bin from ${dataDir} must have SHA-256 ${counts.sha256[which]}; got ${sum}. ` +
          "It is not the authors' file; if that is meant, --unchecked takes it (in code: unchecked: true).",
        { code: "DATASET_SHA256" },
      );
    }
    return {
      name: `cifar100 ${which}`,
      count,
      imageShape: [32, 32, 3],
      images,
      scale: 1 / 255,
      labels: chosen,
      classes: names[labels],
      source: dataDir,
      licence:
        "none stated; its authors ask to cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    };
  };
  return { train: part("train"), test: part("test") };
}

function refuse(what: string, code: ErrorCode): DataError {
  return new DataError(`cifar100: ${what}.`, { code });
}

/** The archive or the folder with the files: `dataDir` itself, or in it. */
async function locate(dataDir: string): Promise<string> {
  let names: string[];
  try {
    if ((await stat(dataDir)).isFile()) return dataDir;
    names = await readdir(dataDir);
  } catch (cause) {
    throw new DataError(`cifar100: cannot read the data folder ${dataDir}: ${(cause as Error).message}.`, {
      cause,
      code: "FILE_NOT_FOUND",
    });
  }
  if (names.includes("train.bin")) return dataDir;
  const found = [FOLDER, ...ARCHIVES].find((name) => names.includes(name));
  if (!found) {
    throw new DataError(`cifar100: ${dataDir} must hold ${FOLDER} or ${ARCHIVES.join(" or ")}.`, {
      code: "FILE_NOT_FOUND",
    });
  }
  return join(dataDir, found);
}

async function readFiles(path: string, counts: Cifar100Counts): Promise<Map<string, Uint8Array>> {
  const bytesOf = (name: FileName) =>
    name === "train.bin" || name === "test.bin"
      ? counts.fine * counts[name === "train.bin" ? "train" : "test"] * RECORD_BYTES
      : undefined;
  const files = new Map<string, Uint8Array>();
  const take = (name: string, bytes: Uint8Array) => {
    const expected = bytesOf(name as FileName);
    if (expected !== undefined && bytes.length !== expected) {
      throw refuse(`${name} in ${path} must have ${expected} bytes; got ${bytes.length}`, "CIFAR100_FILE");
    }
    files.set(name, bytes);
  };
  if ((await stat(path)).isFile()) {
    const expected: Expected = new Map(
      FILES.map((name) => [name, { maximumBytes: bytesOf(name) ?? NAMES_BYTES }]),
    );
    await readArchive(path, expected, take);
    return files;
  }
  for (const name of FILES) {
    const most = bytesOf(name) ?? NAMES_BYTES;
    await withFile(join(path, name), async (source) => {
      if (source.size > most) {
        throw refuse(`${source.name} must have at most ${most} bytes; got ${source.size}`, "CIFAR100_FILE");
      }
      take(name, await source.read(0, source.size));
    });
  }
  return files;
}

function namesOf(files: ReadonlyMap<string, Uint8Array>, file: FileName, count: number): string[] {
  const text = new TextDecoder().decode(files.get(file));
  const names = text.split(/\r?\n/).filter((line) => line !== "");
  if (
    names.length !== count ||
    new Set(names).size !== count ||
    !names.every((name) => /^[\w -]{1,64}$/.test(name))
  ) {
    throw refuse(`${file} must hold ${count} different names, one a line`, "CIFAR100_NAMES");
  }
  return names;
}
