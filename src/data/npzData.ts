/**
 * Images and labels in a NumPy npz: x and y, or x_train, y_train, x_test, y_test as in Keras' mnist.npz, or train_images,
 * train_labels, … Images are uint8, or floats that are taken as they are; [N, H, W] or [N, H, W, C]. Labels are whole numbers, [N] or [N, 1].
 */
import type { ErrorCode } from "../errorCodes.js";
import { DataError, rejectUnknownKeys, show } from "../errors.js";
import { withFile } from "../formats/fileSource.js";
import type { NpyArray } from "../formats/npy.js";
import { parseNpz } from "../formats/npz.js";
import type { DatasetPair } from "./dataset.js";
import { checkLabel, type LabelledOptions, labelledPair, type Part, unpackedLimit } from "./labelled.js";
import { checkSplit } from "./split.js";

/** In this order: [images, labels, their part]. */
const NAMES = [
  ["x_train", "y_train", "x_test", "y_test"],
  ["train_images", "train_labels", "test_images", "test_labels"],
  ["x", "y"],
] as const;

export interface NpzDataOptions extends LabelledOptions {
  /** Default: Node's own warning on stderr. */
  readonly onWarning?: (message: string) => void;
}

/** @throws DataError, FileError naming the array that is missing, or of another type or shape than images and labels have */
export async function npz(path: string, options: NpzDataOptions = {}): Promise<DatasetPair> {
  rejectUnknownKeys("npz", options, ["testSplit", "validationSplit", "seed", "classNames", "onWarning"]);
  checkSplit("npz", options);
  const warn = options.onWarning ?? ((message: string) => process.emitWarning(message, "DataWarning"));
  const arrays = await withFile(path, (source) =>
    parseNpz(source, { maximumBytes: unpackedLimit(source.size) }),
  );
  const { train, test, others } = partsOf(path, arrays);
  if (others.length > 0) warn(`npz: ${path}: arrays that are not used: ${others.join(", ")}.`);
  return labelledPair("npz", path, train, test, options);
}

/** @throws DataError */
export function partsOf(
  path: string,
  arrays: ReadonlyMap<string, NpyArray>,
): { train: Part; test: Part | undefined; others: string[] } {
  const names = NAMES.find(([images, labels]) => arrays.has(images) || arrays.has(labels));
  if (!names) {
    const found = [...arrays.keys()].slice(0, 10).map(show).join(", ");
    throw new DataError(
      `npz: ${path} must have arrays x and y, or x_train, y_train, x_test, y_test; got ${found || "none"}.`,
      { code: "DATASET_ARRAY_MISSING" },
    );
  }
  const [trainImages, trainLabels, testImages, testLabels] = names;
  const part = (images: string, labels: string): Part => {
    for (const name of [images, labels]) {
      if (!arrays.has(name)) {
        throw new DataError(`npz: ${path} lacks the array ${name}.`, { code: "DATASET_ARRAY_MISSING" });
      }
    }
    return {
      ...imagesOf(`npz: ${path}: ${images}`, arrays.get(images)!),
      labels: labelsOf(`npz: ${path}: ${labels}`, arrays.get(labels)!),
    };
  };
  const hasTest = testImages !== undefined && (arrays.has(testImages) || arrays.has(testLabels));
  return {
    train: part(trainImages, trainLabels),
    test: hasTest ? part(testImages, testLabels) : undefined,
    others: [...arrays.keys()].filter((name) => !(names as readonly string[]).includes(name)),
  };
}

function imagesOf(name: string, { type, shape, data }: NpyArray): Omit<Part, "labels"> {
  const refuse = (what: string, code: ErrorCode) => new DataError(`${name} ${what}`, { code });
  const [count, height, width, channels = 1] = shape;
  const fits = (shape.length === 3 || shape.length === 4) && !shape.includes(0);
  if (!fits || (channels !== 1 && channels !== 3)) {
    const first = shape.length === 4 && [1, 3].includes(height);
    const hint = first ? " Channels come last here: x.transpose(0, 2, 3, 1)." : "";
    throw refuse(
      `must have shape [N, H, W] or [N, H, W, C] with 1 or 3 channels; got ${show(shape)}.${hint}`,
      "DATASET_ARRAY_SHAPE",
    );
  }
  const imageShape = [height, width, channels] as const;
  if (type === "u1") return { count, imageShape, images: data as Uint8Array, scale: 1 / 255 };
  if (type !== "f4" && type !== "f8") {
    const hint = "x.astype('uint8'), or x.astype('float32') with values as the network shall see them";
    throw refuse(
      `must be uint8, float32 or float64; got ${type}. Convert it: ${hint}.`,
      "DATASET_ARRAY_TYPE",
    );
  }
  const images = type === "f4" ? (data as Float32Array) : Float32Array.from(data as Float64Array);
  const wrong = images.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw refuse(`must hold finite float32 values; got ${data[wrong]} at ${wrong}.`, "DATASET_ARRAY_VALUE");
  }
  return { count, imageShape, images, scale: 1 };
}

function labelsOf(name: string, { type, shape, data }: NpyArray): Int32Array {
  if (shape.length !== 1 && !(shape.length === 2 && shape[1] === 1)) {
    const hint = shape.length === 2 ? " One-hot labels: y.argmax(axis=1)." : "";
    throw new DataError(`${name} must have shape [N] or [N, 1]; got ${show(shape)}.${hint}`, {
      code: "DATASET_ARRAY_SHAPE",
    });
  }
  if (type === "f4" || type === "f8" || type === "b1") {
    throw new DataError(`${name} must be whole numbers; got ${type}. Convert it: y.astype('int64').`, {
      code: "DATASET_ARRAY_TYPE",
    });
  }
  const labels = new Int32Array(data.length);
  for (let i = 0; i < labels.length; i++) {
    const label = Number(data[i]);
    checkLabel(label, `${name}[${i}]`);
    labels[i] = label;
  }
  return labels;
}
