/** How `train` learns: augmentation, optimizer, schedule. Text to settings, and what run.json remembers of them. */
import type { Command } from "commander";
import {
  type Augmentation,
  adam,
  adamw,
  cosineDecay,
  exponentialDecay,
  type LearningRateSchedule,
  OPTIMIZER_NAMES,
  type Optimizer,
  OptionError,
  oneCycle,
  piecewiseConstantDecay,
  rmsprop,
  sgd,
  unknownName,
  warmup,
} from "../index.js";
import { augmentText, parseAugment } from "./augmentOption.js";
import { type ClassWeightText, parseClassWeight } from "./classWeightOption.js";
import { choice, positiveNumber } from "./options.js";
import type { RunSettings } from "./runFolder.js";

export interface TrainingOptions {
  readonly epochs: number;
  readonly optimizer: Optimizer["name"];
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov?: boolean;
  readonly schedule?: ScheduleText;
  readonly warmupEpochs?: number;
  readonly weightDecay?: number;
  readonly excludeFromWeightDecay?: readonly string[];
  readonly clipNorm?: number;
  readonly clipValue?: number;
  readonly globalClipNorm?: number;
  /** true: with the default momentum. */
  readonly ema?: number | true;
  readonly labelSmoothing?: number;
  /** true: with the default alpha. */
  readonly mixup?: number | true;
  readonly augment?: Augmentation;
  readonly classWeight?: ClassWeightText;
}

/** `step:20,40` taken apart. */
interface ScheduleText {
  readonly name: (typeof SCHEDULES)[number];
  readonly numbers: readonly number[];
}

const SCHEDULES = ["constant", "step", "exponential", "cosine", "one-cycle"] as const;
const MIXUP_ALPHA = 0.2;
const EMA_MOMENTUM = 0.99;
/** What `step` multiplies the rate by. */
const STEP_FACTOR = 0.1;

export function withTrainingOptions(command: Command): Command {
  return command
    .option("--optimizer <name>", OPTIMIZER_NAMES.join(", "), choice("--optimizer", OPTIMIZER_NAMES), "adam")
    .option("--learning-rate <rate>", "the schedule's highest", positiveNumber("--learning-rate"), 0.001)
    .option("--momentum <share>", "of sgd and rmsprop", share("--momentum"), 0)
    .option("--nesterov", "sgd: looks ahead along its momentum")
    .option(
      "--schedule <name>",
      "constant, step:20,40 (epochs at which the rate falls to a tenth), exponential:0.9 (an epoch), " +
        "cosine[:epochs] or one-cycle[:epochs]",
      parseSchedule,
    )
    .option("--warmup-epochs <n>", "the rate rises in a line first", positiveNumber("--warmup-epochs"))
    .option("--weight-decay <rate>", "decoupled, as AdamW's", positiveNumber("--weight-decay"))
    .option(
      "--exclude-from-weight-decay <names>",
      "parts of weights' names, such as bias,gamma,beta",
      (text) => text.split(",").map((name) => name.trim()),
    )
    .option("--clip-norm <limit>", "of each weight's gradient", positiveNumber("--clip-norm"))
    .option("--clip-value <limit>", "of each element of a gradient", positiveNumber("--clip-value"))
    .option("--global-clip-norm <limit>", "of all gradients as one", positiveNumber("--global-clip-norm"))
    .option("--ema [momentum]", "validate and keep a moving average of the weights", share("--ema"))
    .option("--label-smoothing <share>", "of the label, spread over all classes", share("--label-smoothing"))
    .option("--mixup [alpha]", "mix each image with the next", positiveNumber("--mixup"))
    .option("--augment <list>", "of training images: flip,crop:4,cutout:8,color:0.2", parseAugment)
    .option(
      "--class-weight <weights>",
      "of training losses: balanced (rare classes count as much as others), or cat=2,dog=1, or JSON",
      parseClassWeight,
    );
}

/** @throws OptionError */
export function optimizerOf(options: TrainingOptions, stepsPerEpoch: number): Optimizer {
  const { momentum, nesterov, ema, weightDecay, excludeFromWeightDecay } = options;
  if (momentum > 0 && options.optimizer !== "sgd" && options.optimizer !== "rmsprop") {
    throw new OptionError(`--momentum is for sgd and rmsprop; got --optimizer ${options.optimizer}.`);
  }
  if (nesterov && !(options.optimizer === "sgd" && momentum > 0)) {
    throw new OptionError("--nesterov is for sgd with a --momentum.");
  }
  if (excludeFromWeightDecay && weightDecay === undefined && options.optimizer !== "adamw") {
    throw new OptionError("--exclude-from-weight-decay needs --weight-decay.");
  }
  const common = {
    learningRate: learningRateOf(options, stepsPerEpoch),
    ...(weightDecay !== undefined && { weightDecay }),
    ...(excludeFromWeightDecay && { excludeFromWeightDecay }),
    clipnorm: options.clipNorm,
    clipvalue: options.clipValue,
    globalClipnorm: options.globalClipNorm,
    ...(ema && { useEma: true, emaMomentum: ema === true ? EMA_MOMENTUM : ema }),
  };
  switch (options.optimizer) {
    case "adam":
      return adam(common);
    case "adamw":
      return adamw(common);
    case "sgd":
      return sgd({ ...common, momentum, nesterov });
    case "rmsprop":
      return rmsprop({ ...common, momentum });
  }
}

/** What `fit` takes of them. */
export function fitOptionsOf({ mixup, augment }: TrainingOptions) {
  return { mixup: mixup === true ? MIXUP_ALPHA : mixup, augment };
}

/** What is set, apart from optimizer, learning rate and momentum, which run.json has always had. */
export function trainingSettings(options: TrainingOptions): RunSettings {
  const { mixup } = fitOptionsOf(options);
  const { schedule, ema, augment, excludeFromWeightDecay } = options;
  const settings = {
    nesterov: options.nesterov,
    schedule: schedule && scheduleText(schedule, options.epochs),
    warmupEpochs: options.warmupEpochs,
    weightDecay: options.weightDecay,
    excludeFromWeightDecay: excludeFromWeightDecay?.join(","),
    clipNorm: options.clipNorm,
    clipValue: options.clipValue,
    globalClipNorm: options.globalClipNorm,
    ema: ema === true ? EMA_MOMENTUM : ema,
    labelSmoothing: options.labelSmoothing || undefined,
    mixup,
    augment: augment && augmentText(augment),
  };
  return Object.fromEntries(
    Object.entries(settings).filter((entry): entry is [string, string | number | true] => !!entry[1]),
  );
}

/** The rate, or the schedule that it follows, in steps. @throws OptionError */
function learningRateOf(options: TrainingOptions, stepsPerEpoch: number): number | LearningRateSchedule {
  const { learningRate, schedule = { name: "constant", numbers: [] }, warmupEpochs = 0, epochs } = options;
  const warmupSteps = Math.round(warmupEpochs * stepsPerEpoch);
  const [horizon = epochs] = schedule.numbers;
  const totalSteps = horizon * stepsPerEpoch;
  if ((schedule.name === "cosine" || schedule.name === "one-cycle") && warmupEpochs >= horizon) {
    throw new OptionError(
      `--warmup-epochs must be less than the schedule's ${horizon}; got ${warmupEpochs}.`,
    );
  }
  const warmed = (then: Parameters<typeof warmup>[0]["schedule"]) =>
    warmupSteps > 0 ? warmup({ warmupSteps, schedule: then }) : then;
  switch (schedule.name) {
    case "constant":
      return warmed(learningRate);
    case "step": {
      const values = [learningRate];
      for (const _ of schedule.numbers) values.push(values[values.length - 1] * STEP_FACTOR);
      // A boundary is the last step of its value; a schedule after a warm-up counts from the warm-up's end.
      const boundaries = schedule.numbers.map((epoch) => epoch * stepsPerEpoch - 1 - warmupSteps);
      if (boundaries.some((step) => step < 0)) {
        throw new OptionError(
          `--warmup-epochs must end before --schedule's first epoch; got ${warmupEpochs}.`,
        );
      }
      return warmed(piecewiseConstantDecay({ boundaries, values }));
    }
    case "exponential": {
      const [decayRate] = schedule.numbers;
      return warmed(
        exponentialDecay({ initialLearningRate: learningRate, decaySteps: stepsPerEpoch, decayRate }),
      );
    }
    case "cosine":
      return warmupSteps === 0
        ? cosineDecay({ initialLearningRate: learningRate, decaySteps: totalSteps })
        : cosineDecay({
            initialLearningRate: 0,
            warmupTarget: learningRate,
            warmupSteps,
            decaySteps: totalSteps - warmupSteps,
          });
    case "one-cycle": {
      const warmupShare = warmupSteps > 0 ? warmupSteps / totalSteps : undefined;
      return oneCycle({
        maxLearningRate: learningRate,
        totalSteps,
        ...(warmupShare !== undefined && { warmupShare }),
      });
    }
  }
}

/** A parser for commander. @throws OptionError */
export function parseSchedule(text: string): ScheduleText {
  const [given, list, ...rest] = text.split(":");
  const name = SCHEDULES.find((known) => known === given);
  if (!name) throw new OptionError(`--schedule: ${unknownName("schedule", given, SCHEDULES)}`);
  const numbers =
    list === undefined ? [] : list.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  const refuse = (rule: string): never => {
    throw new OptionError(`--schedule ${name} must ${rule}; got ${JSON.stringify(text)}.`);
  };
  if (rest.length > 0) refuse("have one colon at most");
  const whole = numbers.every((number) => Number.isInteger(number) && number > 0);
  if (name === "constant" && list !== undefined) refuse("stand alone");
  if (
    name === "step" &&
    !(whole && numbers.length > 0 && numbers.every((at, i) => i === 0 || at > numbers[i - 1]))
  ) {
    refuse("name epochs in ascending order, such as step:20,40");
  }
  if (name === "exponential" && !(numbers.length === 1 && numbers[0] > 0 && Number.isFinite(numbers[0]))) {
    refuse("name the factor of an epoch, such as exponential:0.9");
  }
  if ((name === "cosine" || name === "one-cycle") && !(whole && numbers.length <= 1)) {
    refuse(`name a whole number of epochs, such as ${name}:30`);
  }
  return { name, numbers };
}

/** With its epochs, which are part of what a continued run must have the same. */
function scheduleText({ name, numbers }: ScheduleText, epochs: number): string | undefined {
  if (name === "constant") return undefined;
  const spans = name === "cosine" || name === "one-cycle";
  return `${name}:${(spans ? [numbers[0] ?? epochs] : numbers).join(",")}`;
}

/** A parser for commander: a number in [0, 1). @throws OptionError */
function share(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= 0 && value < 1)) {
      throw new OptionError(`${option} must lie in [0, 1); got ${JSON.stringify(text)}.`);
    }
    return value;
  };
}
