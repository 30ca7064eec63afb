/** The command line's words for how to learn: what they become, what run.json remembers, and what is refused. */
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import {
  fitOptionsOf,
  optimizerOf,
  type TrainingOptions,
  trainingSettings,
  withTrainingOptions,
} from "../src/cli/trainingOptions.js";
import { learningRateAt, sgd } from "../src/index.js";

function parse(line: string, epochs = 10): TrainingOptions {
  const command = withTrainingOptions(new Command().exitOverride());
  command.parse(line.split(" ").filter(Boolean), { from: "user" });
  return { ...command.opts<TrainingOptions>(), epochs };
}

/** The learning rate of each of the first steps, a hundred an epoch. */
function rates(line: string, steps: readonly number[]): number[] {
  const { learningRate } = optimizerOf(parse(line), 100);
  return steps.map((step) => Math.round(learningRateAt(learningRate, step) * 1e9) / 1e9);
}

describe("optimizers", () => {
  it("are the library's", () => {
    expect(optimizerOf(parse(""), 1)).toMatchObject({ name: "adam", learningRate: 0.001 });
    expect(
      optimizerOf(
        parse(
          "--optimizer sgd --learning-rate 0.1 --momentum 0.9 --nesterov --weight-decay 5e-4 --clip-norm 1",
        ),
        1,
      ),
    ).toEqual(sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 5e-4, clipnorm: 1 }));
    expect(
      optimizerOf(parse("--optimizer adamw --exclude-from-weight-decay bias,gamma --ema"), 1),
    ).toMatchObject({
      name: "adamw",
      weightDecay: 0.004,
      excludeFromWeightDecay: ["bias", "gamma"],
      useEma: true,
      emaMomentum: 0.99,
    });
    expect(
      optimizerOf(parse("--optimizer rmsprop --momentum 0.5 --ema 0.9 --clip-value 2"), 1),
    ).toMatchObject({
      name: "rmsprop",
      momentum: 0.5,
      emaMomentum: 0.9,
      clipvalue: 2,
    });
    expect(optimizerOf(parse("--global-clip-norm 3"), 1)).toMatchObject({ globalClipnorm: 3 });
  });
});

describe("schedules, in epochs", () => {
  it.each<[string, readonly number[], readonly number[]]>([
    ["", [0, 999], [0.001, 0.001]],
    ["--schedule constant --warmup-epochs 2", [0, 100, 200, 999], [0, 0.0005, 0.001, 0.001]],
    ["--schedule step:2,5", [0, 199, 200, 499, 500], [0.001, 0.001, 0.0001, 0.0001, 0.00001]],
    ["--schedule step:2,5 --warmup-epochs 1", [0, 50, 199, 200, 500], [0, 0.0005, 0.001, 0.0001, 0.00001]],
    ["--schedule exponential:0.5", [0, 100, 200], [0.001, 0.0005, 0.00025]],
    ["--schedule cosine", [0, 500, 1000], [0.001, 0.0005, 0]],
    ["--schedule cosine:4 --warmup-epochs 2", [0, 100, 200, 300, 400], [0, 0.0005, 0.001, 0.0005, 0]],
    ["--schedule one-cycle", [0, 299, 999], [0.00004, 0.001, 4e-9]],
    ["--schedule one-cycle --warmup-epochs 5", [499, 999], [0.001, 4e-9]],
  ])("%s", (line, steps, expected) => {
    expect(rates(line, steps)).toEqual(expected);
  });
});

describe("what run.json remembers", () => {
  it("is what is set, in one form whatever the user's was", () => {
    expect(trainingSettings(parse(""))).toEqual({});
    expect(trainingSettings(parse("--schedule constant --label-smoothing 0 --momentum 0"))).toEqual({});
    expect(
      trainingSettings(parse("--schedule cosine --mixup --ema --augment cutout,flip --label-smoothing 0.1")),
    ).toEqual({
      schedule: "cosine:10",
      mixup: 0.2,
      ema: 0.99,
      augment: "flip,cutout:8",
      labelSmoothing: 0.1,
    });
    expect(trainingSettings(parse("--schedule step:20,40 --warmup-epochs 5"))).toEqual({
      schedule: "step:20,40",
      warmupEpochs: 5,
    });
    expect(fitOptionsOf(parse("--mixup 0.4 --augment crop"))).toEqual({ mixup: 0.4, augment: { crop: 4 } });
  });
});

describe("what is refused", () => {
  it.each<[string, string]>([
    ["--optimizer rmspop", '--optimizer: unknown value "rmspop". Did you mean "rmsprop"?'],
    ["--schedule cosin", '--schedule: unknown schedule "cosin". Did you mean "cosine"?'],
    [
      "--schedule step",
      '--schedule step must name epochs in ascending order, such as step:20,40; got "step".',
    ],
    ["--schedule step:20,20", 'such as step:20,40; got "step:20,20".'],
    ["--schedule exponential:", "--schedule exponential must name the factor of an epoch"],
    ["--schedule cosine:1.5", "--schedule cosine must name a whole number of epochs, such as cosine:30"],
    ["--schedule one-cycle:2:3", "--schedule one-cycle must have one colon at most"],
    ["--schedule constant:3", "--schedule constant must stand alone"],
    ["--schedule cosine:3 --warmup-epochs 3", "--warmup-epochs must be less than the schedule's 3; got 3."],
    [
      "--schedule step:2 --warmup-epochs 2",
      "--warmup-epochs must end before --schedule's first epoch; got 2.",
    ],
    ["--momentum 0.9", "--momentum is for sgd and rmsprop; got --optimizer adam."],
    ["--optimizer sgd --nesterov", "--nesterov is for sgd with a --momentum."],
    ["--exclude-from-weight-decay bias", "--exclude-from-weight-decay needs --weight-decay."],
    ["--clip-norm 1 --clip-value 1", "only one of clipnorm, clipvalue, globalClipnorm may be set"],
    ["--clip-norm 0", '--clip-norm must be a positive number; got "0".'],
    ["--label-smoothing 1", '--label-smoothing must lie in [0, 1); got "1".'],
    ["--ema 1.5", '--ema must lie in [0, 1); got "1.5".'],
    ["--augment flip,crob:4", '--augment: unknown augmentation "crob". Did you mean "crop"?'],
    ["--augment crop:4,crop", "--augment names crop twice."],
    ["--augment cutout:x", '--augment must name cutout or cutout:<number>; got "cutout:x".'],
    ["--augment flip:2", '--augment must name flip, which takes no number; got "flip:2".'],
  ])("%s", (line, message) => {
    expect(() => optimizerOf(parse(line), 100)).toThrow(message);
  });
});
