import { describeData, hasCifar10, setPage, testImages } from "./data.js";
import { availableWorkers, OptionError } from "./library.js";
import type { Handlers } from "./protocol/index.js";
import type { Environment, TrainCalls } from "./protocol/train.js";
import { Run } from "./run.js";

let run: Run | undefined;

/** The run that there is. @throws OptionError */
export function currentRun(): Run {
  if (!run) throw new OptionError("No network has been set up yet.");
  return run;
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
