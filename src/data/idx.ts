/**
 * Any IDX files of bytes, as MNIST's, Fashion-MNIST's, KMNIST's and EMNIST's: big-endian 0, 0, 8 (bytes), number of dimensions, each dimension as uint32,
 * values; plain or packed with gzip. Images are [N, H, W] or [N, H, W, C], labels [N].
 * Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", 1998.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { ErrorCode } from "../errorCodes.js";
import { DataError, FileError, rejectUnknownKeys, show } from "../errors.js";
import { withFile } from "../formats/fileSource.js";
import { sizeOf } from "../shape.js";
import type { DatasetPair } from "./dataset.js";
import { type LabelledOptions, labelledPair, MAX_BYTES, type Part, unpackedLimit } from "./labelled.js";
import { checkSplit } from "./split.js";

const BYTE_TYPE = 8;
const GZIP = [0x1f, 0x8b];
/** `emnist-letters-train-images-idx3-ubyte.gz`, `t10k-labels.idx1-ubyte` */
const FILE_NAME = /^(.*?)(train|t10k|test)[-_.](images|labels)[-_.]idx[134]-ubyte(\.gz)?$/i;

type Kind = "images" | "labels";
type Files = Partial<Record<`${"train" | "test"}-${Kind}`, string>>;

/**
 * @param path  a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and, if there is a test part, t10k-… (or test-…); of
 *   a folder with several sets, the path with what their names begin with: `emnist/emnist-letters`
 * @throws DataError, FileError naming the file that is missing, damaged or no such file
 */
export async function idx(path: string, options: LabelledOptions = {}): Promise<DatasetPair> {
  rejectUnknownKeys("idx", options, ["testSplit", "validationSplit", "seed", "classNames"]);
  checkSplit("idx", options);
  const files = await locate(path);
  const train = await readPart(files, "train", path);
  const hasTest = files["test-images"] !== undefined || files["test-labels"] !== undefined;
  const test = hasTest ? await readPart(files, "test", path) : undefined;
  return labelledPair("idx", path, train!, test, options);
}

async function locate(path: string): Promise<Files> {
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
  const [folder, wanted] = isFolder ? [path, undefined] : [dirname(path), basename(path)];
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(`idx: cannot read the folder ${folder}: ${cause.message}.`, {
      cause,
      code: cause.code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE",
    });
  });
  const sets = new Map<string, Files>();
  for (const name of names.sort()) {
    const [, prefix, part, kind] = FILE_NAME.exec(name) ?? [];
    if (prefix === undefined || (wanted !== undefined && prefix.replace(/[-_.]$/, "") !== wanted)) continue;
    const which = part.toLowerCase() === "train" ? "train" : "test";
    const files = sets.get(prefix) ?? {};
    // Sorted, so that a plain file comes before a packed one of the same name, and stays.
    files[`${which}-${kind.toLowerCase() as Kind}`] ??= join(folder, name);
    sets.set(prefix, files);
  }
  if (sets.size > 1) {
    const choices = [...sets.keys()].map((prefix) => show(join(folder, prefix.replace(/[-_.]$/, ""))));
    throw new DataError(`idx: ${folder} has several sets: ${choices.join(", ")}. Name one of them.`);
  }
  const [files] = sets.values();
  if (!files) {
    throw new DataError(
      `idx: ${path} has no IDX files: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-…, plain or .gz.`,
      { code: "FILE_NOT_FOUND" },
    );
  }
  return files;
}

async function readPart(files: Files, which: "train" | "test", path: string): Promise<Part> {
  const file = (kind: Kind) => {
    const found = files[`${which}-${kind}`];
    if (found) return found;
    throw new DataError(`idx: ${path} lacks the ${kind} of its ${which} part.`, { code: "FILE_NOT_FOUND" });
  };
  const [imagesFile, labelsFile] = [file("images"), file("labels")];
  const images = parseIdx(imagesFile, await readUnpacked(imagesFile), "images");
  const labels = parseIdx(labelsFile, await readUnpacked(labelsFile), "labels");
  const [count, height, width, channels = 1] = images.shape;
  return {
    count,
    imageShape: [height, width, channels],
    images: images.values,
    scale: 1 / 255,
    labels: labels.values,
  };
}

async function readUnpacked(path: string): Promise<Uint8Array> {
  const bytes = await withFile(path, (source) => {
    if (source.size > MAX_BYTES) {
      throw new FileError(`${path} has ${source.size} bytes, more than a run could hold.`, {
        code: "DATASET_TOO_LARGE",
      });
    }
    return source.read(0, source.size);
  });
  if (!GZIP.every((byte, i) => bytes[i] === byte)) return bytes;
  return unpackIdx(path, bytes);
}

/** @throws DataError */
export function unpackIdx(name: string, packed: Uint8Array): Uint8Array {
  try {
    return gunzipSync(packed, { maxOutputLength: unpackedLimit(packed.length) });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith("Z_") && code !== "ERR_BUFFER_TOO_LARGE") throw cause;
    throw new DataError(`idx: ${name} cannot be unpacked: ${message}.`, { cause, code: "IDX_GZIP" });
  }
}

/** @param name for messages @throws DataError unless it is bytes of that kind, with just the values that its dimensions need */
export function parseIdx(
  name: string,
  bytes: Uint8Array,
  kind: Kind,
): { shape: number[]; values: Uint8Array } {
  const refuse = (what: string, code: ErrorCode) => new DataError(`idx: ${name} ${what}.`, { code });
  const ranks = kind === "images" ? [3, 4] : [1];
  const rank = bytes[3];
  const isIdx = bytes[0] === 0 && bytes[1] === 0 && bytes[2] === BYTE_TYPE;
  if (bytes.length < 4 || !isIdx || !ranks.includes(rank)) {
    const found = show(Array.from(bytes.subarray(0, 4)));
    throw refuse(
      `must begin with 0, 0, 8 (bytes) and ${ranks.join(" or ")} dimensions; got ${found}`,
      "IDX_MAGIC",
    );
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw refuse(`ends within its header, at byte ${bytes.length}`, "IDX_SIZE");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  if (shape.includes(0) || (rank === 4 && shape[3] !== 1 && shape[3] !== 3)) {
    throw refuse(`must have images of 1 or 3 channels, and none of no size; got ${show(shape)}`, "IDX_SHAPE");
  }
  if (bytes.length !== start + sizeOf(shape)) {
    throw refuse(
      `has shape ${show(shape)} and must have ${start + sizeOf(shape)} bytes; got ${bytes.length}`,
      "IDX_SIZE",
    );
  }
  return { shape, values: bytes.subarray(start) };
}
