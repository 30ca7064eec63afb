/** Whether a run may go on from a state: it must be the same run. */
import { CbapdError, mustBe, OptionError, show } from "../errors.js";
import { weightSpecs } from "../models/graph.js";
import { sameValue } from "../models/sameValue.js";
import type { Fit } from "./fit.js";
import { slotNames } from "./regions.js";
import type { Optimizer, TrainingState } from "./types.js";

/** @throws OptionError, CbapdError naming what would make the continuation differ from the uninterrupted run */
export function checkResume(resume: TrainingState, fit: Fit): void {
  for (const key of ["seed", "batchSize"] as const) {
    if (resume[key] !== fit[key]) {
      throw new OptionError(mustBe("fit", key, `be ${resume[key]}, as in the run that is resumed`, fit[key]));
    }
  }
  if (resume.optimizer.name !== fit.compiled.optimizer.name) {
    throw new OptionError(
      `fit: the run that is resumed uses ${resume.optimizer.name}; got ${fit.compiled.optimizer.name}.`,
    );
  }
  differs("fit", dataSettings(resume), dataSettings(fit));
  differs("fit: optimizer", optimizerSettings(resume.optimizer), optimizerSettings(fit.compiled.optimizer));
  for (const name of fit.weights.keys()) {
    if (!resume.weights.has(name))
      throw new CbapdError(`fit: the run that is resumed has no weight "${name}".`);
  }
  const slots = slotNames(fit.compiled.optimizer).flatMap((slot) =>
    weightSpecs(fit.graph)
      .filter(({ trainable }) => trainable)
      .map(({ name }) => `${slot}/${name}`),
  );
  const missing = slots.find((name) => !resume.slots.has(name));
  if (missing !== undefined || slots.length !== resume.slots.size) {
    const surplus = [...resume.slots.keys()].find((name) => !slots.includes(name));
    const other = missing ? `lacks ${missing}` : `has ${surplus} too`;
    throw new OptionError(
      `fit: the run that is resumed ${other}: the same layers must be frozen as in it, or not frozen.`,
    );
  }
}

/** What is done to the training data, as far as anything is. */
export function dataSettings(given: Fit | TrainingState) {
  const { augment, mixup, labelSmoothing, classWeights } =
    "compiled" in given
      ? {
          augment: given.augmentation,
          mixup: given.mixup,
          labelSmoothing: given.compiled.loss.labelSmoothing,
          classWeights: given.training.classWeights && Array.from(given.training.classWeights),
        }
      : given;
  return {
    ...(augment && { augment }),
    ...(mixup && { mixup }),
    ...(labelSmoothing && { labelSmoothing }),
    ...(classWeights && { classWeights }),
  };
}

/** A learning rate that is a number goes on from what it had become; only a schedule must be the same. */
function optimizerSettings({ learningRate, ...rest }: Optimizer) {
  return typeof learningRate === "number" ? rest : { learningRate, ...rest };
}

/** @throws OptionError naming the first setting that is not as it was */
function differs(where: string, before: object, now: object): void {
  const [old, current] = [before, now] as Record<string, unknown>[];
  for (const name of new Set([...Object.keys(old), ...Object.keys(current)])) {
    if (sameValue(old[name], current[name])) continue;
    const rule = `be ${name in old ? show(old[name]) : "left out"}, as in the run that is resumed`;
    throw new OptionError(
      `${where}: ${name} must ${rule}; got ${name in current ? show(current[name]) : "none"}.`,
    );
  }
}
