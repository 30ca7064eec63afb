/**
 * Callbacks that write down how training goes. A run that goes on first cuts off what its files say of epochs that it has not
 * done: after a kill the files may be ahead of the checkpoint. So no epoch is there twice.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { FileError, mustBe, OptionError, rejectUnknownKeys } from "../errors.js";
import { encodeEvent, encodeVersion, type SummaryValue, stepOf } from "../formats/events.js";
import { encodeRecord, readRecords } from "../formats/tfrecord.js";
import { filterPicture } from "./filterPicture.js";
import type { Callback, CallbackContext } from "./types.js";

/** Keeps the lines of a text file for which `keep` holds, up to the first for which it does not, or that is cut off. */
export function cutLines(path: string, keep: (line: string, index: number) => boolean): void {
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  let kept = 0;
  for (let index = 0; ; index++) {
    const end = bytes.indexOf(0x0a, kept);
    if (end < 0 || !keep(bytes.toString("utf8", kept, end), index)) break;
    kept = end + 1;
  }
  if (kept < bytes.length) truncateSync(path, kept);
}

/** What the file system says, as an error of ours. */
export function writing<T>(who: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new FileError(`${who}: ${path} cannot be written: ${(cause as Error).message}.`, { cause });
  }
}

/** Where a run stands: its complete epochs. */
const epochsDone = (context: CallbackContext): number => context.getTrainingState().epoch;

/**
 * One JSON object a line for each epoch: its number from 1, its seconds, and the logs. A number that JSON has not is null.
 * A new run begins the file anew; one that goes on appends.
 */
export function jsonLogger(path: string): Callback {
  let began = performance.now();
  return {
    name: `jsonLogger ${path}`,
    onTrainBegin(context) {
      const done = epochsDone(context);
      began = performance.now();
      writing("jsonLogger", path, () => {
        mkdirSync(dirname(path), { recursive: true });
        if (done === 0) writeFileSync(path, "");
        cutLines(path, (line) => epochOf(line) <= done);
      });
    },
    onEpochBegin() {
      began = performance.now();
    },
    onEpochEnd(epoch, logs) {
      const seconds = (performance.now() - began) / 1000;
      const line = JSON.stringify({ epoch: epoch + 1, seconds, ...logs });
      writing("jsonLogger", path, () => appendFileSync(path, `${line}\n`));
    },
  };
}

/** NaN for a line that is not ours, which is thereby cut off. */
function epochOf(line: string): number {
  try {
    return Number((JSON.parse(line) as { epoch?: unknown }).epoch);
  } catch {
    return Number.NaN;
  }
}

export interface TensorBoardOptions {
  /** Histograms of weights and of the last step's gradients every so many epochs; 0: never. */
  readonly histogramFreq?: number; // 1
  /** The first convolution's filters as a picture, as often as histograms. */
  readonly writeImages?: boolean; // true
}

/**
 * Event files for TensorBoard, under Keras' names: `train` and `validation` in the folder, epoch_loss, epoch_accuracy,
 * epoch_learning_rate; histograms `conv2d/kernel` and `gradients/conv2d/kernel`; the picture `filters/conv2d`. The step is the epoch.
 */
export function tensorBoard(folder: string, options: TensorBoardOptions = {}): Callback {
  rejectUnknownKeys("tensorBoard", options, ["histogramFreq", "writeImages"]);
  const { histogramFreq = 1, writeImages = true } = options;
  if (!Number.isInteger(histogramFreq) || histogramFreq < 0) {
    throw new OptionError(mustBe("tensorBoard", "histogramFreq", "be an integer ≥ 0", histogramFreq));
  }
  let train: EventFile;
  let validation: EventFile;
  return {
    name: `tensorBoard ${folder}`,
    onTrainBegin(context) {
      const done = epochsDone(context);
      train = new EventFile(join(folder, "train"), done);
      validation = new EventFile(join(folder, "validation"), done);
    },
    async onEpochEnd(epoch, logs, context) {
      const scalars = Object.entries(logs);
      const ofValidation = scalars.filter(([name]) => name.startsWith("val_"));
      const values: SummaryValue[] = scalars
        .filter(([name]) => !name.startsWith("val_"))
        .map(([name, scalar]) => ({ tag: `epoch_${name}`, scalar }));
      values.push({ tag: "epoch_learning_rate", scalar: context.learningRate });
      if (histogramFreq > 0 && (epoch + 1) % histogramFreq === 0) {
        values.push(...(await pictures(context, writeImages)));
      }
      train.append(epoch, values);
      if (ofValidation.length > 0) {
        validation.append(
          epoch,
          ofValidation.map(([name, scalar]) => ({ tag: `epoch_${name.slice(4)}`, scalar })),
        );
      }
    },
  };
}

async function pictures(context: CallbackContext, writeImages: boolean): Promise<SummaryValue[]> {
  const weights = context.getWeights();
  const gradients = context.getGradients();
  const values: SummaryValue[] = [
    ...Array.from(weights, ([tag, histogram]) => ({ tag, histogram })),
    ...Array.from(gradients, ([name, histogram]) => ({ tag: `gradients/${name}`, histogram })),
  ];
  const picture = writeImages ? filterPicture(context.graph, weights) : undefined;
  if (!picture) return values;
  const { encode } = await import("fast-png");
  const { width, height, pixels: data, layer } = picture;
  const png = encode({ width, height, data, channels: 3, depth: 8 });
  return [...values, { tag: `filters/${layer}`, image: { width, height, channels: 3, png } }];
}

/** One folder's event file. It is begun with its first event. */
class EventFile {
  readonly #folder: string;
  #path: string | undefined;

  /** @param done  epochs of the run: what the folder says of later ones is cut off, and of all when there are none */
  constructor(folder: string, done: number) {
    this.#folder = folder;
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.includes(".tfevents.")) : [];
    for (const name of names.sort()) {
      const path = join(folder, name);
      writing("tensorBoard", path, () => cutEvents(path, done));
      this.#path = path;
    }
  }

  append(step: number, values: readonly SummaryValue[]): void {
    const wallTime = Date.now() / 1000;
    const event = encodeRecord(encodeEvent({ wallTime, step, values }));
    if (this.#path === undefined) {
      const path = join(
        this.#folder,
        `events.out.tfevents.${Math.floor(wallTime)}.${hostname()}.${process.pid}`,
      );
      writing("tensorBoard", path, () => {
        mkdirSync(this.#folder, { recursive: true });
        writeFileSync(path, encodeRecord(encodeVersion(wallTime)));
      });
      this.#path = path;
    }
    const path = this.#path;
    writing("tensorBoard", path, () => appendFileSync(path, event));
  }
}

function cutEvents(path: string, done: number): void {
  const bytes = readFileSync(path);
  let kept = 0;
  let isFirst = true;
  for (const { data, end } of readRecords(bytes)) {
    // The first record is the format's version, of no step.
    if (!isFirst && stepOf(data) >= done) break;
    isFirst = false;
    kept = end;
  }
  if (kept < bytes.length) truncateSync(path, kept);
  if (kept === 0) writeFileSync(path, encodeRecord(encodeVersion(Date.now() / 1000)));
}
