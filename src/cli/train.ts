/** `cbapd train <network>`: trains, shows it, keeps the best, and can be interrupted at any step. */
import { type Command, Option } from "commander";
import {
  type Callback,
  type FitResult,
  fastCoreAvailable,
  type Logs,
  type Model,
  models,
  type OnNaN,
  OptionError,
  resolveAugmentation,
  type SaveEvery,
  summaryText,
  type TrainingState,
} from "../index.js";
import { classWeightOf, classWeightText } from "./classWeightOption.js";
import { type LogName, loggers, parseLogs } from "./logOption.js";
import { type Network, networkOf } from "./network.js";
import {
  choice,
  type DataOptions,
  dataSettings,
  type ImageShape,
  imageShapeOf,
  imageSize,
  loadData,
  positiveNumber,
  wholeNumber,
  withDataOptions,
  withWorkers,
} from "./options.js";
import { ProgressBar, showLogs } from "./progressBar.js";
import { RunFolder, type RunSettings } from "./runFolder.js";
import { RunSaver } from "./runSaver.js";
import { forgiving, runWatch } from "./runWatch.js";
import { conclude, finish, saveRest } from "./trainEnd.js";
import {
  fitOptionsOf,
  optimizerOf,
  type TrainingOptions,
  trainingSettings,
  withTrainingOptions,
} from "./trainingOptions.js";

interface TrainOptions extends DataOptions, TrainingOptions {
  readonly batchSize: number;
  readonly workers: number;
  readonly seed: number;
  readonly width: number;
  readonly imageSize?: ImageShape;
  readonly statistics: "batch" | "moving";
  readonly exact?: boolean;
  readonly fast?: boolean;
  readonly validationFrequency: number;
  readonly onNan: OnNaN;
  readonly steps?: number;
  readonly saveEvery: SaveEvery;
  readonly run?: string;
  readonly fresh?: boolean;
  readonly log: readonly LogName[];
  readonly report: boolean;
  readonly json?: boolean;
}

/** Steps of an epoch, while only the options' sense is in question. */
const ANY_STEPS = 1000;

export function trainCommand(command: Command): void {
  command
    .argument("<network>", `${models.names.join(", ")}; or a file: my-net.js, my-net.ts, Keras' model.json`)
    .option("--epochs <n>", "in all: a continued run counts those it has", wholeNumber("--epochs"), 5)
    .option("--seed <n>", "decides weights, order and dropout", wholeNumber("--seed", 0), 0)
    .option("--image-size <size>", "of a folder's images: 32, 48x32 or 28x28x1", imageSize)
    .option("--width <factor>", "multiplies all filters and units", positiveNumber("--width"), 1)
    .option(
      "--statistics <which>",
      "inception10: normalise with batch or moving statistics",
      choice("--statistics", ["batch", "moving"]),
      "batch",
    )
    .option("--exact", "convolutions by direct sums, without Winograd: slower, nearer to exact numbers")
    .option("--fast", "the processor's own multiply-adds: faster; its bits are this machine's alone")
    .option("--validation-frequency <n>", "validate every n epochs", wholeNumber("--validation-frequency"), 1)
    .option(
      "--on-nan <what>",
      "a step gives a number that is no number: stop, skip the batch, or rollback the epoch with half the rate",
      choice("--on-nan", ["stop", "skip", "rollback"]),
      "stop",
    )
    .option("--steps <n>", "stop, as Ctrl-C does, after n steps in all", wholeNumber("--steps"))
    .addOption(
      new Option("--save-every <time>", "save within an epoch too: 30s, 5m, 500steps")
        .argParser(saveEvery)
        .default({ seconds: 30 }, "30s"),
    )
    .option("--run <folder>", "where everything is kept (default: runs/<network>)")
    .option("--fresh", "move the folder's old run aside and start anew")
    .option("--log <list>", "also write csv, jsonl, tensorboard into the folder", parseLogs, [])
    .option("--no-report", "no report.html at the end")
    .option("--json", "print one JSON object a line");
  withWorkers(withDataOptions(withTrainingOptions(command))).addHelpText(
    "after",
    "\nExample:\n  $ cbapd train lenet5 --epochs 10 --seed 1 --run runs/first\n" +
      "  $ cbapd train resnet18 --data folder:photos --image-size 32 --validation-split 0.2\n\n" +
      "Ctrl-C finishes the step, saves, and says how to go on. A run that is killed loses what came after its last save.",
  );
  command.action(runTrain);
}

async function runTrain(network: string, options: TrainOptions): Promise<void> {
  const source = await networkOf(network);
  const { name } = source;
  const folder = new RunFolder(options.run ?? `runs/${name}`);
  const say = options.json ? () => {} : (line: string) => void process.stdout.write(`${line}\n`);
  const own = options.data.startsWith("folder:") ? source.inputShape : undefined;
  const expected = imageShapeOf(options.data, options.imageSize ?? (own as ImageShape | undefined));
  // Whatever is wrong with the options shows before anything is fetched or moved.
  if (expected) resolveAugmentation(options.augment, expected);
  if (expected && source.builtIn) await buildModel(source, options, 10, expected, ANY_STEPS);
  else optimizerOf(options, ANY_STEPS);
  const { train, test } = await loadData(options, expected);
  const { imageShape } = train;
  const augment = resolveAugmentation(options.augment, imageShape);
  const stepsPerEpoch = Math.ceil(train.count / options.batchSize);
  const model = await buildModel(source, options, train.classes.length, imageShape, stepsPerEpoch);
  const classWeight = classWeightOf(options.classWeight, train.classes);
  const weightText = classWeightText(classWeight, train.classes);

  if (options.fresh) {
    const moved = await folder.moveAside();
    if (moved) say(`The old run is now in ${moved}.`);
  }
  const lock = await folder.lock();
  try {
    const settings = {
      ...settingsOf(source.label, { ...options, augment }, train.count, test.count),
      ...dataSettings(options, imageShape),
      ...(weightText && { classWeight: weightText }),
    };
    const resume = await folder.resume(settings, model.graph);
    if (!resume) await folder.begin(settings, train.classes, model);
    say(summaryText(model));
    say(`\nData: ${train.name}, ${train.count} images; validation: ${test.name}, ${test.count} images.`);
    if (train.source) say(`Source: ${train.source}. Licence: ${train.licence ?? "not stated"}.`);
    if (resume) say(resumeLine(folder, resume, Math.ceil(train.count / options.batchSize)));

    const bar = new ProgressBar();
    const interruption = new Interruption();
    const warn = (message: string) => {
      bar.clear();
      process.stderr.write(`warning: ${message}\n`);
    };
    const saver = new RunSaver(folder, lock, {
      title: `${name}, seed ${options.seed}`,
      saveEvery: options.saveEvery,
      onSaved: ({ step }) => {
        if (options.json) process.stdout.write(`${JSON.stringify({ run: folder.path, saved: step })}\n`);
      },
      warn,
    });
    const watching = [runWatch(folder.path), ...loggers(options.log, folder, resume?.epoch ?? 0)];
    let result: FitResult;
    try {
      result = await model.fit(train, {
        batchSize: options.batchSize,
        epochs: options.epochs,
        validationData: test,
        validationFrequency: options.validationFrequency,
        seed: options.seed,
        ...fitOptionsOf({ ...options, augment }),
        classWeight,
        workers: options.workers,
        maxSteps: options.steps,
        onNaN: options.onNan,
        signal: interruption.signal,
        resume,
        callbacks: [reporter(options, bar), saver, ...watching.map((callback) => forgiving(callback, warn))],
      });
    } finally {
      bar.clear();
      interruption.release();
      await saver.settle();
    }
    await saveRest(folder, saver, model, result.state, (state) =>
      folder.rescue(settings, train.classes, model, state),
    );
    if (!result.interrupted) await folder.saveWeightsText(model);
    await conclude(folder, model, result, options, test, warn);
    finish(folder, model, result, options, say);
    if (interruption.exitCode) process.exitCode = interruption.exitCode;
  } finally {
    await lock.release();
  }
}

/** The bar while it runs, and one line an epoch. */
function reporter(options: TrainOptions, bar: ProgressBar): Callback {
  let began = performance.now();
  return {
    name: "reporter",
    onEpochBegin() {
      began = performance.now();
    },
    onProgress: (progress) => {
      if (!options.json) bar.draw(progress);
    },
    onNaN({ error, action }) {
      if (action === "stop") return; // it ends the command, with this very message
      bar.clear();
      const done =
        action === "skip" ? "The batch is left out." : "Back to the epoch's beginning, at half the rate.";
      process.stderr.write(`warning: ${error.message} ${done}\n`);
    },
    onEpochEnd(epoch, logs: Logs) {
      bar.clear();
      const seconds = (performance.now() - began) / 1000;
      began = performance.now();
      const line = options.json
        ? JSON.stringify({ epoch: epoch + 1, seconds, ...logs })
        : `Epoch ${epoch + 1}/${options.epochs} - ${seconds.toFixed(1)}s${showLogs(logs)}`;
      process.stdout.write(`${line}\n`);
    },
  };
}

/** The first Ctrl-C asks training to stop after its step; the second ends the process at once. */
class Interruption {
  readonly #controller = new AbortController();
  readonly #codes = { SIGINT: 130, SIGTERM: 143 } as const;
  exitCode = 0;

  constructor() {
    process.on("SIGINT", this.#stop);
    process.on("SIGTERM", this.#stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  release(): void {
    process.off("SIGINT", this.#stop);
    process.off("SIGTERM", this.#stop);
  }

  readonly #stop = (signal: NodeJS.Signals): void => {
    const code = this.#codes[signal as "SIGINT" | "SIGTERM"];
    if (this.exitCode) process.exit(code);
    this.exitCode = code;
    process.stderr.write("\nStopping after this step (again to quit at once, without saving).\n");
    this.#controller.abort();
  };
}

/** `30`, `30s`, `5m`, `2h`, `500steps`. */
function saveEvery(text: string): SaveEvery {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(s|m|h|steps?)?$/.exec(text) ?? [];
  const value = Number(number);
  const steps = unit.startsWith("step");
  if (!(value > 0) || (steps && !Number.isInteger(value))) {
    throw new OptionError(
      `--save-every must be a time or a number of steps, as 30s, 5m or 500steps; got ${JSON.stringify(text)}.`,
    );
  }
  if (steps) return { steps: value };
  return { seconds: value * { s: 1, m: 60, h: 3600 }[unit as "s" | "m" | "h"] };
}

async function buildModel(
  source: Network,
  options: TrainOptions,
  classes: number,
  imageShape: readonly number[],
  stepsPerEpoch: number,
): Promise<Model> {
  const { width, statistics, labelSmoothing } = options;
  if (statistics !== "batch" && source.name !== "inception10") {
    throw new OptionError(`--statistics ${statistics} is for inception10; got network "${source.label}".`);
  }
  const model = await source.build({ classes, inputShape: imageShape, width, statistics });
  return model.compile({
    optimizer: optimizerOf(options, stepsPerEpoch),
    loss: { name: "sparseCategoricalCrossentropy", labelSmoothing },
    metrics: ["accuracy"],
    exact: options.exact,
    fast: options.fast,
  });
}

/** `--workers` and `--epochs` are not among them: they change nothing that is there already. */
function settingsOf(network: string, options: TrainOptions, train: number, test: number): RunSettings {
  const { data, batchSize, optimizer, learningRate, momentum, seed, width, statistics } = options;
  const { validationFrequency } = options;
  return {
    network,
    data,
    trainingImages: train,
    validationImages: test,
    batchSize,
    optimizer,
    learningRate,
    momentum,
    seed,
    width,
    statistics,
    validationFrequency,
    ...(options.exact ? { exact: true } : {}),
    ...(options.fast && fastCoreAvailable() ? { fast: true } : {}),
    ...trainingSettings(options),
  };
}

function resumeLine(folder: RunFolder, state: TrainingState, steps: number): string {
  const where = `${state.epoch} epochs and ${state.stepInEpoch} of ${steps} steps`;
  return `Resuming ${folder.path}: ${where} are done.`;
}
