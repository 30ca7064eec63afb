/**
 * HDF5, read by h5wasm, its authors' C library as WebAssembly, in a thread of its own: with bounds on everything, a time limit, and no
 * link followed. Only what holds models is taken: float32 datasets, and texts among the attributes.
 */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { ErrorCode } from "../errorCodes.js";
import { CbapdError, FileError, show } from "../errors.js";
import type { Shape } from "../shape.js";
import type { ByteSource } from "./byteSource.js";

export interface Hdf5Dataset {
  /** "/model_weights/conv2d/conv2d/kernel:0" */
  readonly path: string;
  readonly shape: Shape;
  /** Undefined where it is no float32. */
  readonly data: Float32Array | undefined;
}

export interface Hdf5File {
  readonly datasets: readonly Hdf5Dataset[];
  /** Texts among a group's attributes. */
  text(path: string, name: string): readonly string[] | undefined;
}

export interface Hdf5Options {
  /** Of these attributes only, also with a number behind. */
  readonly attributes: readonly string[];
  /** Of the uppermost groups and datasets: not looked into. */
  readonly skip?: readonly string[];
  readonly timeLimitMs?: number; // 60,000
}

export interface Hdf5Limits {
  readonly objects: number;
  readonly depth: number;
  readonly dataBytes: number;
  readonly textBytes: number;
}

export type Hdf5Answer =
  | { readonly kind: "missing" }
  | {
      readonly kind: "refused";
      readonly message: string;
      readonly code: "HDF5_DAMAGED" | "HDF5_LINK" | "HDF5_TOO_LARGE" | "HDF5_TOO_MANY";
    }
  | {
      readonly kind: "read";
      readonly datasets: readonly Hdf5Dataset[];
      readonly texts: readonly { readonly path: string; readonly name: string; readonly values: string[] }[];
    };

export const HDF5_SIGNATURE = Buffer.from("\x89HDF\r\n\x1a\n", "latin1");
const MAX_BYTES = 2 ** 30;
const MAX_OBJECTS = 20_000;
const MAX_DEPTH = 32;
const MAX_TEXT_BYTES = 1 << 24;
/** Deflated datasets may be larger than the file, but not by more. */
const UNPACKED_EXTRA_BYTES = 1 << 24;
const TIME_LIMIT_MS = 60_000;
/** Of the thread's own heap, where the files' bytes are not. */
const HEAP_MB = 256;

/** @throws FileError with one of the HDF5_ codes; CbapdError when h5wasm is not installed */
export async function readHdf5(source: ByteSource, options: Hdf5Options): Promise<Hdf5File> {
  const { name, size } = source;
  const refuse = (what: string, code: ErrorCode, cause?: unknown) =>
    new FileError(`${name} is damaged or no HDF5 file that is read here: ${what}.`, { code, cause });
  const { length } = HDF5_SIGNATURE;
  if (size < length || !HDF5_SIGNATURE.equals(await source.read(0, length))) {
    throw refuse("it does not begin with \\x89HDF", "HDF5_SIGNATURE");
  }
  if (size > MAX_BYTES) throw refuse(`it has ${size} bytes, more than ${MAX_BYTES}`, "HDF5_TOO_LARGE");
  const bytes = await source.read(0, size);
  const limits: Hdf5Limits = {
    objects: MAX_OBJECTS,
    depth: MAX_DEPTH,
    dataBytes: size + UNPACKED_EXTRA_BYTES,
    textBytes: MAX_TEXT_BYTES,
  };
  const { attributes, skip = [], timeLimitMs = TIME_LIMIT_MS } = options;
  const answer = await inThread({ bytes, limits, attributes, skip }, timeLimitMs, refuse);
  if (answer.kind === "missing") {
    throw new CbapdError(
      `${name} is an HDF5 file, and reading it needs the package h5wasm: npm install h5wasm`,
    );
  }
  if (answer.kind === "refused") throw refuse(oneLine(answer.message), answer.code);
  const texts = new Map(answer.texts.map(({ path, name: key, values }) => [`${path} ${key}`, values]));
  return { datasets: answer.datasets, text: (path, key) => texts.get(`${path} ${key}`) };
}

function inThread(
  work: { readonly bytes: Uint8Array<ArrayBuffer> } & Record<string, unknown>,
  timeLimitMs: number,
  refuse: (what: string, code: ErrorCode, cause?: unknown) => FileError,
): Promise<Hdf5Answer> {
  const thread = new Worker(createRequire(import.meta.url).resolve("#hdf5-worker"), {
    workerData: work,
    transferList: [work.bytes.buffer],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    // The library tells its errors there, too.
    stdout: true,
    stderr: true,
    env: {},
  });
  return new Promise<Hdf5Answer>((resolve, reject) => {
    const late = () => reject(refuse(`it took longer than ${timeLimitMs / 1000} s`, "HDF5_TIME"));
    const timer = setTimeout(late, timeLimitMs);
    thread.once("message", resolve);
    thread.once("error", (cause: Error) => reject(refuse(oneLine(cause.message), "HDF5_DAMAGED", cause)));
    thread.once("exit", () => reject(refuse("the thread that read it ended", "HDF5_DAMAGED")));
    thread.once("exit", () => clearTimeout(timer));
  }).finally(() => thread.terminate());
}

/** What the library says has many lines, and may quote the file. */
function oneLine(message: string): string {
  return show(message.split("\n", 1)[0].replace(/\.$/, "")).slice(1, -1);
}
