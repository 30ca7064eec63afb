import { describeData, hasCifar10, setPage, testImages } from "./data.js";
import { availableWorkers, OptionError, type TrainingState } from "./library.js";
import type { Handlers } from "./protocol/index.js";
import type { Environment, Setup, TrainCalls } from "./protocol/train.js";
import { Run } from "./run.js";

let run: Run | undefined;

/** The run that there is. @throws OptionError */
export function currentRun(): Run {
  if (!run) throw new OptionError("No network has been set up yet.");
  return run;
}

/** Where the run stands, or began from when it is under way, if it is of these settings. */
export function trainingStateOf(setup: Partial<Setup>): TrainingState | undefined {
  const of = run?.setup;
  const same = of && Object.entries(setup).every(([key, value]) => Object.is(of[key as keyof Setup], value));
  return same ? run?.state : undefined;
}

async function environment(page: string): Promise<Environment> {
  setPage(page);
  return { isolated: crossOriginIsolated, workers: availableWorkers(), cifar10: await hasCifar10() };
}

export const trainHandlers: Handlers<TrainCalls> = {
  environment,
  describeData,
  testImages,
  async begin(setup) {
    await run?.pause();
    run = await Run.begin(setup);
    return run.view();
  },
  advance: ({ until, workers }) => currentRun().advance(until, workers),
  pause: () => void run?.pause(),
  outlook: () => currentRun().outlook(),
};
